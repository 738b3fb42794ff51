"""What words and separation cost, and when they cost nothing: by what there is in the call."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from speakerline.tools.bench.load import Load, Trial
from speakerline.tools.bench.model_runs import ModelRuns
from speakerline.tools.bench.sound import Kind
from speakerline.tools.bench.system import PARTS, System
from speakerline.tools.tables import Report, Table

CALLS = 2
BUSY = 0.7
"""How much of a core a worker may use and still be in time when calls come at once."""
KINDS = (Kind.SILENCE, Kind.ALONE, Kind.SAMPLE)
Runs = Mapping[tuple[str, str], ModelRuns]


@dataclass(frozen=True, slots=True)
class Measured:
    """A trial with one kind of sound, and the runs of models that it took."""

    kind: Kind
    trial: Trial
    runs: Runs


async def measure_kinds(
    load: Load, system: System, measure_s: float, report: Report, say: Callable[[str], None]
) -> None:
    """A few calls of each kind, with every stage at work."""
    measured = []
    for kind in KINDS:
        before = await system.model_runs()
        trial = await load.trial(CALLS, measure_s, kind=kind)
        after = await system.model_runs()
        runs = {key: one.since(before.get(key, ModelRuns())) for key, one in after.items()}
        measured.append(Measured(kind, trial, runs))
        say(
            f"{kind.value}: "
            + ", ".join(f"{part} {1000 * trial.cost[part]:.1f}" for part in PARTS)
            + " CPU ms a second"
        )
    report.tables += [cost_table(measured), sizing_table(measured), runs_table(measured)]
    report.figures["kinds"] = {
        one.kind.value: {
            "cost_cpu_s_per_audio_s": one.trial.cost,
            "audio_s": one.trial.audio_s,
            "cores_of_others": one.trial.others,
            "redis_bytes_per_call": one.trial.memory.total,
            "inputs_per_minute": {f"{key[0]} {key[1]}": _inputs_per_minute(one, key) for key in one.runs},
        }
        for one in measured
    }


def cost_table(measured: Sequence[Measured]) -> Table:
    rows = [[part, *(f"{1000 * one.trial.cost[part]:.1f}" for one in measured)] for part in PARTS]
    rows.append(["all", *(f"{1000 * sum(one.trial.cost.values()):.1f}" for one in measured)])
    return Table(
        f"CPU milliseconds per second of call audio, with words and separation, {CALLS} calls",
        ["", *(one.kind.value for one in measured)],
        rows,
        "Models in processes of their own included. What remains of a stage that has nothing to do is the reading of "
        "marks that time has passed.",
    )


def sizing_table(measured: Sequence[Measured]) -> Table:
    rows = [[part, *(_calls_a_core(one.trial.cost[part]) for one in measured)] for part in PARTS]
    rows.append(["all, words included", *(_calls_a_core(sum(one.trial.cost.values())) for one in measured)])
    return Table(
        f"Live calls a core, {100 * BUSY:.0f} % of it busy",
        ["", *(one.kind.value for one in measured)],
        rows,
        f"From what {CALLS} calls cost; each of many costs less. Calls over this number are the workers of a stage.",
    )


def _calls_a_core(cost: float) -> str:
    return f"{BUSY / cost:.0f}" if cost else "-"


def runs_table(measured: Sequence[Measured]) -> Table:
    keys = sorted({key for one in measured for key in one.runs}, key=lambda key: (PARTS.index(key[0]), key[1]))
    rows = [[f"{stage}: {model}", *(_per_minute(one, (stage, model)) for one in measured)] for stage, model in keys]
    return Table(
        "Inputs of models per minute of call audio",
        ["", *(one.kind.value for one in measured)],
        rows,
        "0 = the model did not run at all: separation where nobody overlaps, and everything but the vad in silence.",
    )


def _per_minute(one: Measured, key: tuple[str, str]) -> str:
    inputs = _inputs_per_minute(one, key)
    return f"{inputs:.1f}" if inputs else "0"


def _inputs_per_minute(one: Measured, key: tuple[str, str]) -> float:
    return 60 * one.runs.get(key, ModelRuns()).inputs / one.trial.audio_s
