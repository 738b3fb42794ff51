"""Measures live separation: latency, share of a core, and quality, against separating the whole at once."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from speakerline.services.separation.low_latency import SHIPPED, LowLatencySeparator
from speakerline.services.separation.masks import Masks
from speakerline.services.separation.separator import SourceSeparator
from speakerline.services.separation.spectrum import RATE
from speakerline.services.separation.streaming import StreamingSeparator, VoiceStream, separate_in_chunks
from speakerline.shared.arrays import Float32s
from speakerline.tools.score.separation import score_sources
from speakerline.tools.tables import Report, Table, tenths
from speakerline.tools.training.evaluate import TRAINED_WITH, held_out
from speakerline.tools.training.mixtures import Mixture
from speakerline.tools.training.training import read_settings

CHUNK = RATE // 50
"""20 ms, what a telephone sends at a time."""


@dataclass(frozen=True, slots=True)
class StreamingCost:
    """real_time_factor: CPU time over sound, the share of a core. push_p99_ms: what 99 of 100 chunks of 20 ms take, by
    the clock.
    si_sdri_db: mean over mixtures; None without mixtures."""

    name: str
    latency_ms: float
    real_time_factor: float
    push_p99_ms: float
    si_sdri_db: float | None


def measure_streaming(
    sound: Float32s,
    report: Report,
    say: Callable[[str], None],
    low_latency: Path = SHIPPED,
    mixtures: Sequence[Mixture] = (),
    whole: SourceSeparator | None = None,
) -> None:
    """A table for `make bench`.

    sound: (n,) at 8 kHz, half a minute or so. low_latency: a causal network. mixtures: with two voices each, as
    `tools.training.mixtures` draws them. whole: another separator than the one that ships."""
    whole = whole or Masks()
    offline = _mean_improvement(whole.separate, mixtures)
    costs = [
        stream_cost(f"windows of {2 * hop_s:g} s", StreamingSeparator(whole, hop_s), sound, mixtures)
        for hop_s in (1.0, 0.5)
    ]
    costs.append(stream_cost("frames", LowLatencySeparator(low_latency), sound, mixtures))
    for one in costs:
        say(f"separation in {one.name}: latency {one.latency_ms:.0f} ms, real-time factor {one.real_time_factor:.3f}")
    rows = [
        [
            one.name,
            f"{one.latency_ms:.0f}",
            f"{one.real_time_factor:.3f}",
            f"{one.push_p99_ms:.1f}",
            tenths(one.si_sdri_db),
        ]
        for one in costs
    ]
    rows.append(["the whole at once", "-", "-", "-", tenths(offline)])
    columns = ("", "latency, ms", "real-time factor", "a chunk, p99 ms", "SI-SDRi, dB")
    report.tables.append(Table("Separation while people speak", columns, rows, "chunks of 20 ms, one core"))
    report.figures["streaming"] = {
        "the whole at once": {"improvement_db": offline},
        **{one.name: asdict(one) for one in costs},
    }


def held_out_mixtures(data: Path, count: int = 50) -> list[Mixture]:
    """Full overlaps of 6 s between people who were held out of the training.

    data: the folder with the recordings of `train.yaml`. Raises ValueError where they are not there."""
    settings = read_settings(TRAINED_WITH, data)
    full = replace(settings.mixtures, seconds=6.0, full=1.0, partial=0.0, alone=0.0, silent=0.0)
    clean = replace(full, noise=0.0, room=0.0, mu_law=0.0)
    corpus, random = held_out(settings), np.random.default_rng(2024)
    return [corpus.draw(clean, random) for _ in range(count)]


def stream_cost(name: str, stream: VoiceStream, sound: Float32s, mixtures: Sequence[Mixture] = ()) -> StreamingCost:
    """Times a stream on `sound` at 8 kHz, and scores it on the mixtures."""
    took = []
    began = time.process_time()
    for at in range(0, len(sound), CHUNK):
        started = time.perf_counter()
        stream.push(sound[at : at + CHUNK])
        took.append(time.perf_counter() - started)
    factor = (time.process_time() - began) / (len(sound) / RATE)
    stream.reset()
    improvement = _mean_improvement(lambda mixture: separate_in_chunks(stream, mixture, CHUNK), mixtures)
    return StreamingCost(name, 1000 * stream.latency / RATE, factor, 1000 * float(np.percentile(took, 99)), improvement)


def _mean_improvement(separate: Callable[[Float32s], Float32s], mixtures: Sequence[Mixture]) -> float | None:
    """SI-SDRi in dB; None where there is nothing to improve."""
    found = [
        s.si_sdri_db or 0.0 for one in mixtures for s in score_sources(separate(one.samples), one.voices, one.samples)
    ]
    return float(np.mean(found)) if found else None
