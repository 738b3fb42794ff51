"""What separation brings to the words of a call: simulated calls with a tenth of their speech overlapped, between
people whom the separator never heard, through the whole pipeline with separation off and on, in one run.

`python -m speakerline.tools.lab.overlap_gain FOLDER` prints the table of docs/accuracy.md. The folder holds utterances
with their TextGrids, as `tools.simulate.transcripts` reads them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from speakerline.shared.contract.v1 import Separated, SeparationOutcome
from speakerline.shared.pipeline import AGGREGATOR, ASR, CLUSTERING, EMBEDDING, SEPARATION, TURNS, VAD
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.timeline.spans import Span, union
from speakerline.tools.lab.overlap_scoring import NOTHING, OverlapScore, score_overlaps
from speakerline.tools.pipeline.offline import Pipeline, segments_of, timeline_of
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.score.normalise import normalise, normalise_reference
from speakerline.tools.score.rttm import Segment
from speakerline.tools.score.transcripts import Said, Words
from speakerline.tools.score.word_errors import WordErrors
from speakerline.tools.score.word_speakers import TimedWord, WordAttribution, word_attribution
from speakerline.tools.score.words import score_words, words_of
from speakerline.tools.simulate.simulator import CallSettings, SimulatedCall, simulate_call
from speakerline.tools.simulate.turn_taking import Conversation
from speakerline.tools.simulate.voices import find_utterances

FIRST_SEED = 60_000
OVERLAP = 0.5
"""The manner of talk that overlaps a tenth of the speech."""


@dataclass
class Tally:
    """Sums over calls: DER and so on in reference overlaps and everywhere, words of all kinds."""

    overlapped: OverlapScore = NOTHING
    everywhere: OverlapScore = NOTHING
    cpwer: WordErrors = field(default_factory=lambda: WordErrors(0, 0, 0, 0))
    wer: WordErrors = field(default_factory=lambda: WordErrors(0, 0, 0, 0))
    words: WordAttribution = field(default_factory=lambda: WordAttribution(0, 0, 0))
    """Of the words that are said while somebody else speaks."""
    separated: int = 0

    def row(self, mode: str) -> str:
        found, right = (100 * part / max(self.words.words, 1) for part in (self.words.found, self.words.right))
        figures = (
            self.overlapped.error,
            self.overlapped.attribution,
            self.everywhere.error,
            found,
            right,
            100 * self.words.share,
            100 * self.cpwer.rate,
            100 * self.wer.rate,
        )
        return " | ".join([mode, *(f"{figure:.1f}" for figure in figures), str(self.separated)])


HEAD = (
    "separation | in overlaps: DER | speech to the right speaker | DER everywhere | overlapped words found | "
    "found with the right speaker | right of found | cpWER | WER | stretches separated (all in %, but the last)"
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m speakerline.tools.lab.overlap_gain", description=__doc__.split("\n")[0]
    )
    parser.add_argument("speech", type=Path, help="a folder of utterances with their TextGrids")
    parser.add_argument("--calls", type=int, default=12, metavar="N", help="(default: 12)")
    parser.add_argument("--seconds", type=float, default=90.0, metavar="T", help="length of a call (default: 90)")
    parser.add_argument("--seed", type=int, default=FIRST_SEED, metavar="S", help="of the first call")
    given = parser.parse_args(arguments)
    manner = CallSettings(Conversation(speakers=2, duration_s=given.seconds, overlap=OVERLAP))
    try:
        people = find_utterances(given.speech)
        calls = [simulate_call(people, given.seed + number, manner) for number in range(given.calls)]
    except (OSError, ValueError) as error:
        print(f"overlap_gain: {error}", file=sys.stderr)
        return 1
    if any(call.words is None for call in calls):
        print(f"overlap_gain: {given.speech}: expected a TextGrid beside every utterance", file=sys.stderr)
        return 1
    print(report(asyncio.run(measured(calls, Settings.from_environment())), calls))
    return 0


async def measured(calls: Sequence[SimulatedCall], settings: Settings) -> dict[str, Tally]:
    """Every call heard once up to its overlaps, and from there with separation off and on. Interim words are left
    out: they cost time and change no final one."""
    settings = settings.model_copy(update={"asr_interims": False})
    on = Pipeline(settings)
    shared = {name: stage for name, stage in on.stages.items() if name != SEPARATION.name}
    modes = {"off": Pipeline(settings.model_copy(update={"separation_model": "off"}), shared), "on": on}
    tallies = {mode: Tally() for mode in modes}
    for number, call in enumerate(calls, 1):
        heard = OfflineCall.of(call.name, call.samples, call.rate)
        await on.run(heard, (VAD, EMBEDDING))
        for mode, pipeline in modes.items():
            heard.sounds.clear()
            await pipeline.run(heard, (SEPARATION, CLUSTERING, ASR, AGGREGATOR))
            tallies[mode] = _with(tallies[mode], call, heard)
        print(f"\rcall {number} of {len(calls)}", end="\n" if number == len(calls) else "", file=sys.stderr, flush=True)
    return tallies


def report(tallies: dict[str, Tally], calls: Sequence[SimulatedCall]) -> str:
    overlapped = sum(end - start for call in calls for start, end in overlaps(call.truth))
    spoken = sum(end - start for call in calls for start, end in union(_spans(call.truth)))
    words = tallies["on"].words
    told = (
        f"{len(calls)} calls, {spoken / 1000:.0f} s of speech, {100 * overlapped / spoken:.1f} % of it of two at once; "
        f"{tallies['on'].wer.words} words, {words.words} of them overlapped"
    )
    return "\n".join([told, HEAD, *(tally.row(mode) for mode, tally in tallies.items())])


def overlaps(truth: Sequence[Segment]) -> list[Span]:
    """Where two or more speak, in ms."""
    spans: list[Span] = []
    for number, one in enumerate(truth):
        for other in truth[number + 1 :]:
            start, end = max(one.start_s, other.start_s), min(one.end_s, other.end_s)
            if one.speaker != other.speaker and start < end:
                spans.append((round(start * 1000), round(end * 1000)))
    return union(spans)


def _with(tally: Tally, call: SimulatedCall, heard: OfflineCall) -> Tally:
    timeline = timeline_of(heard)
    inside, everywhere = score_overlaps(call.truth, segments_of(timeline), len(call.samples) / call.rate)
    said = [Said(w.speaker, round(w.start_s * 1000), round(w.end_s * 1000), w.text) for w in call.words or ()]
    found = words_of(timeline)
    scored = score_words(Words(tuple(said)), found)
    both = overlaps(call.truth)
    words = word_attribution(
        [
            TimedWord(one.speaker, word, one.start_ms, one.end_ms)
            for one in said
            if any(start <= (one.start_ms + one.end_ms) / 2 < end for start, end in both)
            for word in normalise_reference(one.text)
        ],
        [TimedWord(one.speaker, word, one.start_ms, one.end_ms) for one in found.said for word in normalise(one.text)],
        scored.cpwer.mapping,
    )
    before = tally.words
    lifted = [event.body for event in heard.events(TURNS) if isinstance(event.body, Separated)]
    done = {one.separation_id for one in lifted if one.outcome == SeparationOutcome.SEPARATED}
    return replace(
        tally,
        overlapped=tally.overlapped + inside,
        everywhere=tally.everywhere + everywhere,
        cpwer=tally.cpwer + scored.cpwer.errors,
        wer=tally.wer + scored.wer,
        words=WordAttribution(before.words + words.words, before.found + words.found, before.right + words.right),
        separated=tally.separated + len(done),
    )


def _spans(truth: Sequence[Segment]) -> list[Span]:
    return [(round(one.start_s * 1000), round(one.end_s * 1000)) for one in truth]


if __name__ == "__main__":
    sys.exit(main())
