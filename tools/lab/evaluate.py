"""Measures who spoke when: recordings with truth in, a table of error rates out, of the final and of the live labels.

`python -m speakerline.tools.lab.evaluate DATA` prints the tables of docs/accuracy.md.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from speakerline.services.clustering.stage import ClusteringStage
from speakerline.shared.pipeline import AGGREGATOR, ASR, CLUSTERING, EMBEDDING, SEPARATION, VAD
from speakerline.tools.lab.from_speech import calibrate_from_speech, split_speakers
from speakerline.tools.lab.measuring import FIGURES, figures, offline, pooled, report, with_progress
from speakerline.tools.lab.recordings import meetings, real_call, simulated
from speakerline.tools.pipeline.offline import Pipeline
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.score.labelled import LabelledCall
from speakerline.tools.score.report import Report
from speakerline.tools.score.score import DELAYS_S
from speakerline.tools.simulate.simulator import CallSettings
from speakerline.tools.simulate.turn_taking import Conversation
from speakerline.tools.simulate.voices import Speakers, find_utterances

HELD_SHARE = 0.2
CALIBRATION_SEED, MEASURE_SEED = 9000, 70_000
POOLS = ("librispeech", "speechocean")

Sets = dict[str, Callable[[], Sequence[LabelledCall]]]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.lab.evaluate", description=__doc__)
    parser.add_argument("data", type=Path, help="a folder with calls/ and meetings/, or with speech/")
    parser.add_argument(
        "--simulated",
        action="store_true",
        help="instead of real recordings: calls between a fifth of the people of speech/, calibrated with the others",
    )
    parser.add_argument("--calibration-calls", type=int, default=75, metavar="N", help="(default: 75)")
    given = parser.parse_args(arguments)
    asyncio.run(_simulated(given.data, given.calibration_calls) if given.simulated else _real(given.data))
    return 0


async def _real(data: Path) -> None:
    sets: Sets = {
        "real call, mono": lambda: [real_call(data)],
        "real call, stereo": lambda: [real_call(data, stereo=True)],
        "meetings": partial(meetings, data),
    }
    await _print(sets, Pipeline(_settings()))


async def _simulated(data: Path, calibration_calls: int) -> None:
    pools = [find_utterances(data / "speech" / name) for name in POOLS]
    halves = [split_speakers(pool, HELD_SHARE, CALIBRATION_SEED) for pool in pools]
    others = [people for people, _ in halves]
    seeds = (calibration_calls, CALIBRATION_SEED)
    calibration = await calibrate_from_speech(_settings(), others, *seeds, progress=_progress)
    stages = {CLUSTERING.name: ClusteringStage(calibration, _settings().clustering)}
    await _print(_simulated_sets([own for _, own in halves]), Pipeline(_settings(), stages))


def _simulated_sets(pools: Sequence[Speakers]) -> Sets:
    """Half of each set from either pool."""

    def of(seed: int, count: int, settings: CallSettings) -> Callable[[], Sequence[LabelledCall]]:
        return lambda: [
            call
            for number, pool in enumerate(pools)
            for call in simulated(pool, count // len(pools), MEASURE_SEED + seed + 50 * number, settings)
        ]

    two, one, three = (CallSettings(Conversation(speakers=count, duration_s=90.0)) for count in (2, 1, 3))
    stereo = CallSettings(Conversation(speakers=2, duration_s=90.0), stereo=True)
    return {
        "simulated, 2 people": of(0, 10, two),
        "simulated, 2 people, stereo": of(100, 4, stereo),
        "simulated, 1 person": of(200, 4, one),
        "simulated, 3 people": of(300, 4, three),
        "simulated meeting, 3 people": of(400, 6, CallSettings.meeting(Conversation(speakers=3, duration_s=45.0))),
    }


def _progress(done: int, of: int) -> None:
    print(f"\rcalibrating: call {done} of {of}", end="\n" if done == of else "", file=sys.stderr, flush=True)


def _settings() -> Settings:
    return Settings.from_environment().model_copy(update={"asr_model": "off"})


async def _print(sets: Sets, pipeline: Pipeline) -> None:
    head = ["recordings", "speakers", "final", *(f"live, {delay:g} s" for delay in DELAYS_S)]
    print(f"{FIGURES}\n| {' | '.join([*head, 'boundary ms', 'speakers wrong', 'label changes a minute'])} |")
    for of, make in sets.items():
        reports: dict[str, list[Report]] = {"unknown": [], "known": []}
        calls = make()
        async for known, found in measured(calls, pipeline):
            reports[known].append(found)
        total_s = sum(call.duration_s for call in calls)
        for known, found_ones in reports.items():
            print(f"| {of}, {len(calls)} x {total_s / len(calls):.0f} s | {known} | {row(found_ones)} |", flush=True)


async def measured(calls: Sequence[LabelledCall], pipeline: Pipeline) -> AsyncIterator[tuple[str, Report]]:
    """Two reports of each call: with an unknown and with a known number of speakers."""
    for call in with_progress(calls):
        heard = offline(call)
        await pipeline.run(heard, (VAD, EMBEDDING, SEPARATION))
        for known, count in (("unknown", 0), ("known", len(call.truth))):
            heard.call.expected_speakers = count
            await pipeline.run(heard, (CLUSTERING, ASR, AGGREGATOR))
            yield known, report(call, heard)


def row(reports: Sequence[Report]) -> str:
    """Cells: labels, final and live; median of the boundary errors; calls with a wrong number of speakers; changes."""
    cells = [figures(pooled([one.final for one in reports]))]
    cells += [figures(pooled(same)) for same in zip(*(one.live for one in reports), strict=True)]
    boundaries = [one.boundary_ms.median for one in reports if one.boundary_ms.median is not None]
    cells.append(f"{np.median(boundaries):.0f}" if boundaries else "-")
    cells.append(f"{sum(one.speaker_count_error != 0 for one in reports)} of {len(reports)}")
    cells.append(f"{np.mean([one.label_changes_per_min for one in reports]):.1f}")
    return " | ".join(cells)


if __name__ == "__main__":
    sys.exit(main())
