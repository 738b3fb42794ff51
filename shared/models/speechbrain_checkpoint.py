"""Opens checkpoints in SpeechBrain's format, from a hub id or a folder, on the CPU: there is no setting for a GPU.

Opening imports torch and SpeechBrain, which takes seconds and some 600 MB: not for a request that has a limit."""

import importlib
import logging
from pathlib import Path
from typing import Any

from speakerline.shared.models.files import ModelMissing, models_folder


def open_checkpoint(interface: str, source: str, example: str, threads: int) -> Any:
    """SpeechBrain's inference object, ready for use; nothing is written beside a folder.

    interface: where the class lies, such as `speaker.EncoderClassifier`. source: a hub id, or a folder with
    hyperparams.yaml and what its pretrainer names. example: a hub id, for messages. threads: of torch, for the whole
    process. Raises ModelMissing."""
    folder = Path(source)
    local = folder.is_dir()
    if local and not (folder / "hyperparams.yaml").is_file():
        raise ModelMissing(f"{folder} is not a SpeechBrain checkpoint: it has no hyperparams.yaml")
    if not local and (folder.is_absolute() or source.startswith(".") or source.count("/") != 1):
        raise ModelMissing(f"no folder at {source!r}, and it is not a hub id such as {example!r}")
    module, _, name = interface.rpartition(".")
    try:
        import torch
        from speechbrain.utils.fetching import LocalStrategy

        opener = getattr(importlib.import_module(f"speechbrain.inference.{module}"), name)
    except ImportError as error:
        raise ModelMissing(f"{example} needs speechbrain: pip install speakerline[models]") from error
    torch.set_num_threads(threads)
    logging.getLogger("speechbrain").setLevel(logging.ERROR)
    try:
        model = opener.from_hparams(
            source=str(folder.resolve()) if local else source,
            savedir=str(folder if local else models_folder() / source.replace("/", "--")),
            local_strategy=LocalStrategy.NO_LINK if local else LocalStrategy.COPY,
            overrides={"pretrained_path": str(folder.resolve())} if local and _names_a_path(folder) else {},
        )
    except Exception as error:
        raise ModelMissing(
            f"could not load {source!r}: {error}. Download the checkpoint where there is a network "
            f"(huggingface-cli download {example} --local-dir FOLDER) and name the folder instead"
        ) from error
    if model is None:
        raise ModelMissing(f"could not load {source!r}: SpeechBrain gave nothing back")
    return model.eval()


def _names_a_path(folder: Path) -> bool:
    """Whether hyperparams.yaml has `pretrained_path`, as many published checkpoints do (it points at the hub)."""
    lines = (folder / "hyperparams.yaml").read_text("utf-8").splitlines()
    return any(line.startswith("pretrained_path:") for line in lines)
