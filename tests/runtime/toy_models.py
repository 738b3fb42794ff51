"""Models for isolated processes: most inputs are doubled, some end badly."""

import os
import signal
import time
from collections.abc import Callable

import numpy as np

from services.model_files import ModelMissing

Model = Callable[[list[object]], list[object]]


def build_toy(load_s: float = 0.0) -> Model:
    """Doubles numbers and arrays. Strings name a way to end badly."""
    time.sleep(load_s)
    return lambda batch: [_answer(one) for one in batch]


def build_missing() -> Model:
    raise ModelMissing("the weights of the toy are missing: pip install toy")


def build_crashing() -> Model:
    os._exit(7)


def _answer(one: object) -> object:
    return _misbehave(one) if isinstance(one, str) else one * 2  # type: ignore[operator]


def _misbehave(one: str) -> object:
    if one == "pid":
        return os.getpid()
    if one == "hang":
        while True:
            time.sleep(60)
    if one == "exit":
        os._exit(3)
    if one == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if one == "grow":
        kept = []
        while True:
            kept.append(np.ones(2**20))
    if one == "memory error":
        raise MemoryError("no room for 1 TB")
    if one == "raise":
        raise ValueError("this one I refuse")
    if one == "unsendable":
        return lambda: None
    if one == "short":
        raise StopIteration
    raise AssertionError(one)
