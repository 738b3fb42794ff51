"""The table of bad files: `speakerline process` says what is wrong with each, or uses what is there."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speakerline.services.vad import silero
from speakerline.shared.arrays import Float32s
from speakerline.shared.contract.v1 import Encoding
from speakerline.shared.models.onnx import open_session
from speakerline.tools.cli.main import main
from speakerline.tools.media.writing import write_wav
from speakerline.tools.pipeline import local as local_pipeline
from speakerline.tools.sample_call import sample_call
from tests.e2e.sample_call import samples
from tests.e2e.system import Models

Make = Callable[[Path], Path]

SOUND = samples(8000)[: 12 * 8000].astype(np.float32) / np.float32(32768)


def wav(planes: Float32s, subtype: str = "PCM_16", rate: int = 8000, name: str = "call.wav") -> Make:
    def make(folder: Path) -> Path:
        soundfile.write(folder / name, planes.T, rate, subtype=subtype, format="WAV")
        return folder / name

    return make


def written(content: bytes, name: str = "call.wav") -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def mulaw(folder: Path) -> Path:
    write_wav(folder / "call.wav", SOUND, 8000, Encoding.MULAW)
    return folder / "call.wav"


def truncated(folder: Path) -> Path:
    path = wav(SOUND)(folder)
    path.write_bytes(path.read_bytes()[:-100_000])
    return path


def with_nan(folder: Path) -> Path:
    sound = SOUND.copy()
    sound[8000:16000] = np.nan
    return wav(sound, "FLOAT")(folder)


@pytest.fixture
def process(
    models: Models, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs the command in this process, with models that are loaded; gives its status and what it said."""
    monkeypatch.setattr(local_pipeline, "build_stages", lambda settings, metrics: models.stages)
    monkeypatch.setenv("SPEAKERLINE_VOICES", str(tmp_path / "voices.json"))

    def run(file: Path, *options: str) -> tuple[int, str]:
        status = main(["process", str(file), "--out", str(tmp_path / "out"), *options])
        said = capsys.readouterr()
        return status, said.err if status else said.out

    return run


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda folder: folder / "gone.wav", "gone.wav: no such file", id="a missing file"),
        pytest.param(lambda folder: folder, "is a folder: expected a file", id="a folder"),
        pytest.param(written(b""), "the file is empty: expected audio such as wav", id="an empty file"),
        pytest.param(written(b"hello " * 1000), "could not be decoded", id="a text that is called wav"),
        pytest.param(wav(SOUND[:0]), "no audio samples: expected at least one", id="a wav of no samples"),
        pytest.param(
            wav(np.stack([SOUND * (n + 1) / 20 for n in range(20)])),
            "20 channels: expected 1 to 8, or --channels mix",
            id="20 channels",
        ),
    ],
)
def test_files_that_can_not_be_used_are_refused(
    process: Callable[..., tuple[int, str]], tmp_path: Path, make: Make, message: str
) -> None:
    status, said = process(make(tmp_path))
    assert status == 1
    assert said.startswith("speakerline: ") and said.count("\n") == 1
    assert message in said
    assert not list((tmp_path / "out").glob("*")), "nothing is left behind"


@pytest.mark.parametrize(
    ("make", "options", "duration_ms", "message"),
    [
        pytest.param(truncated, (), 5_750, "the file ends before its declared length", id="a truncated file"),
        pytest.param(wav(np.zeros(80_000, np.float32)), (), 10_000, "", id="a silent file"),
        pytest.param(wav(SOUND[56_000:64_000]), (), 1_000, "", id="one second"),
        pytest.param(wav(SOUND[:80]), (), 10, "", id="10 milliseconds"),
        pytest.param(wav(SOUND, "PCM_U8"), (), 12_000, "", id="8 bits a sample"),
        pytest.param(mulaw, (), 12_000, "", id="mu-law in a wav"),
        pytest.param(with_nan, (), 12_000, "8000 samples were not finite, the first at 1.000 s", id="NaN in it"),
        pytest.param(
            wav(np.full(8000, np.nan, np.float32), "FLOAT"), (), 1_000, "8000 samples were not finite", id="only NaN"
        ),
        pytest.param(wav(SOUND, name="call.mp3"), (), 12_000, "", id="a wav that is called mp3"),
        pytest.param(wav(np.stack([SOUND] * 20)), ("--channels", "mix"), 12_000, "", id="20 channels that are mixed"),
        pytest.param(wav(SOUND.repeat(6), rate=48_000), (), 12_000, "", id="48 kHz"),
    ],
)
def test_what_can_be_used_is_used(
    process: Callable[..., tuple[int, str]],
    tmp_path: Path,
    make: Make,
    options: tuple[str, ...],
    duration_ms: int,
    message: str,
) -> None:
    status, said = process(make(tmp_path), *options)
    assert status == 0, said
    assert message in said
    told = json.loads((tmp_path / "out" / "call.json").read_text())
    assert told["statistics"]["duration_ms"] == duration_ms
    assert (tmp_path / "out" / "call.rttm").exists()


def test_a_missing_model_is_named_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(silero, "open_session", lambda model: open_session(tmp_path / model.name))
    monkeypatch.setenv("SPEAKERLINE_MODELS", str(tmp_path))
    assert main(["process", str(sample_call()), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert f"no model at {tmp_path}/silero_8khz.onnx; where it belongs to the installation, install" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        pytest.param("CALIBRATION", "gone.npz", "no calibration at gone.npz; make one", id="a missing calibration"),
        pytest.param("CALIBRATION", __file__, "is no calibration, make one", id="a calibration that is something else"),
        pytest.param(
            "EMBEDDING_MODEL", "magic", "='magic': Input should be 'campplus' or 'ecapa'", id="an unknown model"
        ),
        pytest.param("MODEL_THREADS", "0", "='0': Input should be greater than or equal to 1", id="no threads"),
        pytest.param("VOICES", __file__, "expected voices written by `speakerline enroll`", id="voices that are none"),
    ],
)
def test_settings_that_make_no_sense_are_named(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    message: str,
) -> None:
    monkeypatch.setenv(f"SPEAKERLINE_{name}", value)
    assert main(["process", str(sample_call()), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.splitlines()[-1].startswith("speakerline: ")
