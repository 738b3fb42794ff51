"""Turns a checkpoint of the separator into the ONNX file that the service loads.

`python -m speakerline.tools.training.export CHECKPOINT OUT`

    inputs   spectrum (B, T, 128, 2), level (B, 1 or T, 1, 1)    outputs   voices (B, voices, T, 128, 2)
    causal   state_<block>_<0|1> (1, B * bands, hidden)                    after_<block>_<0|1>, the same shapes
"""

import argparse
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from speakerline.services.separation.spectrum import BINS, RATE
from speakerline.tools.failure import one_line
from speakerline.tools.training.network import MaskNetwork, NetworkSettings

MAX_BYTES = 10 * 2**20
"""What may ship in the package."""


class _Exported(nn.Module):
    """The network with its states as separate inputs and outputs."""

    def __init__(self, network: MaskNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, spectrum: Tensor, level: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        pairs = [(states[at], states[at + 1]) for at in range(0, len(states), 2)]
        voices, after = self.network(spectrum, level, pairs or None)
        if not self.network.settings.causal:
            return (voices,)
        return (voices, *(part for pair in after for part in pair))


def read_network(checkpoint: Path) -> MaskNetwork:
    """The averaged network of a checkpoint, ready to run. Raises ValueError for a file that is none."""
    try:
        content: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
        network = MaskNetwork(NetworkSettings(**content["settings"]["network"]))
        weights = {name.removeprefix("network."): value for name, value in content["average"].items()}
        network.load_state_dict({name: value.float() for name, value in weights.items() if name != "window"})
    except Exception as error:
        why = "not written by torch" if isinstance(error, (pickle.UnpicklingError, EOFError)) else error
        raise ValueError(f"{checkpoint} is no checkpoint of tools.training.train: {why}") from error
    return network.eval()


def export(network: MaskNetwork, target: Path) -> None:
    """Write the network as ONNX, with its rate, voices and causality in the metadata."""
    import onnx

    settings = network.settings
    spectrum, level = torch.zeros(2, 5, BINS, 2), torch.ones(2, 5 if settings.causal else 1, 1, 1)
    state = torch.zeros(1, 2 * settings.bands, settings.hidden)
    names = [f"{block}_{part}" for block in range(settings.blocks) for part in range(2)] if settings.causal else []
    lengths = {0: "batch", 1: "frames"} if settings.causal else {0: "batch"}
    axes = {"spectrum": {0: "batch", 1: "frames"}, "level": lengths, "voices": {0: "batch", 2: "frames"}}
    axes |= {f"{kind}_{name}": {1: "rows"} for name in names for kind in ("state", "after")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Exported(network),
            (spectrum, level, *(state for _ in names)),
            str(target),
            input_names=["spectrum", "level", *(f"state_{name}" for name in names)],
            output_names=["voices", *(f"after_{name}" for name in names)],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
    model = onnx.load(str(target))
    facts = {"rate": RATE, "voices": settings.voices, "causal": int(settings.causal), "hidden": settings.hidden}
    onnx.helper.set_model_props(
        model, {name: str(value) for name, value in (facts | {"bands": settings.bands}).items()}
    )
    onnx.save(model, str(target))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.training.export", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args(arguments)
    beside = given.out.with_suffix(".tmp")
    try:
        export(read_network(given.checkpoint), beside)
        size = beside.stat().st_size
        if size > MAX_BYTES:
            raise ValueError(f"{size} bytes: expected at most {MAX_BYTES}, or the file can't ship")
        beside.replace(given.out)
    except (ValueError, OSError) as error:
        print(f"export: {one_line(error)}", file=sys.stderr)
        return 1
    finally:
        beside.unlink(missing_ok=True)
    print(f"wrote {given.out}, {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
