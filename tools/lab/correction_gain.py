"""What one correction brings: simulated calls whose first wrong turn an oracle corrects, scored from then on.

`python -m speakerline.tools.lab.correction_gain SPEECH...` prints the table of docs/accuracy.md.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from speakerline.shared.contract.v1 import Correction
from speakerline.shared.pipeline import AGGREGATOR, ASR, CLUSTERING, EMBEDDING, OPERATOR, SEPARATION, VAD
from speakerline.shared.runtime.log import Logged
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.runtime.stage import Event
from speakerline.tools.lab.measuring import FIGURES, figures, offline, pooled, report, with_progress
from speakerline.tools.lab.oracle import first_correction
from speakerline.tools.lab.recordings import simulated
from speakerline.tools.pipeline.offline import Pipeline, timeline_events
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.score.labelled import LabelledCall
from speakerline.tools.score.report import Labelling, Report
from speakerline.tools.simulate.simulator import CallSettings
from speakerline.tools.simulate.turn_taking import Conversation
from speakerline.tools.simulate.voices import find_utterances

UP_TO_LABELS = (VAD, EMBEDDING, SEPARATION)
LABELS = (CLUSTERING, ASR, AGGREGATOR)
LEAST_REST_MS = 15_000
"""A correction after which less of the call follows shows nothing."""


@dataclass(slots=True)
class Tally:
    """Labels of the rest of the corrected calls, as they were at the end, and `live`, soon after the sound."""

    final: list[Labelling] = field(default_factory=list)
    live: list[Labelling] = field(default_factory=list)

    def add(self, found: Report) -> None:
        self.final.append(found.final)
        self.live.append(found.live[0])

    def cells(self) -> str:
        return f"{figures(pooled(self.final))} | {figures(pooled(self.live))}" if self.final else "- | -"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.lab.correction_gain", description=__doc__)
    parser.add_argument("speech", type=Path, nargs="+", help="folders of single speakers, as `speakerline simulate`")
    parser.add_argument("--calls", type=int, default=8, metavar="N", help="simulated calls of each kind (default: 8)")
    parser.add_argument("--seconds", type=float, default=90.0, metavar="S", help="of each call (default: 90)")
    parser.add_argument("--seed", type=int, default=80_000, metavar="N", help="of the first call (default: 80000)")
    parser.add_argument("--only", nargs="+", metavar="SET", help="names of sets, by their first letters")
    given = parser.parse_args(arguments)
    pipeline = Pipeline(Settings.from_environment().model_copy(update={"separation_model": "off", "asr_model": "off"}))
    pools = [find_utterances(folder) for folder in given.speech]
    print(f"{FIGURES}\n| calls | corrected | labels | final | live |")
    for of, settings in kinds(given.seconds).items():
        if given.only and not any(of.startswith(name) for name in given.only):
            continue
        calls = [
            call
            for number, pool in enumerate(pools)
            for call in simulated(pool, given.calls // len(pools), given.seed + 500 * number, settings)
        ]
        asyncio.run(_print(of, calls, pipeline))
    return 0


def kinds(seconds: float) -> dict[str, CallSettings]:
    """The sets: where labels are mostly right, and where they are not."""
    two, three = (CallSettings(Conversation(speakers=count, duration_s=seconds)) for count in (2, 3))
    noisy = replace(two, noise_dbfs=(-40.0, -34.0), effort_db=4.0)
    return {"2 people": two, "2 people, noise and effort": noisy, "3 people": three}


async def _print(of: str, calls: Sequence[LabelledCall], pipeline: Pipeline) -> None:
    without, learnt, corrected = Tally(), Tally(), 0
    for call in with_progress(calls):
        if pair := await measured(call, pipeline):
            corrected += 1
            without.add(pair[0])
            learnt.add(pair[1])
    for name, tally in (("not corrected, or only that turn", without), ("learnt from it", learnt)):
        print(f"| {of} | {corrected} of {len(calls)} | {name} | {tally.cells()} |", flush=True)


async def measured(call: LabelledCall, pipeline: Pipeline) -> tuple[Report, Report] | None:
    """The reports of what follows the first correction, without it and with it; None where there is none to make."""
    heard = offline(call)
    await pipeline.run(heard, (*UP_TO_LABELS, *LABELS))
    found = first_correction(call.truth, timeline_events(heard))
    end_ms = round(1000 * call.duration_s)
    if found is None or end_ms - found[0] < LEAST_REST_MS:
        return None
    rest = [(found[0], end_ms)]
    before = report(call, heard, rest)
    insert(heard, *found)
    await pipeline.run(heard, LABELS)
    return before, report(call, heard, rest)


def insert(heard: OfflineCall, at_ms: int, said: Correction) -> None:
    """Let an operator say this at that position."""
    heard.logs[OPERATOR].append(Logged(at_ms, len(heard.logs[OPERATOR]), Event(OPERATOR, at_ms, said)))


if __name__ == "__main__":
    sys.exit(main())
