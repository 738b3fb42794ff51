"""The Fourier transform in numpy is torch's."""

import numpy as np
import pytest
import torch

from speakerline.services.separation.spectrum import HOP, WINDOW, istft, stft
from speakerline.services.separation.spectrum import level_of as level_in_numpy
from speakerline.shared.arrays import AnyArray
from speakerline.tools.training.network import level_of

SHAPE = torch.hann_window(WINDOW).sqrt()


def noise(count: int) -> AnyArray:
    return np.random.default_rng(count).standard_normal(count).astype(np.float32)


@pytest.mark.parametrize("count", [129, 256, 1000, 8000, 8001])
def test_a_spectrum_is_that_of_torch_and_comes_back(count: int) -> None:
    samples = noise(count)
    theirs = torch.stft(torch.from_numpy(samples), WINDOW, HOP, window=SHAPE, return_complex=True)[:-1].T
    ours = stft(samples)
    assert np.allclose(ours, torch.view_as_real(theirs).numpy(), atol=2e-5)
    level = level_of(torch.view_as_real(theirs)[None], causal=False)
    assert level_in_numpy(ours) == pytest.approx(level.numpy()[0], rel=1e-5)
    both = np.stack([ours, -0.5 * ours])
    full = torch.nn.functional.pad(torch.view_as_complex(torch.from_numpy(both)).transpose(1, 2), (0, 0, 0, 1))
    inverse = torch.istft(full, WINDOW, HOP, window=SHAPE, length=count).numpy()
    assert np.allclose(istft(both, count), inverse, atol=2e-5)


def test_too_little_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 128 samples"):
        stft(noise(128))
    with pytest.raises(ValueError, match="have 9 frames, got 8"):
        istft(np.zeros((8, 128, 2), np.float32), 1024)
