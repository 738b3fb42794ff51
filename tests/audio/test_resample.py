"""8 to 16 kHz."""

import numpy as np
import pytest

from speakerline.shared.audio.resample import to_16khz

SECOND = np.arange(8000) / 8000
TONE = np.sin(2 * np.pi * 1000 * SECOND).astype(np.float32)


def test_a_window_doubles_its_samples_and_keeps_its_tone() -> None:
    doubled = to_16khz(TONE, 8000)
    expected = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    assert doubled.dtype == np.float32
    assert doubled.shape == (16000,)
    assert np.abs(doubled - expected)[400:-400].max() < 0.001


def test_the_same_window_gives_the_same_bits() -> None:
    assert np.array_equal(to_16khz(TONE, 8000), to_16khz(TONE.copy(), 8000))


def test_16_khz_passes_untouched() -> None:
    assert to_16khz(TONE, 16000) is TONE


def test_no_samples_stay_no_samples() -> None:
    assert len(to_16khz(TONE[:0], 8000)) == 0


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="sample rate 44100: expected 8000 or 16000"):
        to_16khz(TONE, 44100)
