"""Every separator passes the same tests; the models run for real, on small weights that the test made."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from speakerline.services.separation.dprnn import Dprnn
from speakerline.services.separation.levels import MODEL_RMS, fitted, levelled
from speakerline.services.separation.masks import SHIPPED, Masks
from speakerline.services.separation.pixit import PixIt
from speakerline.services.separation.separator import Chosen, SourceSeparator, build, separate_at
from speakerline.services.separation.sepformer import SepFormer
from speakerline.shared.arrays import Float32s
from speakerline.shared.models.files import ModelMissing
from speakerline.tools.training.export import export
from speakerline.tools.training.network import MaskNetwork, NetworkSettings
from tests.separation.other_models import make_pixit, make_sepformer
from tests.separation.speech import voice

MODELS = {"dualpath": (8000, 2), "sepformer": (8000, 2), "pixit": (16_000, 3)}


pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:(pyannote|speechbrain)")


@pytest.fixture(scope="module", autouse=True)
def no_lazy_modules_left() -> Iterator[None]:
    """SpeechBrain leaves lazy modules behind whose import fails when anybody (hypothesis does) looks at them."""
    yield
    for name, module in list(sys.modules.items()):
        if type(module).__module__ == "speechbrain.utils.importutils":
            del sys.modules[name]


@pytest.fixture(scope="module", params=list(MODELS))
def separator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SourceSeparator:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sepformer":
        return SepFormer(str(make_sepformer(folder)))
    if request.param == "pixit":
        return PixIt(str(make_pixit(folder)))
    torch.manual_seed(0)
    export(MaskNetwork(NetworkSettings(bands=8, features=8, hidden=8, blocks=1)).eval(), folder / "model.onnx")
    return Masks(folder / "model.onnx")


def mixture(length: int = 12_345) -> Float32s:
    return (voice(120, 2.0) + voice(210, 2.0, 1))[:length]


def test_it_says_what_it_is(separator: SourceSeparator) -> None:
    assert (separator.rate, separator.voices) == MODELS[separator.name]


@pytest.mark.parametrize("length", [0, 1, 300, 4000, 12_345, 16_000])
def test_each_voice_is_as_long_as_the_mixture(separator: SourceSeparator, length: int) -> None:
    voices = separator.separate(mixture(length))
    assert voices.shape == (separator.voices, length)
    assert voices.dtype == np.float32 and np.isfinite(voices).all()


def test_the_same_mixture_gives_the_same_voices(separator: SourceSeparator) -> None:
    first = separator.separate(mixture())
    separator.separate(mixture(9000))
    assert separator.separate(mixture()).tobytes() == first.tobytes()


def test_the_mixture_is_left_as_it_was(separator: SourceSeparator) -> None:
    given = mixture()
    separator.separate(given)
    assert given.tobytes() == mixture().tobytes()


def test_the_level_of_the_mixture_is_that_of_the_voices(separator: SourceSeparator) -> None:
    loud, quiet = separator.separate(mixture()), separator.separate(0.01 * mixture())
    np.testing.assert_allclose(quiet, 0.01 * loud, atol=1e-4 * np.abs(loud).max())
    assert np.abs(loud).max() > 1e-3


def test_silence_stays_silent(separator: SourceSeparator) -> None:
    assert not np.abs(separator.separate(np.zeros(8000, np.float32))).max() > 1e-4


@pytest.mark.parametrize("rate", [8000, 16_000])
def test_calls_of_either_rate_are_separated(separator: SourceSeparator, rate: int) -> None:
    assert separate_at(separator, mixture(), rate).shape == (separator.voices, 12_345)


def test_a_model_for_two_is_refused_where_one_for_three_is_asked_for() -> None:
    with pytest.raises(ModelMissing, match=r"separator\.onnx separates 2 voices: expected a model for three"):
        build(Chosen(three_source=str(SHIPPED)))


def test_a_checkpoint_for_three_voices_gives_three(tmp_path: Path) -> None:
    separator = SepFormer(str(make_sepformer(tmp_path, 3)))
    assert separator.voices == 3 and separator.separate(mixture()).shape == (3, 12_345)


def test_nothing_is_written_beside_a_checkpoint(tmp_path: Path) -> None:
    before = {path.name for path in make_sepformer(tmp_path).iterdir()}
    SepFormer(str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == before


def test_pixit_silences_a_voice_where_it_hears_nobody(tmp_path: Path) -> None:
    separator = PixIt(str(make_pixit(tmp_path)))
    with torch.no_grad():
        separator._model.classifier.bias.fill_(-20)
    assert not separator.separate(mixture()).any()
    with torch.no_grad():
        separator._model.classifier.bias.fill_(20)
    assert all(row.any() for row in separator.separate(mixture()))


@pytest.mark.parametrize(
    ("make", "source", "told"),
    [
        (SepFormer, "nowhere", "no folder at 'nowhere', and it is not a hub id such as 'speechbrain/sepformer-"),
        (SepFormer, "/nowhere/at/all", "no folder at"),
        (SepFormer, ".", "has no hyperparams.yaml"),
        (PixIt, "nowhere", "nothing at 'nowhere', and it is not a hub id such as 'pyannote/separation-ami-1.0'"),
        (PixIt, ".", "has no pytorch_model.bin"),
    ],
)
def test_a_missing_model_is_told_with_what_to_do(
    make: type, source: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelMissing, match=told):
        make(source)


@pytest.mark.parametrize("make", [SepFormer, PixIt])
def test_a_hub_that_can_not_be_reached_is_told_with_what_to_do(make: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelMissing, match=r"could not load '.*huggingface-cli download"):
        make("")


def test_a_damaged_or_another_model_is_refused(tmp_path: Path) -> None:
    (make_sepformer(tmp_path) / "masknet.ckpt").write_bytes(b"damaged")
    with pytest.raises(ModelMissing, match="could not load"):
        SepFormer(str(tmp_path))
    make_pixit(tmp_path, "PyanNet")
    with pytest.raises(ModelMissing, match="is a PyanNet of pyannote: expected a ToTaToNet"):
        PixIt(str(tmp_path))


def test_outputs_get_the_levels_that_add_up_to_the_mixture() -> None:
    truths = np.stack([voice(120, 1.0), 0.3 * voice(210, 1.0, 1)])
    found = fitted(truths * np.array([[7.0], [-0.2]], np.float32), truths.sum(axis=0))
    np.testing.assert_allclose(fitted(truths, truths.sum(axis=0)), truths, atol=0.05)
    assert np.abs(found[0] - truths[0]).max() < 0.05


def test_an_empty_output_is_not_blown_up() -> None:
    sound = voice(120, 1.0)
    found = fitted(np.stack([0.5 * sound, 1e-4 * sound]), sound)
    np.testing.assert_allclose(found[0], sound, atol=0.02)
    assert np.abs(found[1]).max() < 0.001
    assert not fitted(np.zeros((2, 100), np.float32), np.ones(100, np.float32)).any()


def test_models_hear_a_mixture_at_the_level_they_know() -> None:
    assert np.sqrt(np.square(levelled(0.003 * mixture())).mean()) == pytest.approx(MODEL_RMS, rel=1e-4)
    assert not levelled(np.zeros(100, np.float32)).any()


def test_the_masks_of_pixit_are_one_a_voice_whatever_the_length() -> None:
    network = Dprnn(6, 3, out_chan=4, bn_chan=8, hid_size=8, chunk_size=10, n_repeats=2).eval()
    for frames in (3, 10, 57):
        with torch.no_grad():
            masks = network(torch.randn(2, 6, frames))
        assert masks.shape == (2, 3, 4, frames) and masks.min() >= 0
    with pytest.raises(ValueError, match=r"norm_type cLN.*expected gLN, LSTM"):
        Dprnn(6, 3, norm_type="cLN")
