"""Measures names: people are enrolled and speak on simulated calls, and so do strangers; who is named, and how soon.

`python -m speakerline.tools.lab.naming DATA` prints the table of docs/accuracy.md. The people are those of
speech/speechocean that no calibration was made from. Each is enrolled from half of its recordings, at 16 kHz, and
speaks the other half; some are not enrolled.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from speakerline.services.clustering.stage import ClusteringStage
from speakerline.shared.contract import v1
from speakerline.shared.pipeline import CLUSTERING, TURNS
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.timeline.spans import clip, common, length
from speakerline.tools.lab.enrolled import ENROLLED_RECORDINGS, LINES, enrolled_voices, second_halves
from speakerline.tools.lab.evaluate import HELD_SHARE, SPLIT_SEED
from speakerline.tools.lab.from_speech import split_speakers
from speakerline.tools.lab.measuring import offline, with_progress
from speakerline.tools.pipeline.offline import Pipeline, timeline_events
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.score.score import folded, labels_of
from speakerline.tools.simulate.simulator import CallSettings, SimulatedCall, simulate_call
from speakerline.tools.simulate.voices import Speakers, find_utterances

ENROLLED = 20
SOON_S = 10.0
"""Names that are given within so much of the person's own speech are soon."""
FIRST_SEED = 600_000


@dataclass(slots=True)
class Tally:
    """People of the calls of one line: how many, and how many were named rightly soon, at the end, and ever wrongly."""

    enrolled: int = 0
    soon: int = 0
    right: int = 0
    wrong: int = 0
    strangers: int = 0
    strangers_named: int = 0

    def row(self) -> str:
        return (
            f"{self.soon} of {self.enrolled} | {self.right} of {self.enrolled} | {self.wrong} | "
            f"{self.strangers_named} of {self.strangers}"
        )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.lab.naming", description=__doc__)
    parser.add_argument("data", type=Path, help="a folder with speech/speechocean")
    given = parser.parse_args(arguments)
    everybody = find_utterances(given.data / "speech" / "speechocean")
    _, held = split_speakers(everybody, HELD_SHARE, SPLIT_SEED)
    asyncio.run(_measure({name: files for name, files in held.items() if len(files) >= ENROLLED_RECORDINGS}))
    return 0


async def _measure(people: Speakers) -> None:
    enrolled, spoken = enrolled_voices(dict(list(people.items())[:ENROLLED])), second_halves(people)
    settings = Settings.from_environment().model_copy(update={"asr_model": "off", "separation_model": "off"})
    pipeline = Pipeline(settings)
    clustering = pipeline.stages[CLUSTERING.name]
    assert isinstance(clustering, ClusteringStage)
    clustering.know({"": enrolled})
    print(f"| line | named within {SOON_S:g} s | named at the end | wrong names | strangers named |")
    for line, call_settings in LINES.items():
        tally = Tally()
        for call in with_progress(list(_calls(spoken, list(enrolled), call_settings))):
            heard = offline(call)
            await pipeline.run(heard)
            count(tally, call, heard, enrolled)
        print(f"| {line} | {tally.row()} |", flush=True)


def _calls(people: Speakers, enrolled: Sequence[str], settings: CallSettings) -> Iterator[SimulatedCall]:
    """Everybody speaks on one call: those who are enrolled with each other, and strangers with each other."""
    strangers = sorted(set(people) - set(enrolled))
    for number, pair in enumerate([*_pairs(enrolled), *_pairs(strangers)]):
        yield simulate_call(people, FIRST_SEED + number, settings, pair)


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(names[::2], names[1::2], strict=False))


def count(tally: Tally, call: SimulatedCall, heard: OfflineCall, enrolled: Mapping[str, object]) -> None:
    """Add the people of a call that all stages have processed."""
    timeline = folded(timeline_events(heard))
    shown = labels_of(timeline)
    told = [(event.position, event.body) for event in heard.events(TURNS)]
    named = [(at_ms, body) for at_ms, body in told if isinstance(body, v1.SpeakerNamed) and body.name]
    for person, spans in call.truth.items():
        own = {who for who, theirs in shown.items() if _mostly(theirs, call.truth) == person}
        names = [(at_ms, one.name) for at_ms, one in named if timeline.speakers.resolve(one.speaker_id) in own]
        if person in enrolled:
            first_ms = min((at_ms for at_ms, name in names if name == person), default=None)
            tally.enrolled += 1
            tally.soon += first_ms is not None and length(clip(spans, 0, first_ms)) <= 1000 * SOON_S
            tally.right += any(timeline.speakers.label(who) == person for who in own)
            tally.wrong += any(name != person for _, name in names)
        else:
            tally.strangers += 1
            tally.strangers_named += bool(names)


def _mostly(spans: Sequence[tuple[int, int]], truth: Mapping[str, Sequence[tuple[int, int]]]) -> str:
    """The person who really speaks most in these spans."""
    return max(sorted(truth), key=lambda person: length(common(spans, truth[person])))


if __name__ == "__main__":
    sys.exit(main())
