"""The model of words stands back behind the stages that make labels."""

import os
from collections.abc import Callable
from functools import partial

from speakerline.services.asr.build import behind_labels
from speakerline.shared.runtime.isolation import IsolatedModel


def build_nice() -> Callable[[list[int]], list[int]]:
    """Says how nice its process is."""
    return lambda batch: [os.getpriority(os.PRIO_PROCESS, 0) for _ in batch]


def test_the_process_of_the_model_yields_to_others_and_this_one_does_not() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    model: IsolatedModel[int, int] = IsolatedModel(partial(behind_labels, build_nice), 60.0, 400.0, "nice")
    try:
        assert model.run([0]) == [min(19, before + 10)]
    finally:
        model.close()
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
