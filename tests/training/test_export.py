"""What is exported answers as the network in torch does."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from speakerline.services.separation.masks import Masks
from speakerline.services.separation.separator import Chosen, Mixture, build, separate_at
from speakerline.shared.arrays import AnyArray
from speakerline.shared.models.files import ModelMissing
from speakerline.shared.models.onnx import open_session
from speakerline.tools.training.export import export, main, read_network
from speakerline.tools.training.network import MaskNetwork, NetworkSettings, Separator

SMALL = NetworkSettings(bands=8, features=12, hidden=10, blocks=2)


def network(settings: NetworkSettings) -> MaskNetwork:
    torch.manual_seed(3)
    return MaskNetwork(settings).eval()


def noise(count: int, seed: int = 0) -> AnyArray:
    return (np.random.default_rng(seed).standard_normal(count) * 0.1).astype(np.float32)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("separator") / "small.onnx"
    export(network(SMALL), target)
    return target


@pytest.mark.parametrize("count", [800, 8000, 24_000])
def test_the_exported_network_is_torchs_heard_twice(small: Path, count: int) -> None:
    separator = Separator(SMALL).eval()
    separator.network.load_state_dict(network(SMALL).state_dict())
    mixture = noise(count)
    with torch.no_grad():
        here, later = (separator(torch.from_numpy(np.pad(mixture, place))[None])[0] for place in ((0, 64), (64, 0)))
    here, later = here[:, :count].numpy(), later[:, 64:].numpy()
    straight, crossed = (float((here * other).sum()) for other in (later, later[::-1]))
    expected = (here + (later if straight > crossed else later[::-1])) / 2
    assert np.abs(Masks(small).separate(mixture) - expected).max() < 1e-4


def test_a_batch_changes_no_answer(small: Path) -> None:
    session = open_session(small)
    spectrum = noise(6 * 20 * 128 * 2).reshape(6, 20, 128, 2)
    level = np.full((6, 1, 1, 1), 0.1, np.float32)
    together = session.run(None, {"spectrum": spectrum, "level": level})[0]
    alone = [session.run(None, {"spectrum": spectrum[i : i + 1], "level": level[:1]})[0] for i in range(6)]
    assert np.abs(together - np.concatenate(alone)).max() < 1e-5


def test_a_causal_network_goes_on_from_its_states(tmp_path: Path) -> None:
    settings = NetworkSettings(bands=8, features=12, hidden=10, blocks=2, causal=True)
    export(network(settings), tmp_path / "causal.onnx")
    session = open_session(tmp_path / "causal.onnx")
    spectrum, level = noise(10 * 128 * 2).reshape(1, 10, 128, 2), np.full((1, 10, 1, 1), 0.1, np.float32)
    with torch.no_grad():
        expected = network(settings)(torch.from_numpy(spectrum), torch.from_numpy(level))[0].numpy()
    states = {one.name: np.zeros((1, 8, 10), np.float32) for one in session.get_inputs()[2:]}
    assert len(states) == 4
    parts = []
    for begin, end in ((0, 3), (3, 4), (4, 10)):
        given = {"spectrum": spectrum[:, begin:end], "level": level[:, begin:end]}
        voices, *after = session.run(None, given | states)
        states = dict(zip(states, after, strict=True))
        parts.append(voices)
    assert np.abs(np.concatenate(parts, axis=2) - expected).max() < 1e-4
    with pytest.raises(ModelMissing, match="is causal"):
        Masks(tmp_path / "causal.onnx")


def test_a_checkpoint_becomes_a_file_and_anything_else_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    separator = Separator(SMALL)
    content = {"settings": {"network": asdict(SMALL)}, "average": separator.state_dict()}
    torch.save(content, tmp_path / "checkpoint.pt")
    assert main([str(tmp_path / "checkpoint.pt"), str(tmp_path / "out.onnx")]) == 0
    assert Masks(tmp_path / "out.onnx").voices == 2
    assert read_network(tmp_path / "checkpoint.pt").settings == SMALL
    torch.save({"step": 1}, tmp_path / "other.pt")
    assert main([str(tmp_path / "other.pt"), str(tmp_path / "never.onnx")]) == 1
    assert "no checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "never.onnx").exists()


def test_what_is_no_checkpoint_ends_in_one_line(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "text.pt").write_text("no checkpoint")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({"settings": {"network": asdict(SMALL)}, "average": torch.zeros(2)}, tmp_path / "tensor.pt")
    for path in (small, *(tmp_path / f"{name}.pt" for name in ("empty", "text", "list", "tensor"))):
        with pytest.raises(ValueError, match=r"is no checkpoint of tools\.training\.train: \S"):
            read_network(path)
        assert main([str(path), str(tmp_path / "never.onnx")]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"export: {path} is no checkpoint") and len(line) < 300
    assert not list(tmp_path.glob("never.*"))


def test_a_file_that_is_missing_or_no_separator_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"tools\.training\.export"):
        Masks(tmp_path / "nothing.onnx")
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    with pytest.raises(ModelMissing, match="is no separator"):
        Masks(tmp_path / "junk.onnx")


def test_what_ships_is_small_and_separates_at_the_rate_of_the_call() -> None:
    from speakerline.services.separation.masks import SHIPPED

    assert SHIPPED.stat().st_size < 10_000_000
    for rate in (8000, 16_000):
        mixture = noise(rate)
        (voices,) = build(Chosen())([Mixture(mixture, rate)])
        assert voices.shape == (2, rate)
        assert voices.dtype == np.float32
        assert np.array_equal(separate_at(Masks(), mixture, rate), voices)


def test_a_moment_of_sound_and_silence_are_no_trouble() -> None:
    assert Masks().separate(np.zeros(100, np.float32)).shape == (2, 100)
    assert np.abs(Masks().separate(np.zeros(8000, np.float32))).max() < 1e-3
