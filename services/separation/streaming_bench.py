"""What separating while people speak costs: latency, share of a core, and quality against hearing the whole first."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from services.bench.tables import Report, Table
from services.embedding.windows import Floats
from services.score.separation import score_sources
from services.separation.constants import RATE
from services.separation.low_latency import LowLatencySeparator
from services.separation.masks import Masks
from services.separation.mixtures import Mixture
from services.separation.separator import SourceSeparator
from services.separation.streaming import StreamingSeparator, VoiceStream, separate_in_chunks

CHUNK = RATE // 50
"""20 ms, what a telephone sends at a time."""


@dataclass(frozen=True)
class StreamingCost:
    """real_time_factor: CPU time over sound, the share of a core. push_p99_ms: what 99 of 100 chunks of 20 ms take, by
    the clock.
    si_sdri_db: mean over mixtures; None without mixtures, or for a network that is not trained."""

    name: str
    latency_ms: float
    real_time_factor: float
    push_p99_ms: float
    si_sdri_db: float | None


def measure_streaming(
    sound: Floats,
    report: Report,
    say: Callable[[str], None],
    low_latency: Path | None = None,
    mixtures: Sequence[Mixture] = (),
    whole: SourceSeparator | None = None,
) -> None:
    """A table for `make bench`.

    sound: (n,) at 8 kHz, half a minute or so. low_latency: a causal network; without one an untrained one of the same
    size is timed. mixtures: with two voices each, as `services.separation.mixtures` draws them. whole: another
    separator than the one that ships."""
    whole = whole or Masks()
    offline = _mean_improvement(whole.separate, mixtures)
    costs = [
        stream_cost(f"windows of {2 * hop_s:g} s", StreamingSeparator(whole, hop_s), sound, mixtures)
        for hop_s in (1.0, 0.5)
    ]
    with tempfile.TemporaryDirectory() as folder:
        model = low_latency or _untrained(Path(folder) / "causal.onnx")
        name = "frames" if low_latency else "frames, untrained"
        costs.append(stream_cost(name, LowLatencySeparator(model), sound, mixtures if low_latency else ()))
    for one in costs:
        say(f"separation in {one.name}: latency {one.latency_ms:.0f} ms, real-time factor {one.real_time_factor:.3f}")
    rows = [
        [
            one.name,
            f"{one.latency_ms:.0f}",
            f"{one.real_time_factor:.3f}",
            f"{one.push_p99_ms:.1f}",
            _db(one.si_sdri_db),
        ]
        for one in costs
    ]
    rows.append(["the whole at once", "-", "-", "-", _db(offline)])
    columns = ("", "latency, ms", "real-time factor", "a chunk, p99 ms", "SI-SDRi, dB")
    report.tables.append(Table("Separation while people speak", columns, rows, "chunks of 20 ms, one core"))
    report.figures["separation_streaming"] = {"offline_si_sdri_db": offline, "rows": [asdict(one) for one in costs]}


def stream_cost(name: str, stream: VoiceStream, sound: Floats, mixtures: Sequence[Mixture] = ()) -> StreamingCost:
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


def _mean_improvement(separate: Callable[[Floats], Floats], mixtures: Sequence[Mixture]) -> float | None:
    """SI-SDRi in dB; None where there is nothing to improve."""
    found = [
        s.si_sdri_db or 0.0 for one in mixtures for s in score_sources(separate(one.samples), one.voices, one.samples)
    ]
    return float(np.mean(found)) if found else None


def _untrained(target: Path) -> Path:
    from services.separation.export import export
    from services.separation.network import MaskNetwork, NetworkSettings

    export(MaskNetwork(NetworkSettings(causal=True)).eval(), target)
    return target


def _db(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
