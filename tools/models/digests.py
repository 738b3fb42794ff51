"""Weights and models are known by their SHA-256."""

import hashlib
from pathlib import Path


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def check_digest(file: Path, expected: str) -> None:
    """Raises ValueError for another one."""
    if (found := digest(file)) != expected:
        raise ValueError(f"{file.name}: sha256 is {found}, expected {expected}")
