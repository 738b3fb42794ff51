"""How many frames are one script: others wait for it, so that it stays short."""

from typing import Any

import pytest

from speakerline.shared.client.sender import HEAP, in_heaps


@pytest.mark.parametrize(
    ("sizes", "heaps"),
    [
        ([], []),
        ([1], [[1]]),
        ([HEAP], [[HEAP]]),
        ([HEAP - 1, 64, 3], [[HEAP - 1, 64], [3]]),
        ([HEAP - 64, 64, 3], [[HEAP - 64, 64], [3]]),
    ],
    ids=["nothing", "one frame", "a whole one", "the last channel is not cut", "a full one takes no more"],
)
def test_channels_are_together_up_to_so_many_frames(sizes: list[int], heaps: list[list[int]]) -> None:
    call: Any = object()
    frame: Any = object()
    batches = [(call, channel, [frame] * size) for channel, size in enumerate(sizes)]
    found = list(in_heaps(batches))
    assert [[len(frames) for *_, frames in heap] for heap in found] == heaps
    assert [batch for heap in found for batch in heap] == batches
