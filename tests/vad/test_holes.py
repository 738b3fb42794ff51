"""Holes in a channel's sound: in which chunk each is told, and which chunks miss samples because of it."""

import pytest

from speakerline.services.vad.holes import Holes
from speakerline.services.vad.sequencer import Hole
from speakerline.shared.contract.v1 import GapReason

SIZE = 256


def hole(start: int, end: int) -> Hole:
    return Hole(start, end, GapReason.LOST, "")


def holes(*spans: tuple[int, int]) -> Holes:
    made = Holes(SIZE)
    for start, end in spans:
        made.add(hole(start, end))
    return made


@pytest.mark.parametrize(
    ("span", "chunk"),
    [
        pytest.param((10, 20), 0, id="inside of a chunk"),
        pytest.param((10, SIZE), 0, id="up to the end of a chunk"),
        pytest.param((10, SIZE + 1), 1, id="one sample further"),
        pytest.param((SIZE, SIZE), 1, id="an empty one at a border, in the chunk that follows"),
        pytest.param((10, 5 * SIZE), 4, id="through several"),
    ],
)
def test_a_hole_is_told_with_its_last_sample(span: tuple[int, int], chunk: int) -> None:
    assert holes(span).taken(chunk - 1) == []
    assert holes(span).taken(chunk) == [hole(*span)]


def test_each_hole_is_told_once_and_in_order() -> None:
    pending = holes((0, 10), (20, 30), (SIZE, SIZE + 5))
    assert pending.taken(0) == [hole(0, 10), hole(20, 30)]
    assert pending.taken(0) == []
    assert pending.taken(9) == [hole(SIZE, SIZE + 5)]
    assert pending.pending == []


@pytest.mark.parametrize(
    ("span", "whole", "complete"),
    [
        pytest.param((0, 0), 7, [True, True, True], id="none"),
        pytest.param((3 * SIZE - 1, 3 * SIZE + 1), 7, [False, False, True], id="over a border"),
        pytest.param((3 * SIZE, 4 * SIZE), 7, [True, False, True], id="a chunk exactly"),
        pytest.param((0, 9 * SIZE), 7, [False, False, False], id="before and behind"),
        pytest.param((0, 0), 4, [True, True, False], id="where the sound ends within a chunk"),
    ],
)
def test_a_chunk_is_complete_where_it_has_all_samples(span: tuple[int, int], whole: int, complete: list[bool]) -> None:
    """Of the three chunks from the third one on."""
    assert holes(span).complete(2, 3, whole) == complete
