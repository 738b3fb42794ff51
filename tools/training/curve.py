"""The curve of a training as a picture."""

from collections.abc import Sequence
from pathlib import Path

from speakerline.tools.training.training import Validation


def draw_curve(history: Sequence[Validation], path: Path) -> None:
    """SI-SDRi and loss on the validation mixtures over the steps, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    steps = [point.step for point in history]
    axes.plot(steps, [point.improvement_db for point in history], color="#1f6feb", label="SI-SDRi, two voices")
    axes.plot(steps, [-point.loss_db for point in history], color="#8b949e", label="minus loss, all kinds")
    axes.set(xlabel="step", ylabel="dB, people not trained on", ylim=(min(0.0, axes.get_ylim()[0]), None))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)
