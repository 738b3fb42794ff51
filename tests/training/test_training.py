"""A training learns, can be cut anywhere without a trace, and refuses what makes no sense."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

from speakerline.tools.training.curve import draw_curve
from speakerline.tools.training.train import train
from speakerline.tools.training.training import Training, TrainSettings, Validation, read_settings, split_speakers
from tests.separation.speech import write_speakers

TINY = {"bands": 4, "features": 12, "hidden": 12, "blocks": 1}
MIXTURES = {"seconds": 0.5, "full": 1, "partial": 0.5, "alone": 0.1, "silent": 0.05}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """More of them only wait for each other on so small a network."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_speakers(tmp_path_factory.mktemp("speech") / "made", (90, 120, 160, 210, 240, 280), 2.0)


def settings(speech: Path, folder: Path, **options: object) -> TrainSettings:
    plain = {
        "folder": folder,
        "speech": [speech],
        "validation_speakers": 2,
        "validation_mixtures": 16,
        "warmup_steps": 5,
        "easy_steps": 10,
        "decay_steps": 10,
        "validate_every": 1000,
        "bfloat16": False,
        "network": TINY,
        "mixtures": MIXTURES,
    }
    return TrainSettings.model_validate(plain | options)


def weights(folder: Path) -> dict[str, bytes]:
    content = torch.load(folder / "checkpoint.pt", weights_only=True)
    return {
        f"{kind} {name}": value.numpy().tobytes()
        for kind in ("network", "average")
        for name, value in content[kind].items()
    }


def test_a_tiny_network_learns(speech: Path, tmp_path: Path) -> None:
    clean = {"seconds": 0.5, "full": 1, "partial": 0, "alone": 0, "silent": 0, "telephone": 0, "mu_law": 0, "noise": 0}
    training = Training(settings(speech, tmp_path, steps=80, learning_rate=5e-3, mixtures=clean))
    losses = [training.advance() for _ in range(80)]
    assert sum(losses[-20:]) / 20 < sum(losses[:20]) / 20 - 1
    found = training.validate()
    assert training.history == [found] and found.step == 80
    assert all(map(math.isfinite, (found.loss_db, found.improvement_db)))


@pytest.mark.parametrize("causal", [False, True], ids=["whole calls", "low latency"])
def test_a_training_that_was_cut_ends_with_the_bits_of_one_that_was_not(
    speech: Path, tmp_path: Path, causal: bool
) -> None:
    def options(name: str) -> TrainSettings:
        return settings(speech, tmp_path / name, steps=24, network={**TINY, "causal": causal})

    unbroken = Training(options("unbroken"))
    for _ in range(24):
        unbroken.advance()
    unbroken.save()
    for count in (7, 10, 7):
        part = Training(options("cut"))
        for _ in range(count):
            part.advance()
        part.save()
    assert part.step == 24
    assert weights(tmp_path / "cut") == weights(tmp_path / "unbroken")


def test_the_seed_decides_where_a_training_goes(speech: Path, tmp_path: Path) -> None:
    found = []
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        training = Training(settings(speech, tmp_path / name, seed=seed))
        training.advance()
        training.save()
        found.append(weights(tmp_path / name))
    assert found[0] == found[1] != found[2]


def test_the_command_leaves_a_checkpoint_and_a_curve(speech: Path, tmp_path: Path) -> None:
    options = settings(speech, tmp_path, steps=4, validate_every=2)
    train(Training(options), options)
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    again = Training(options)
    assert again.step == 4
    assert [found.step for found in again.history] == [2, 4]


def test_a_checkpoint_of_another_network_is_refused(speech: Path, tmp_path: Path) -> None:
    Training(settings(speech, tmp_path)).save()
    with pytest.raises(ValueError, match=r"checkpoint\.pt holds .*features=12.*ask for .*features=16"):
        Training(settings(speech, tmp_path, network={**TINY, "features": 16}))


def test_a_training_may_begin_with_the_weights_of_another(speech: Path, tmp_path: Path) -> None:
    first = Training(settings(speech, tmp_path / "first"))
    first.advance()
    first.save()
    start = tmp_path / "first" / "checkpoint.pt"
    second = Training(settings(speech, tmp_path / "second", start=start, seed=8))
    assert second.step == 0
    second.save()
    begun, before = weights(tmp_path / "second"), weights(tmp_path / "first")
    averages = [name for name in before if name.startswith("average")]
    assert averages and all(begun[name] == before[name] for name in averages)
    assert all(begun[name.replace("average", "network", 1)] == before[name] for name in averages)
    with pytest.raises(ValueError, match=r"checkpoint\.pt holds .*features=12.*ask for .*features=16"):
        Training(settings(speech, tmp_path / "other", start=start, network={**TINY, "features": 16}))
    with pytest.raises(ValueError, match=r"none\.pt is no checkpoint"):
        Training(settings(speech, tmp_path / "other", start=tmp_path / "none.pt"))


def test_the_learning_rate_warms_up_and_decays(speech: Path, tmp_path: Path) -> None:
    training = Training(settings(speech, tmp_path, steps=100, learning_rate=1e-3))
    rates = []
    for step in (0, 4, 50, 95, 99):
        training.step = step
        rates.append(training.learning_rate)
    assert rates == pytest.approx([2e-4, 1e-3, 1e-3, 5e-4, 1e-4])


def test_nobody_is_trained_on_and_validated_with() -> None:
    everybody = {f"s{number}": [Path("x")] for number in range(20)}
    train_on, held = split_speakers(everybody, 5, seed=7)
    assert len(held) == 5 and not set(train_on) & set(held) and set(train_on) | set(held) == set(everybody)
    assert split_speakers(everybody, 5, seed=7)[1].keys() == held.keys() != split_speakers(everybody, 5, 8)[1].keys()
    with pytest.raises(ValueError, match="19 validation speakers of 20 leave fewer than two"):
        split_speakers(everybody, 19, 7)


def test_a_curve_is_a_picture(tmp_path: Path) -> None:
    draw_curve([Validation(1000, 2.0, -4.0, 1e-3), Validation(2000, 3.0, -5.0, 1e-3)], tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("folder: x\nspeech: [a]\nsteps: 0", r"steps = 0: Input should be greater than or equal to 1"),
        ("folder: x\nspeech: [a]\nstepz: 5", r"stepz = 5: Extra inputs are not permitted"),
        ("folder: x\nspeech: [a]\nnetwork: {bands: 15}", r"bands 15: expected a divisor of 128"),
        ("folder: x\nspeech: [a]\nnetwork: {voices: 3}", r"network = .*voices 3: expected 2, as many as"),
        ("folder: x\nspeech: [a]\nmixtures: {noise: 3}", r"noise 3\.0: expected a share from 0 to 1"),
        ("folder: x\nspeech: [a]\nmixtures: {nois: 3}", r"mixtures\.nois = 3: Unexpected keyword"),
        ("folder: x", r"speech = .*Field required"),
        ("- a list", r"the file = \['a list'\]: Input should be a valid dictionary"),
        ("folder: [x", "is not YAML"),
    ],
    ids=[
        "below the least",
        "unknown",
        "network",
        "more voices than are mixed",
        "mixture",
        "unknown mixture option",
        "missing",
        "no mapping",
        "no YAML",
    ],
)
def test_a_wrong_option_is_named_with_what_was_expected(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "train.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=told) as caught:
        read_settings(path, tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("path", sorted(Path("tools/training").glob("train*.yaml")), ids=lambda path: path.stem)
def test_the_settings_that_ship_are_sound(path: Path) -> None:
    settings = read_settings(path, Path("data"))
    assert settings.folder.parts[0] == "out"
    assert settings.speech == (Path("data/speech/librispeech"), Path("data/speech/speechocean"))
    assert (settings.rooms, settings.noises) == (Path("data/rir"), Path("data/noise"))
    assert yaml.safe_load(path.read_text())["leave_out"] == ["4088", "4406", "5652", "8226"]
