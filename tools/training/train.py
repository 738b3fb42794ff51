"""Trains the separator: `python -m speakerline.tools.training.train CONFIG.yaml --data DIR`.

Started again, it goes on where it was."""

import argparse
import os
import sys
from pathlib import Path

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from speakerline.tools.training.curve import draw_curve
from speakerline.tools.training.training import Training, TrainSettings, read_settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.training.train", description=__doc__)
    parser.add_argument("config", type=Path, help="what to train, in YAML (tools/training/train.yaml explains it)")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where its folders of recordings are")
    arguments = parser.parse_args()
    try:
        settings = read_settings(arguments.config, arguments.data)
        training = Training(settings)
    except (ValueError, OSError) as error:
        sys.exit(f"train: {error}")
    torch.set_num_threads(settings.threads)
    print(f"{training.parameters / 1e6:.2f} M parameters; {training.corpus()}; step {training.step}")
    train(training, settings)


def train(training: Training, settings: TrainSettings) -> None:
    """Until `settings.steps`, with a checkpoint, a validation and a curve every now and then."""
    columns = (
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, refresh_per_second=0.5) as progress:
        task = progress.add_task("", total=settings.steps, completed=training.step)
        while training.step < settings.steps:
            loss = training.advance()
            progress.update(task, completed=training.step, description=f"loss {loss:.2f} dB")
            if training.step % settings.validate_every == 0 or training.step == settings.steps:
                found = training.validate()
                progress.console.print(
                    f"step {training.step}: SI-SDRi {found.improvement_db:.2f} dB, loss {found.loss_db:.2f} dB"
                )
                training.save()
                draw_curve(training.history, settings.folder / "curve.png")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
