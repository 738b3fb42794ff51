"""The pure steps: sample formats, and where files end."""

import numpy as np
import pytest

from speakerline.shared.arrays import AnyArray
from speakerline.tools.media.endings import mp3_seconds, ogg_is_complete
from speakerline.tools.media.samples import mend, to_planes


@pytest.mark.parametrize(
    ("raw", "sample_format", "expected"),
    [
        pytest.param(np.array([[0, 128, 255]], np.uint8), "u8", [[-1, 0, 127 / 128]], id="8 bits are unsigned"),
        pytest.param(np.array([[-32768, 16384]], np.int16), "s16", [[-1, 0.5]], id="16 bits"),
        pytest.param(np.array([[-(2**31), 2**30]], np.int32), "s32", [[-1, 0.5]], id="32 bits"),
        pytest.param(np.array([[-(2**63), 2**62]], np.int64), "s64", [[-1, 0.5]], id="64 bits"),
        pytest.param(np.array([[0.25, -0.5]], np.float64), "dbl", [[0.25, -0.5]], id="doubles"),
    ],
)
def test_samples_are_scaled_to_one(raw: AnyArray, sample_format: str, expected: list[list[float]]) -> None:
    planes = to_planes(raw, sample_format, 1)
    assert planes.dtype == np.float32
    assert planes.tolist() == expected
    assert np.array_equal(to_planes(raw, sample_format + "p", 1), planes)


def test_packed_channels_are_taken_apart() -> None:
    assert to_planes(np.array([[0, 16384, 0, 16384]], np.int16), "s16", 2).tolist() == [[0, 0], [0.5, 0.5]]


def test_a_double_too_large_for_a_float_is_mended() -> None:
    planes, invalid, _ = mend(to_planes(np.array([[1e300, 0.5]]), "dbl", 1))
    assert planes.tolist() == [[0, 0.5]]
    assert invalid.tolist() == [0]


def test_samples_beyond_full_scale_are_clipped_and_counted_but_not_what_a_codec_overshoots() -> None:
    planes, _, clipped = mend(np.array([[0.5, 1.04, -1.06, 30.0, np.nan]], np.float32))
    assert planes.tolist() == [[0.5, 1, -1, 1, 0]]
    assert clipped == 2


@pytest.mark.parametrize(
    ("head", "sample_rate", "seconds"),
    [
        (b"..Info\0\0\0\x0f\0\0\0\x64", 48000, 2.4),
        (b"..Xing\0\0\0\x01\0\0\0\x64", 8000, 7.2),
        (b"..Xing\0\0\0\x00\0\0\0\x64", 8000, None),
        (b"..Xing\0\0", 8000, None),
        (b"no tag at all", 8000, None),
    ],
)
def test_the_tag_of_an_mp3_tells_its_length(head: bytes, sample_rate: int, seconds: float | None) -> None:
    assert mp3_seconds(head, sample_rate) == seconds


def page(flags: int, body: bytes = b"sound") -> bytes:
    return b"OggS\0" + bytes([flags]) + bytes(20) + bytes([1, len(body)]) + body


@pytest.mark.parametrize(
    ("tail", "complete"),
    [
        pytest.param(page(0) + page(4), True, id="a whole last page"),
        pytest.param(page(0) + page(0), False, id="no page is marked as the last"),
        pytest.param(page(0) + page(4)[:-1], False, id="a byte is missing"),
        pytest.param(page(0) + page(4)[:20], False, id="a page cut in its head"),
        pytest.param(b"", False, id="nothing"),
    ],
)
def test_the_last_page_of_an_ogg_tells_whether_it_is_whole(tail: bytes, complete: bool) -> None:
    assert ogg_is_complete(tail) is complete
