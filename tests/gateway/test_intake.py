"""Pieces of sound that are ready together are few frames."""

import pytest

from speakerline.services.gateway.dialects.base import Opened, Sound
from speakerline.services.gateway.intake.intake import Frame, Intake
from speakerline.shared.contract.v1 import Encoding


def piece(number: int) -> bytes:
    """20 ms."""
    return bytes([number]) * 160


def frames_of(pieces: list[tuple[int, int]]) -> list[Frame]:
    """What becomes of these pieces, each a channel and a number, which says where it lies."""
    intake = Intake(Opened("c", 8000, Encoding.MULAW, 2))
    for channel, number in pieces:
        intake.sound(Sound(channel, piece(number), 160 * number), 0.0)
    frames = intake.frames()
    assert intake.frames() == []
    return frames


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([(0, 0)], [(0, 160, [0])], id="one is a frame"),
        pytest.param([(0, 0), (0, 1), (0, 2)], [(0, 480, [0, 1, 2])], id="those that follow each other are one"),
        pytest.param(
            [(0, n) for n in range(7)], [(0, 800, [0, 1, 2, 3, 4]), (0, 1120, [5, 6])], id="of 100 ms at most"
        ),
        pytest.param(
            [(0, 0), (1, 0), (0, 1), (1, 1)], [(0, 320, [0, 1]), (1, 320, [0, 1])], id="on each channel by itself"
        ),
        pytest.param([(0, 0), (0, 1), (0, 1)], [(0, 320, [0, 1])], id="what comes twice is there once"),
        pytest.param(
            [(0, 0), *[(0, n) for n in range(20, 31)]],
            [(0, 160, [0]), (0, 4000, [*range(20, 25)]), (0, 4800, [*range(25, 30)]), (0, 4960, [30])],
            id="a hole parts them",
        ),
    ],
)
def test_pieces_that_are_ready_together(
    pieces: list[tuple[int, int]], expected: list[tuple[int, int, list[int]]]
) -> None:
    frames = frames_of(pieces)
    assert [(one.channel, one.end_sample, one.pcm) for one in frames] == [
        (channel, end, b"".join(map(piece, numbers))) for channel, end, numbers in expected
    ]
