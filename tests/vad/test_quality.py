"""Dead and overdriven lines."""

import numpy as np
import pytest

from speakerline.services.vad.quality import ClippingWatch, SilenceWatch, clipped_samples, quiet_chunks
from speakerline.services.vad.settings import VadSettings
from speakerline.shared.contract.v1 import Clipping

SETTINGS = VadSettings(silence_ms=1000)  # 32 chunks are 1024 ms


def silences(quiet: list[bool]) -> list[tuple[int, int]]:
    watch = SilenceWatch(SETTINGS, 1)
    found = [watch.push(chunk, value) for chunk, value in enumerate(quiet)] + [watch.end(len(quiet))]
    assert all(one.channel == 1 for one in found if one)
    return [(one.start_ms, one.end_ms) for one in found if one]


@pytest.mark.parametrize(
    ("quiet", "expected"),
    [
        pytest.param([True] * 31 + [False], [], id="a pause is no silence"),
        pytest.param([True] * 32 + [False], [(0, 1024)], id="silence is told when it has lasted"),
        pytest.param([True] * 40 + [False], [(0, 1024), (1024, 1280)], id="its rest is told when it ends"),
        pytest.param([True] * 70, [(0, 1024), (1024, 2048), (2048, 2240)], id="long silence is told in pieces"),
        pytest.param([True] * 20 + [False] + [True] * 20, [], id="two pauses do not add up"),
        pytest.param([False] + [True] * 32, [(32, 1056)], id="silence is told where it lies"),
    ],
)
def test_silence(quiet, expected) -> None:
    assert silences(quiet) == expected


@pytest.mark.parametrize(
    ("level", "quiet"),
    [
        pytest.param(0, True, id="digital silence is quiet"),
        pytest.param(8, True, id="the smallest step of A-law is quiet"),
        pytest.param(18, True, id="a level of -65.2 dBFS is quiet"),
        pytest.param(19, False, id="a level of -64.7 dBFS is not"),
    ],
)
def test_quiet(level, quiet) -> None:
    swinging = np.where(np.arange(256) % 2, level, -level).astype(np.int16)
    assert quiet_chunks(swinging[None], -65.0).tolist() == [quiet]


def test_an_offset_of_the_line_is_no_sound() -> None:
    assert quiet_chunks(np.full((1, 256), 3000, np.int16), -65.0).tolist() == [True]


def test_full_scale_samples_of_both_signs_are_counted() -> None:
    chunks = np.array([[0, 32767, -32768, -32767], [0, 1, 2, 3]], np.int16)
    assert clipped_samples(chunks, 32767).tolist() == [3, 0]


@pytest.mark.parametrize(
    ("clipped", "expected"),
    [
        pytest.param([0] * 64, [], id="clean sound is not told"),
        pytest.param([2] * 64, [], id="a few loud samples are not told"),
        pytest.param([0] * 32 + [8] * 32, [Clipping(1, 1024, 2048, 0.0312)], id="an overdriven second is told"),
        pytest.param([0] * 32 + [256], [Clipping(1, 1024, 1056, 1.0)], id="the last part of a second counts too"),
    ],
)
def test_clipping(clipped, expected) -> None:
    watch = ClippingWatch(SETTINGS, 1)
    found = [watch.push(chunk, 256, value) for chunk, value in enumerate(clipped)] + [watch.end(len(clipped))]
    assert [one for one in found if one] == expected
