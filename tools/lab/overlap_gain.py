"""What separation brings to the words of a call: simulated calls with a tenth of their speech overlapped, between
people whom the separator was not trained on, through the whole pipeline with separation off and on, in one run.

`python -m speakerline.tools.lab.overlap_gain FOLDER` prints the table of docs/accuracy.md. The folder holds utterances
with their TextGrids, as `tools.simulate.transcripts` reads them.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from speakerline.shared.contract.v1 import Separated, SeparationOutcome
from speakerline.shared.pipeline import TURNS
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.timeline.spans import length, union
from speakerline.tools.lab.measuring import off_and_on, overlaps, pooled, report
from speakerline.tools.lab.recordings import with_words
from speakerline.tools.pipeline.offline import timeline_events
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.score.normalise import normalise, normalise_reference
from speakerline.tools.score.report import Labelling
from speakerline.tools.score.score import folded
from speakerline.tools.score.transcripts import Said, Words
from speakerline.tools.score.word_errors import WordErrors
from speakerline.tools.score.word_speakers import WordAttribution, word_attribution
from speakerline.tools.score.words import score_words, words_of
from speakerline.tools.simulate.simulator import SimulatedCall
from speakerline.tools.simulate.turn_taking import Conversation

FIRST_SEED = 60_000
OVERLAP = 0.5
"""The manner of talk that overlaps a tenth of the speech."""


@dataclass(slots=True)
class Tally:
    """Sums over calls: labels in reference overlaps and everywhere, words of all kinds."""

    overlapped: list[Labelling] = field(default_factory=list)
    everywhere: list[Labelling] = field(default_factory=list)
    cpwer: WordErrors = field(default_factory=lambda: WordErrors(0, 0, 0, 0))
    wer: WordErrors = field(default_factory=lambda: WordErrors(0, 0, 0, 0))
    words: WordAttribution = field(default_factory=lambda: WordAttribution(0, 0, 0))
    """Of the words that are said while somebody else speaks."""
    separated: int = 0

    def row(self, mode: str) -> str:
        ders = [pooled(labels).errors[0].der for labels in (self.overlapped, self.everywhere)]
        found, right = (part / max(self.words.words, 1) for part in (self.words.found, self.words.right))
        shares = (*ders, found, right, self.words.share, self.cpwer.rate, self.wer.rate)
        return " | ".join([mode, *(f"{100 * share:.1f}" for share in shares), str(self.separated)])


HEAD = (
    "separation | DER in overlaps | DER everywhere | overlapped words found | found with the right speaker | "
    "right of found | cpWER | WER | overlaps separated (all in %, but the last)"
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.lab.overlap_gain", description=__doc__)
    parser.add_argument("speech", type=Path, help="a folder of utterances with their TextGrids")
    parser.add_argument("--calls", type=int, default=12, metavar="N", help="(default: 12)")
    parser.add_argument("--seconds", type=float, default=90.0, metavar="T", help="length of a call (default: 90)")
    parser.add_argument("--seed", type=int, default=FIRST_SEED, metavar="S", help="of the first call")
    given = parser.parse_args(arguments)
    manner = Conversation(speakers=2, duration_s=given.seconds, overlap=OVERLAP)
    try:
        calls = with_words(given.speech, given.calls, given.seed, manner)
    except (OSError, ValueError) as error:
        print(f"overlap_gain: {error}", file=sys.stderr)
        return 1
    print(table(asyncio.run(measured(calls, Settings.from_environment())), calls))
    return 0


async def measured(calls: Sequence[SimulatedCall], settings: Settings) -> dict[str, Tally]:
    """Interim words are left out: they cost time and change no final one."""
    tallies = {mode: Tally() for mode in ("off", "on")}
    async for call, mode, heard in off_and_on(calls, settings.model_copy(update={"asr_interims": False})):
        _add(tallies[mode], call, heard)
    return tallies


def table(tallies: dict[str, Tally], calls: Sequence[SimulatedCall]) -> str:
    overlapped = sum(length(overlaps(call.truth)) for call in calls)
    spoken = sum(length(union(span for spans in call.truth.values() for span in spans)) for call in calls)
    words = tallies["on"].words
    head = (
        f"{len(calls)} calls, {spoken / 1000:.0f} s of speech, {100 * overlapped / spoken:.1f} % of it of two at once; "
        f"{tallies['on'].wer.words} words, {words.words} of them overlapped"
    )
    return "\n".join([head, HEAD, *(tally.row(mode) for mode, tally in tallies.items())])


def _add(tally: Tally, call: SimulatedCall, heard: OfflineCall) -> None:
    both = overlaps(call.truth)
    said = [Said(w.speaker, round(w.start_s * 1000), round(w.end_s * 1000), w.text) for w in call.words or ()]
    found = words_of(folded(timeline_events(heard)))
    scored = score_words(Words(tuple(said)), found)
    overlapped = [one for one in said if any(start <= one.middle_ms < end for start, end in both)]
    reference = [replace(one, text=word) for one in overlapped for word in normalise_reference(one.text)]
    hypothesis = [replace(one, text=word) for one in found.said for word in normalise(one.text)]
    separations = [event.body for event in heard.events(TURNS) if isinstance(event.body, Separated)]
    done = {one.separation_id for one in separations if one.outcome == SeparationOutcome.SEPARATED}
    tally.overlapped.append(report(call, heard, both).final)
    tally.everywhere.append(report(call, heard).final)
    tally.cpwer += scored.cpwer.errors
    tally.wer += scored.wer
    tally.words += word_attribution(reference, hypothesis, scored.cpwer.mapping)
    tally.separated += len(done)


if __name__ == "__main__":
    sys.exit(main())
