"""A person is enrolled from recordings: by the sound as it is, and by what a telephone would leave of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from speakerline.shared.arrays import AnyArray
from speakerline.shared.client.voiceprints import StoredVoiceprint
from speakerline.shared.voiceprints.calibration import MERGE_WEIGHTS, Calibration
from speakerline.shared.voiceprints.enrollment import NotOneVoice, enroll

RATE = 16_000


class Heard:
    """A segmentation that hears the voices of `active` in every frame."""

    def __init__(self, *active: int) -> None:
        self._active = active

    def scores(self, windows: AnyArray) -> AnyArray:
        found = np.zeros((len(windows), 293, 3), np.float32)
        found[:, :, list(self._active)] = 1
        return found


class Bands:
    """An embedder that hears how much of a sound lies below 4 kHz, and how much above."""

    calibration = Calibration("bands", np.zeros(2, np.float32), np.zeros(MERGE_WEIGHTS), np.zeros(2), 0.8)

    def embed(self, pieces: Sequence[tuple[AnyArray, AnyArray]]) -> list[AnyArray]:
        spectra = [np.abs(np.fft.rfft(window)) for window, _ in pieces]
        halves = [np.array([one[: len(one) // 2].sum(), one[len(one) // 2 :].sum()]) for one in spectra]
        return [np.asarray(one / np.linalg.norm(one), np.float32) for one in halves]


def sound(seconds: float) -> AnyArray:
    return np.random.default_rng(3).standard_normal(int(seconds * RATE)).astype(np.float32) * 0.1


def enrolled(seconds: float, *voices: int) -> Any:
    return enroll([sound(seconds)], Heard(*voices), Bands())  # type: ignore[arg-type]


def test_the_telephone_takes_what_is_above_its_band() -> None:
    found = enrolled(10, 0)
    assert found.vector == pytest.approx([0.71, 0.71], abs=0.02)
    assert found.telephone == pytest.approx([1.0, 0.0], abs=0.05)
    assert found.clean_s == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize("voices", [(), (0, 1)], ids=["nobody speaks", "two speak all the time"])
def test_without_one_voice_alone_nobody_is_enrolled(voices: tuple[int, ...]) -> None:
    with pytest.raises(NotOneVoice, match=r"0.0 s of speech by one voice alone: expected at least 3 s"):
        enrolled(10, *voices)


@pytest.mark.parametrize(
    ("telephone", "rate", "expected"), [("BBBB", 8000, "BBBB"), ("BBBB", 16_000, "AAAA"), ("", 8000, "AAAA")]
)
def test_calls_of_a_telephone_are_compared_with_the_voice_as_it_sounds_there(
    telephone: str, rate: int, expected: str
) -> None:
    assert StoredVoiceprint("bands", "AAAA", 3.0, telephone).at_rate(rate) == expected
