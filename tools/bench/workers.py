"""Whether several workers of each stage hold as many calls as one does, and what a call costs with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from speakerline.tools.bench.arithmetic import greatest, median, percentile
from speakerline.tools.bench.live import describe, held
from speakerline.tools.bench.load import Load, Trial
from speakerline.tools.bench.system import PARTS, running
from speakerline.tools.tables import Report, Table

WORKERS = (1, 2, 4)
STEP = 1.15
"""From one number of calls to the next, while it is sought which of them are too many."""


@dataclass(frozen=True, slots=True)
class Plan:
    """few: calls whose cost is told. first: calls with which the search begins, for want of a better number. rounds:
    each begins with all stages anew, and takes the numbers of workers in turn."""

    few: int
    first: int
    measure_s: float
    precision: float
    rounds: int


QUICK = Plan(few=10, first=32, measure_s=6, precision=0.1, rounds=1)
FULL = Plan(few=10, first=32, measure_s=10, precision=0.03, rounds=3)


@dataclass(frozen=True, slots=True)
class Measured:
    """In one round: CPU cores in use without a call, the trial with few calls, and the most calls that were held."""

    idle: float
    few: Trial
    capacity: int


async def measure_workers(settings: Mapping[str, str], plan: Plan, report: Report, say: Callable[[str], None]) -> None:
    """One number of workers after the other on the same machine, each search from where the last one ended."""
    found: dict[int, list[Measured]] = {workers: [] for workers in WORKERS}
    first = plan.first
    for _ in range(plan.rounds):
        for workers in WORKERS:
            async with running(settings, workers) as system, Load(system) as load:
                say(f"{workers} of each stage")
                few, capacity = await _measure(load, plan, first, say)
            found[workers].append(Measured(sum(system.idle_cores.values()), few, capacity))
            first = capacity or plan.first
    report.tables += [capacity_table(found, plan.few), cost_table(found, plan.few)]
    report.figures["workers"] = {
        workers: {
            "capacity": _capacity(rounds),
            "cost_cpu_s_per_audio_s": _cost(rounds),
            "idle_cores": median([measured.idle for measured in rounds]),
            "label_lag_p95_s": _lag_s(rounds),
            "rounds": len(rounds),
        }
        for workers, rounds in found.items()
    }


async def _measure(load: Load, plan: Plan, first: int, say: Callable[[str], None]) -> tuple[Trial, int]:
    async def trial(calls: int) -> Trial:
        found = await load.trial(calls, plan.measure_s)
        say(f"{calls} calls: {describe(found)}")
        return found

    async def holds(calls: int) -> bool:
        if held(await trial(calls)):
            return True
        await load.recover()
        return False

    few = await trial(plan.few)
    capacity, _ = await greatest(holds, first, plan.precision, step=STEP)
    return few, capacity


def capacity_table(found: Mapping[int, Sequence[Measured]], few: int) -> Table:
    one = found[1]
    rows = [
        [
            f"{workers}",
            f"{_capacity(rounds):.0f}",
            _ratio(_capacity(rounds), _capacity(one)),
            ", ".join(f"{measured.capacity}" for measured in rounds),
            f"{median([measured.idle for measured in rounds]):.2f}",
            f"{1000 * _cost_of_all(rounds):.1f}",
            _ratio(_cost_of_all(rounds), _cost_of_all(one)),
            f"{1000 * _lag_s(rounds):.0f}",
            f"{max(measured.few.others for measured in rounds):.2f}",
        ]
        for workers, rounds in found.items()
    ]
    few_calls = f"{few} calls"
    return Table(
        "Live calls held with several workers of each stage",
        [
            "workers",
            "held",
            "ratio",
            "by round",
            "cores without a call",
            f"CPU ms a second, {few_calls}",
            "ratio",
            f"label lag p95 ms, {few_calls}",
            f"others, {few_calls}",
        ],
        rows,
        "Medians of the rounds; ratios to one worker. Held as by the capacity. CPU of all stages and Redis, idle use "
        "taken off.",
    )


def cost_table(found: Mapping[int, Sequence[Measured]], few: int) -> Table:
    costs = {workers: _cost(rounds) for workers, rounds in found.items()}
    return Table(
        f"CPU milliseconds per second of call audio, {few} calls, by workers of each stage",
        ["", *(f"{workers}" for workers in costs), *(f"ratio, {workers}" for workers in costs if workers != 1)],
        [
            [
                part,
                *(f"{1000 * cost[part]:.2f}" for cost in costs.values()),
                *(_ratio(cost[part], costs[1][part]) for workers, cost in costs.items() if workers != 1),
            ]
            for part in PARTS
        ],
    )


def _capacity(rounds: Sequence[Measured]) -> float:
    return median([measured.capacity for measured in rounds])


def _cost(rounds: Sequence[Measured]) -> dict[str, float]:
    return {part: median([measured.few.cost[part] for measured in rounds]) for part in PARTS}


def _cost_of_all(rounds: Sequence[Measured]) -> float:
    return median([sum(measured.few.cost.values()) for measured in rounds])


def _lag_s(rounds: Sequence[Measured]) -> float:
    return median([percentile(measured.few.lags.turn, 95) for measured in rounds])


def _ratio(one: float, other: float) -> str:
    return f"{one / other:.2f}" if other else "-"
