"""What separation brings: simulated calls of people it never heard, with separation on and off, in one run.

`python -m speakerline.tools.lab.separation_gain DATA` prints a table of docs/accuracy.md; with `--fit` it first learns
from other people how good a lifted voice is (`services/separation/quality.npz`), which a new network needs.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from speakerline.services.separation.quality import WEIGHTS, learned
from speakerline.services.separation.separator import load_separator
from speakerline.shared.contract.v1 import SpeakerMerged, Turn, TurnWithdrawn
from speakerline.shared.pipeline import CLUSTERING, EMBEDDING, SEPARATION, SOURCES, TURNS, VAD
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.runtime.stage import Stage
from speakerline.tools.lab.overlap_scoring import NOTHING, OverlapScore, score_overlaps
from speakerline.tools.lab.separation_calls import Speakers, held_out, simulated_calls
from speakerline.tools.lab.separation_quality import estimated_and_true, examples
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.pipeline.stages import build_stage
from speakerline.tools.score.rttm import Segment
from speakerline.tools.simulate.simulator import SimulatedCall
from speakerline.tools.training.training import read_settings

TRAINING = Path(__file__).parents[1] / "training" / "train.yaml"
FIT_SEED, MEASURE_SEED = 8000, 7000


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m speakerline.tools.lab.separation_gain", description=__doc__.split("\n")[0]
    )
    parser.add_argument("data", type=Path, help="a folder with speech/ and transcripts/")
    parser.add_argument("--training", type=Path, default=TRAINING, help="who was left out of it is measured on")
    parser.add_argument("--separator", default="", metavar="FILE", help="instead of the one that ships")
    parser.add_argument("--calls", type=int, default=24, metavar="N")
    parser.add_argument("--fit", action="store_true", help="learn the estimate of the improvement first")
    given = parser.parse_args(arguments)
    try:
        fit, measure = held_out(read_settings(given.training, given.data), given.data / "transcripts")
    except (OSError, ValueError) as error:
        print(f"separation_gain: {error}", file=sys.stderr)
        return 1
    lab = _Lab(Settings(separation_source=given.separator))
    if given.fit:
        asyncio.run(lab.fit(fit, 2 * given.calls))
    print(asyncio.run(lab.measure(measure, given.calls)))
    return 0


class _Lab:
    """The stages as they run live."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._metrics = Metrics(CollectorRegistry())

    async def fit(self, speakers: Speakers, calls: int) -> None:
        """Learn the weights of `quality` and store them."""
        separator = load_separator(self._settings.separation_model, self._settings.separation_source)  # type: ignore[arg-type]
        rows, truths = [], []
        async for call, heard in self._heard(speakers, calls, FIT_SEED):
            for measured, improvements in examples(call, heard, separator):
                rows.append(measured)
                truths += improvements
        np.savez_compressed(WEIGHTS, weights=learned(np.concatenate(rows), np.array(truths)))

    async def measure(self, speakers: Speakers, calls: int) -> str:
        """The table."""
        separation, clustering = self._stage(SEPARATION.name), self._stage(CLUSTERING.name)
        sums = dict.fromkeys(("off", "on"), (NOTHING, NOTHING))
        pairs: list[tuple[float, float]] = []
        async for call, heard in self._heard(speakers, calls, MEASURE_SEED):
            await heard.run(separation, SEPARATION)
            pairs += await estimated_and_true(call, heard)
            sources = heard.logs[SOURCES]
            for mode in sums:
                heard.logs[SOURCES] = sources if mode == "on" else [one for one in sources if one.entry is None]
                await heard.run(clustering, CLUSTERING)
                overlap, whole = score_overlaps(call.truth, final_segments(heard), len(call.samples) / call.rate)
                sums[mode] = sums[mode][0] + overlap, sums[mode][1] + whole
        return "\n".join([*_table(sums), *_agreement(pairs)])

    async def _heard(
        self, speakers: Speakers, calls: int, seed: int
    ) -> AsyncIterator[tuple[SimulatedCall, OfflineCall]]:
        vad, embedding = self._stage(VAD.name), self._stage(EMBEDDING.name)
        for number, call in enumerate(simulated_calls(speakers, calls, seed), 1):
            heard = OfflineCall.of(call.name, call.samples, call.rate)
            await heard.run(vad, VAD)
            await heard.run(embedding, EMBEDDING)
            print(f"\rcall {number} of {calls}", end="\n" if number == calls else "", file=sys.stderr, flush=True)
            yield call, heard

    def _stage(self, name: str) -> Stage:
        return build_stage(name, self._settings, self._metrics.for_stage(name))


def final_segments(heard: OfflineCall) -> list[Segment]:
    """The turns as they stand at the end of a call."""
    turns: dict[str, Turn] = {}
    merged: dict[str, str] = {}
    for event in heard.events(TURNS):
        if isinstance(body := event.body, Turn):
            turns[body.turn_id] = body
        elif isinstance(body, TurnWithdrawn):
            turns.pop(body.turn_id, None)
        elif isinstance(body, SpeakerMerged):
            merged[body.speaker_id] = body.into_speaker_id

    def owner(speaker: str) -> str:
        while speaker in merged:
            speaker = merged[speaker]
        return speaker or "?"

    return [Segment(owner(t.speaker_id), t.start_ms / 1000, t.end_ms / 1000, t.channel) for t in turns.values()]


def _table(sums: dict[str, tuple[OverlapScore, OverlapScore]]) -> list[str]:
    lines = ["separation | where    | speech s |  DER | missed | wrong | extra | to the right speaker, all in %"]
    for place, where in enumerate(("overlaps", "all")):
        for mode, both in sums.items():
            one = both[place]
            missed, wrong, extra = (100 * s / one.speech_s for s in (one.missed_s, one.wrong_s, one.extra_s))
            lines.append(
                f"{mode:10} | {where:8} | {one.speech_s:8.0f} | {one.error:4.1f} | {missed:6.1f} | {wrong:5.1f} "
                f"| {extra:5.1f} | {one.attribution:.1f}"
            )
    return lines


def _agreement(pairs: list[tuple[float, float]]) -> list[str]:
    if len(pairs) < 3:
        return ["too few sources to judge their estimates"]
    estimated, true = np.array(pairs).T
    correlation = float(np.corrcoef(estimated, true)[0, 1])
    error = float(np.sqrt(np.mean(np.square(estimated - true))))
    return [
        f"{len(pairs)} sources: SI-SDR improvement {true.mean():.1f} dB (outputs that are nobody's count as -5), "
        f"estimated {estimated.mean():.1f}, correlation {correlation:.2f}, error {error:.1f} dB"
    ]


if __name__ == "__main__":
    sys.exit(main())
