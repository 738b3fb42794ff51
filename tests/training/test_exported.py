"""The weights come back from an exported file, bit for bit."""

from pathlib import Path

import onnx
import pytest
import torch

from speakerline.tools.training.export import export
from speakerline.tools.training.exported import read_exported
from speakerline.tools.training.network import MaskNetwork, NetworkSettings
from speakerline.tools.training.training import Training, TrainSettings
from tests.separation.speech import write_speakers

SMALL = {"bands": 8, "features": 12, "hidden": 10, "blocks": 2}


def exported(target: Path, **settings: object) -> MaskNetwork:
    """As after a training: no two of its tensors are equal."""
    torch.manual_seed(4)
    network = MaskNetwork(NetworkSettings(**{**SMALL, **settings}))  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    export(network.eval(), target)
    return network


@pytest.mark.parametrize("options", [{}, {"causal": True}, {"voices": 3, "hidden": 12}], ids=str)
def test_every_weight_comes_back(tmp_path: Path, options: dict[str, object]) -> None:
    before = exported(tmp_path / "network.onnx", **options)
    after = read_exported(tmp_path / "network.onnx")
    assert after.settings == before.settings
    assert after.state_dict().keys() == before.state_dict().keys()
    assert all(torch.equal(after.state_dict()[name], value) for name, value in before.state_dict().items())


def test_a_training_begins_with_what_was_exported(tmp_path: Path) -> None:
    network = exported(tmp_path / "network.onnx")
    speech = write_speakers(tmp_path / "speech", (90, 120, 160, 210), 1.0)
    settings = {"folder": tmp_path / "out", "speech": [speech], "start": tmp_path / "network.onnx", "network": SMALL}
    training = Training(TrainSettings.model_validate(settings | {"validation_speakers": 2, "validation_mixtures": 1}))
    training.save()
    average = torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)["average"]
    assert all(torch.equal(average[f"network.{name}"], value) for name, value in network.state_dict().items())


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ValueError, match=r"text\.onnx is no file of tools\.training\.export"):
        read_exported(tmp_path / "text.onnx")
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], [])), str(tmp_path / "empty.onnx"))
    with pytest.raises(ValueError, match=r"empty\.onnx is no file of tools\.training\.export: 'split'"):
        read_exported(tmp_path / "empty.onnx")
