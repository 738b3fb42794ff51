"""Live calls: cost, capacity, latency, growth with the number of calls, and the price of small frames."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from speakerline.tools.bench.arithmetic import Lags, greatest, percentile
from speakerline.tools.bench.load import SELF, Load, Trial
from speakerline.tools.bench.system import PARTS, STAGES
from speakerline.tools.tables import Report, Table

LIMIT_S = 0.5
"""What p95 of the label lag must stay under."""
QUIET = 0.2
"""Cores that other programs may take without being mentioned."""
KINDS = {
    "speech start": "speech_start",
    "first label of a turn": "first_label",
    "turn": "turn",
    "turn, from its place in the timeline": "placed",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how precisely to measure."""

    measure_s: float
    first: int
    precision: float
    again: int
    """How often a number of calls that failed is tried again: other programs on the machine make trials fail."""
    growth: Sequence[int]
    frames_calls: int


QUICK = Plan(measure_s=6, first=40, precision=0.25, again=0, growth=(1, 10), frames_calls=10)
FULL = Plan(measure_s=15, first=40, precision=0.05, again=1, growth=(1, 10, 100), frames_calls=20)


def held(trial: Trial) -> bool:
    """Whether the labels came in time, of sound that nobody left out."""
    return bool(trial.lags.turn) and percentile(trial.lags.turn, 95) < LIMIT_S and not trial.degraded


async def measure_live(load: Load, plan: Plan, report: Report, say: Callable[[str], None]) -> None:
    """All of it, into the report."""
    trials: dict[int, Trial] = {}

    async def holds(calls: int) -> bool:
        for _ in range(1 + plan.again):
            trial = await load.trial(calls, plan.measure_s)
            say(f"{calls} calls: {describe(trial)}")
            trials[calls] = min(trials.get(calls, trial), trial, key=lambda one: percentile(one.lags.turn, 95))
            if held(trial):
                return True
            await load.recover()
        return False

    for calls in plan.growth:
        await holds(calls)
    capacity, _ = await greatest(holds, plan.first, plan.precision)
    chosen = {calls: trials[calls] for calls in sorted({*plan.growth, capacity} & trials.keys())}
    report.tables.append(cost_table(list(chosen.values())))
    report.tables.append(capacity_table(trials, capacity))
    report.tables.append(latency_table(trials[1].lags, trials.get(capacity)))
    report.tables.append(growth_table(list(chosen.values())))
    report.figures["capacity"] = capacity
    report.figures["trials"] = {calls: figures(trial) for calls, trial in sorted(trials.items())}
    await _frames(load, plan, report, say)


async def _frames(load: Load, plan: Plan, report: Report, say: Callable[[str], None]) -> None:
    small, large = [await load.trial(plan.frames_calls, plan.measure_s, frame_ms) for frame_ms in (20, 100)]
    say(f"frames of 20 ms: {describe(small)}; of 100 ms: {describe(large)}")
    report.tables.append(frames_table(small, large))
    report.figures["frames"] = {20: figures(small), 100: figures(large)}


def describe(trial: Trial) -> str:
    lag_ms = 1000 * percentile(trial.lags.turn, 95)
    return f"label lag p95 {lag_ms:.0f} ms, {sum(trial.cores.values()):.2f} cores, others {trial.others:.2f}"


def figures(trial: Trial) -> dict[str, object]:
    """For machines."""
    return {
        "held": held(trial),
        "audio_s": trial.audio_s,
        "cost_cpu_s_per_audio_s": trial.cost,
        "cores": trial.cores,
        "cores_of_others": trial.others,
        "lag_ms": {
            name: {f"p{p}": _ms(getattr(trial.lags, name), p) for p in (50, 95, 99)}
            for name in (*KINDS.values(), "to_label")
        },
        "rss_bytes": trial.rss_bytes,
        "redis_bytes_per_call": trial.memory.total,
        "sent_late_ms": _ms(trial.late_s, 95),
        "degraded": trial.degraded,
    }


def cost_table(trials: Sequence[Trial]) -> Table:
    rows = [[part, *(f"{trial.cost[part] * 1000:.2f}" for trial in trials)] for part in PARTS]
    rows.append(["all", *(f"{sum(trial.cost.values()) * 1000:.1f}" for trial in trials)])
    return Table(
        "CPU milliseconds per second of call audio",
        ["", *(_column(trial) for trial in trials)],
        rows,
        "From the first frame to the last event, the use of idle processes taken off. Too many calls cost less each, "
        "because stages that stay behind do less.",
    )


def capacity_table(trials: dict[int, Trial], capacity: int) -> Table:
    rows = [
        [
            f"{calls}" + (" (capacity)" if calls == capacity else ""),
            "yes" if held(trial) else "no",
            *(f"{1000 * percentile(trial.lags.turn, percent):.0f}" for percent in (50, 95)),
            *(f"{trial.cores[part]:.2f}" for part in (*PARTS, SELF)),
            f"{sum(trial.cores.values()):.2f}",
            f"{trial.others:.2f}",
        ]
        for calls, trial in sorted(trials.items())
    ]
    return Table(
        f"Live calls held with p95 of the label lag under {LIMIT_S * 1000:.0f} ms: {capacity}",
        ["calls", "held", "p50 ms", "p95 ms", *PARTS, SELF, "all", "others"],
        rows,
        f"From `{PARTS[0]}` on: CPU cores in use. `{SELF}` plays the calls and listens; `others` are programs that do "
        f"not belong to the measurement.{_disturbance(trials.values())}",
    )


def _disturbance(trials: Iterable[Trial]) -> str:
    """What a reader must know where the machine was not quiet."""
    most = max((trial.others for trial in trials), default=0.0)
    if most <= QUIET:
        return ""
    return f" They took up to {most:.1f} cores: the machine was not quiet, and the capacity is a lower bound."


def latency_table(idle: Lags, busy: Trial | None) -> Table:
    rows = []
    for label, name in {**KINDS, "from the start of a turn to its label": "to_label"}.items():
        cells = [label, *_percentiles(getattr(idle, name))]
        rows.append(cells + (_percentiles(getattr(busy.lags, name)) if busy else ["-"] * 3))
    busy_title = _calls(busy.calls) if busy else "capacity"
    columns = [f"p{percent}, {title}" for title in (_calls(1), busy_title) for percent in (50, 95, 99)]
    return Table(
        "Frame to event, ms",
        ["", *columns],
        rows,
        "From the sending of the frame that completes the sound concerned to the arrival of the event at a subscriber.",
    )


def growth_table(trials: Sequence[Trial]) -> Table:
    rows = [
        ["CPU ms per audio second", *(f"{sum(trial.cost.values()) * 1000:.1f}" for trial in trials)],
        ["Redis, KiB per call", *(f"{trial.memory.total / 1024:.0f}" for trial in trials)],
        *(
            [f"{stage}, MiB resident", *(f"{trial.rss_bytes[stage] / 2**20:.0f}" for trial in trials)]
            for stage in STAGES
        ),
    ]
    return Table("Growth with the number of calls", ["", *(_column(trial) for trial in trials)], rows)


def frames_table(small: Trial, large: Trial) -> Table:
    rows = [
        [
            part,
            f"{small.cost[part] * 1000:.2f}",
            f"{large.cost[part] * 1000:.2f}",
            _ratio(small.cost[part], large.cost[part]),
        ]
        for part in PARTS
    ]
    whole = sum(small.cost.values()), sum(large.cost.values())
    rows.append(["all", f"{whole[0] * 1000:.1f}", f"{whole[1] * 1000:.1f}", _ratio(*whole)])
    return Table(
        f"Frames of 20 ms against 100 ms, {_calls(small.calls)}: CPU ms per audio second",
        ["", "20 ms", "100 ms", "ratio"],
        rows,
    )


def _column(trial: Trial) -> str:
    return _calls(trial.calls) if held(trial) else f"{_calls(trial.calls)}, too many"


def _calls(count: int) -> str:
    return f"{count} call" if count == 1 else f"{count} calls"


def _percentiles(values: Sequence[float]) -> list[str]:
    return [f"{1000 * percentile(values, percent):.0f}" if values else "-" for percent in (50, 95, 99)]


def _ms(values: Sequence[float], percent: float) -> float | None:
    return round(1000 * percentile(values, percent), 1) if values else None


def _ratio(one: float, other: float) -> str:
    return f"{one / other:.2f}" if other else "-"
