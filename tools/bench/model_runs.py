"""How often models ran, from the metrics of a stage; pure."""

import re
from dataclasses import dataclass

_SERIES = re.compile(r"^speakerline_(model_seconds_count|model_seconds_sum|batch_size_sum)\{(.*)\} (\S+)$", re.M)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class ModelRuns:
    """runs: of the model, whatever the batch; inputs: in all of them; seconds: that they took, by the clock."""

    runs: int = 0
    inputs: int = 0
    seconds: float = 0.0

    def __add__(self, other: "ModelRuns") -> "ModelRuns":
        return ModelRuns(self.runs + other.runs, self.inputs + other.inputs, self.seconds + other.seconds)

    def since(self, before: "ModelRuns") -> "ModelRuns":
        return ModelRuns(self.runs - before.runs, self.inputs - before.inputs, self.seconds - before.seconds)


def model_runs(metrics: str) -> dict[tuple[str, str], ModelRuns]:
    """By stage and model, from the text that Prometheus reads."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for series, labels, value in _SERIES.findall(metrics):
        named = dict(_LABEL.findall(labels))
        found.setdefault((named["stage"], named["model"]), {})[series] = float(value)
    return {
        key: ModelRuns(
            int(values.get("model_seconds_count", 0)),
            int(values.get("batch_size_sum", 0)),
            values.get("model_seconds_sum", 0.0),
        )
        for key, values in found.items()
    }
