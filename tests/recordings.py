"""Recordings with their truth that are too large for the repository (docs/development.md)."""

import os
from pathlib import Path

import pytest

BESIDE_THE_CHECKOUT = Path(__file__).parents[2] / "shared" / "data"


def recordings(folder: str) -> Path:
    """One of their folders, such as `transcripts`. Skips the test where it is not there."""
    found = Path(os.environ.get("SPEAKERLINE_DATA") or BESIDE_THE_CHECKOUT) / folder
    if not found.is_dir():
        pytest.skip(f"no recordings in {found}: SPEAKERLINE_DATA names the folder that holds {folder}/")
    return found


def fixtures(folder: str) -> Path:
    """One of the folders of made inputs, beside those recordings. Skips the test where it is not there."""
    return recordings(f"../fixtures/{folder}")
