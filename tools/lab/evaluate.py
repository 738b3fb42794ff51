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

from speakerline.shared.pipeline import AGGREGATOR, ASR, CLUSTERING, EMBEDDING, SEPARATION, VAD
from speakerline.shared.voiceprints.calibration import save_calibration
from speakerline.tools.lab.from_speech import calibrate_from_speech, split_speakers
from speakerline.tools.lab.measuring import FIGURES, figures, offline, pooled, report, with_progress
from speakerline.tools.lab.recordings import conversations, meetings, real_call
from speakerline.tools.pipeline.offline import Pipeline
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.score.labelled import LabelledCall
from speakerline.tools.score.report import Report
from speakerline.tools.score.score import DELAYS_S
from speakerline.tools.simulate.voices import Speakers, find_utterances

POOLS = ("librispeech", "speechocean")
HELD_SHARE, SPLIT_SEED = 0.2, 9000
"""The people of calls that measure; the merge weights of the calibration that ships come from the others."""
MEASURE_SEED, CHOICE_SEED, CALIBRATION_CALLS = 500_000, 700_000, 200
MEASURE_CALLS, CHOICE_CALLS = (20, 30, 40), (16, 24, 12)
"""Of one, two and three people. Settings are chosen on the second ones, between people of the calibration."""

Sets = dict[str, Callable[[], Sequence[LabelledCall]]]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.lab.evaluate", description=__doc__)
    parser.add_argument("data", type=Path, help="a folder with calls/ and meetings/, or with speech/")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--simulated",
        action="store_true",
        help="instead of real recordings: calls between a fifth of the people of speech/",
    )
    what.add_argument(
        "--development",
        action="store_true",
        help="instead: calls between the other people of speech/, on which settings are chosen",
    )
    what.add_argument(
        "--calibrate",
        type=Path,
        metavar="F.npz",
        help="measure nothing, but make a calibration from calls between the other people of speech/",
    )
    given = parser.parse_args(arguments)
    if given.calibrate:
        asyncio.run(_calibrate(given.data, given.calibrate))
    elif given.simulated:
        asyncio.run(_simulated(_people(given.data)[1], MEASURE_SEED, MEASURE_CALLS))
    elif given.development:
        asyncio.run(_simulated(_people(given.data)[0], CHOICE_SEED, CHOICE_CALLS))
    else:
        asyncio.run(_real(given.data))
    return 0


async def _real(data: Path) -> None:
    sets: Sets = {
        "real call, mono": lambda: [real_call(data)],
        "real call, stereo": lambda: [real_call(data, stereo=True)],
        "meetings": partial(meetings, data),
    }
    await _print(sets, Pipeline(_settings()))


async def _simulated(pools: Sequence[Speakers], first_seed: int, counts: Sequence[int]) -> None:
    sets: Sets = {
        f"simulated, {people} {'person' if people == 1 else 'people'}": partial(
            conversations, pools, people, count, first_seed + 1000 * people
        )
        for people, count in enumerate(counts, 1)
    }
    await _print(sets, Pipeline(_settings().model_copy(update={"separation_model": "off"})))


async def _calibrate(data: Path, target: Path) -> None:
    others, _ = _people(data)
    calibration = await calibrate_from_speech(_settings(), others, CALIBRATION_CALLS, SPLIT_SEED, _progress)
    save_calibration(calibration, target)


def _people(data: Path) -> tuple[list[Speakers], list[Speakers]]:
    """Those of the calibration, and those of calls that measure; of each pool."""
    halves = [split_speakers(find_utterances(data / "speech" / name), HELD_SHARE, SPLIT_SEED) for name in POOLS]
    return [others for others, _ in halves], [held for _, held in halves]


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
