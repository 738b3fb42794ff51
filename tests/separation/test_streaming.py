"""Separation while the sound goes on: the same whatever the chunks, in order, in time, and nothing lost."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from speakerline.services.separation.low_latency import LowLatencySeparator
from speakerline.services.separation.source_order import in_order
from speakerline.services.separation.spectrum import RATE
from speakerline.services.separation.streaming import StreamingSeparator, VoiceStream, separate_in_chunks
from speakerline.shared.arrays import Float32s, Float64s
from speakerline.shared.models.files import ModelMissing
from speakerline.tools.training.export import export
from speakerline.tools.training.network import MaskNetwork, NetworkSettings, level_of
from tests.separation.speech import voice


class Oracle:
    """Knows the voices, and gives them in a random order each time; counts what it was asked."""

    rate = RATE
    voices = 2

    def __init__(self, truth: Float32s, seed: int | None = None) -> None:
        self.mixture = truth.sum(axis=0)
        self._truth = truth
        self._random = np.random.default_rng(seed) if seed is not None else None
        self.lengths: list[int] = []

    def separate(self, mixture: Float32s) -> Float32s:
        self.lengths.append(len(mixture))
        views = np.lib.stride_tricks.sliding_window_view(self.mixture, 20)[: 1 + len(self.mixture) - len(mixture)]
        begin = int(np.abs(views - mixture[:20]).sum(axis=1).argmin())
        found = self._truth[:, begin : begin + len(mixture)]
        return found[::-1] if self._random is not None and self._random.random() < 0.5 else found


class PassThrough:
    """All of the mixture in the first voice."""

    rate = RATE
    voices = 2

    def separate(self, mixture: Float32s) -> Float32s:
        return np.stack([mixture, np.zeros_like(mixture)])


class Wobbling(PassThrough):
    """Depends on all of its window, as a network does."""

    def separate(self, mixture: Float32s) -> Float32s:
        share = np.float32(0.2 + 0.6 * np.abs(np.sin(1e3 * mixture.mean())))
        return np.stack([share * mixture, (1 - share) * mixture])


def mixture(seconds: float, seed: int = 0) -> Float32s:
    return voice(120, seconds, seed) + voice(210, seconds, seed + 1)


def network(causal: bool = True, pass_through: bool = False) -> MaskNetwork:
    torch.manual_seed(3)
    settings = NetworkSettings(bands=8, features=16, hidden=16, blocks=2, causal=causal)
    made = MaskNetwork(settings).eval()
    with torch.no_grad():
        made.mask.mul_(0.0 if pass_through else 5.0)
        if pass_through:
            real = made.bias.view(settings.bands, settings.voices, -1, 2)[..., 0]
            real[:, 0], real[:, 1] = 0.5, -0.5
    return made


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    export(network(), folder / "causal.onnx")
    export(network(pass_through=True), folder / "pass_through.onnx")
    export(network(causal=False), folder / "whole.onnx")
    return folder


@pytest.fixture(params=["windows", "low latency"])
def make(request: pytest.FixtureRequest, models: Path) -> Callable[[], VoiceStream]:
    if request.param == "windows":
        return lambda: StreamingSeparator(Wobbling(), hop_s=0.1)
    return lambda: LowLatencySeparator(models / "causal.onnx")


@pytest.fixture(params=["windows", "low latency"])
def pass_through(request: pytest.FixtureRequest, models: Path) -> VoiceStream:
    if request.param == "windows":
        return StreamingSeparator(PassThrough(), hop_s=0.1)
    return LowLatencySeparator(models / "pass_through.onnx")


@pytest.mark.parametrize("length", [1, 127, 128, 129, 800, 1600, 2400, 2401, 5000])
def test_every_length_comes_out_whole_whatever_the_chunks(make: Callable[[], VoiceStream], length: int) -> None:
    sound = mixture(1.0)[:length]
    whole = separate_in_chunks(make(), sound, length)
    assert whole.shape == (2, length) and whole.dtype == np.float32
    for chunk in (1, 160, 801):
        assert separate_in_chunks(make(), sound, chunk).tobytes() == whole.tobytes()


def test_each_overlap_begins_anew(make: Callable[[], VoiceStream]) -> None:
    one, other = mixture(0.7), mixture(0.5, 5)
    fresh = separate_in_chunks(make(), other, 160)
    used = make()
    separate_in_chunks(used, one, 160)
    assert separate_in_chunks(used, other, 160).tobytes() == fresh.tobytes(), "after a flush"
    used.push(one)
    used.reset()
    assert separate_in_chunks(used, other, 160).tobytes() == fresh.tobytes(), "after a reset"


@pytest.mark.parametrize("hop_s", [-1.0, 0.0, 1e-5])
def test_a_hop_of_less_than_a_sample_is_refused(hop_s: float) -> None:
    with pytest.raises(ValueError, match=rf"hop_s {hop_s}: expected a sample at least, 0\.000125 s"):
        StreamingSeparator(PassThrough(), hop_s)


def test_nothing_at_all_gives_nothing(make: Callable[[], VoiceStream]) -> None:
    stream = make()
    assert stream.push(np.zeros(0, np.float32)).shape == (2, 0)
    assert stream.flush().shape == (2, 0)


def most_behind(stream: VoiceStream) -> int:
    """The most samples that were in and not out."""
    behind, given, worst = mixture(0.5), 0, 0
    for at in range(len(behind)):
        given += stream.push(behind[at : at + 1]).shape[1]
        worst = max(worst, at + 1 - given)
    return worst


def test_the_latency_is_exactly_what_it_says(models: Path) -> None:
    low = LowLatencySeparator(models / "causal.onnx")
    assert low.latency == 256, "32 ms at 8 kHz"
    assert most_behind(low) == 255
    windows = StreamingSeparator(Wobbling(), hop_s=0.1)
    assert windows.latency == 1600
    assert most_behind(windows) == 1599
    assert StreamingSeparator(Wobbling()).latency == 2 * RATE


def test_a_mask_that_lets_all_through_changes_nothing(pass_through: VoiceStream) -> None:
    sound = mixture(1.234)
    out = separate_in_chunks(pass_through, sound, 160)
    np.testing.assert_allclose(out[0], sound, atol=5e-4, err_msg="but for what lies at 4 kHz")
    assert float(np.square(out[0]).sum()) == pytest.approx(float(np.square(sound).sum()), rel=1e-3)
    assert np.abs(out[1]).max() < 1e-5


def test_frame_by_frame_equals_the_whole_at_once(models: Path) -> None:
    sound = mixture(2.0)
    padded = torch.from_numpy(np.pad(sound, (128, 128)))
    window = torch.hann_window(256).sqrt()
    spectrum = torch.stft(padded, 256, 128, window=window, center=False, return_complex=True)
    parts = torch.view_as_real(spectrum[:128].T.contiguous())[None]
    with torch.no_grad():
        voices = network()(parts, level_of(parts, causal=True))[0][0]
    expected: Float64s = np.zeros((2, len(padded)))
    for at, frame in enumerate(torch.view_as_complex(voices).transpose(0, 1)):
        samples = torch.fft.irfft(torch.nn.functional.pad(frame, (0, 1)), 256) * window
        expected[:, at * 128 : at * 128 + 256] += samples.numpy()
    found = separate_in_chunks(LowLatencySeparator(models / "causal.onnx"), sound, 160)
    assert np.abs(found[0] - found[1]).max() > 0.01, "or the comparison would mean little"
    np.testing.assert_allclose(found, expected[:, 128:-128], atol=1e-4)


def test_nothing_of_the_future_is_heard(models: Path) -> None:
    one, other = mixture(1.0), mixture(1.0)
    other[4000:] = mixture(1.0, 9)[4000:]
    outs = [separate_in_chunks(LowLatencySeparator(models / "causal.onnx"), sound, 160) for sound in (one, other)]
    assert outs[0][:, : 4000 - 256].tobytes() == outs[1][:, : 4000 - 256].tobytes()
    assert outs[0].tobytes() != outs[1].tobytes()


def test_a_network_that_hears_the_future_is_refused_for_low_latency(models: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="causal = 0, expected a causal network"):
        LowLatencySeparator(models / "whole.onnx")
    with pytest.raises(ModelMissing, match=r"train_low_latency\.yaml"):
        LowLatencySeparator(tmp_path / "nothing.onnx")
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    with pytest.raises(ModelMissing, match=r"junk\.onnx is no separator of tools\.training\.export"):
        LowLatencySeparator(tmp_path / "junk.onnx")


@pytest.mark.parametrize("seed", range(8))
def test_the_voices_keep_their_order_though_the_network_does_not(seed: int) -> None:
    truth = np.stack([voice(120, 4.7, 1), voice(210, 4.7, 2)])
    oracle = Oracle(truth, seed)
    found = separate_in_chunks(StreamingSeparator(oracle, hop_s=0.5), oracle.mixture, 160)
    kept = found if np.abs(found[0] - truth[0]).max() < 0.01 else found[::-1]
    np.testing.assert_allclose(kept, truth, atol=1e-5)
    assert oracle.lengths == [8000] * 8 + [5600], "windows of two hops, and the rest with the hop before it"


def test_an_overlap_shorter_than_a_window_is_separated_as_a_whole() -> None:
    truth = np.stack([voice(120, 1.3, 1), voice(210, 1.3, 2)])
    oracle = Oracle(truth)
    found = separate_in_chunks(StreamingSeparator(oracle), oracle.mixture, 160)
    assert oracle.lengths == [len(oracle.mixture)]
    np.testing.assert_allclose(found, truth, atol=1e-6)


def test_without_sound_in_common_the_order_stays_as_it_comes() -> None:
    outputs = np.stack([voice(120, 0.5), voice(210, 0.5)])
    np.testing.assert_array_equal(in_order(outputs, np.zeros((2, 0), np.float32)), outputs)
    np.testing.assert_array_equal(in_order(outputs, np.zeros((2, 1000), np.float32)), outputs)
    np.testing.assert_array_equal(in_order(outputs, outputs[::-1, :1000]), outputs[::-1])
