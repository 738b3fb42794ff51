"""The measures of a separator: what a perfect, a lazy and a real one get."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from speakerline.services.separation.spectrum import RATE
from speakerline.shared.arrays import Float32s
from speakerline.tools.bench.streaming import measure_streaming
from speakerline.tools.tables import Report
from speakerline.tools.training.evaluate import held_out, left_over, main, open_model, tables, two_voices
from speakerline.tools.training.export import export
from speakerline.tools.training.mixtures import Corpus, Mixture
from speakerline.tools.training.network import MaskNetwork, NetworkSettings
from speakerline.tools.training.training import TrainSettings, read_settings
from tests.separation.speech import voice, write_speakers


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate")
    speech = write_speakers(folder / "made", (90, 130, 180, 240), 2.0)
    options = {"folder": str(folder / "out"), "speech": [str(speech)], "validation_speakers": 2}
    (folder / "train.yaml").write_text(yaml.safe_dump(options))
    return folder / "train.yaml"


@pytest.fixture(scope="module")
def settings(config: Path) -> TrainSettings:
    return read_settings(config, Path())


class Fake:
    """Does what it is told with the mixture that it recognises."""

    name = "fake"
    rate = RATE
    voices = 2

    def __init__(self, answer: Callable[[Mixture], Float32s]) -> None:
        self._answer = answer
        self._known: dict[bytes, Mixture] = {}

    def separate(self, mixture: Float32s) -> Float32s:
        return self._answer(self._known[mixture.tobytes()])

    def watch(self, corpus: Corpus) -> Corpus:
        """Overhear what is drawn."""
        draw = corpus.draw

        def overheard(*words: object) -> Mixture:
            one = draw(*words)  # type: ignore[arg-type]
            self._known[one.samples.tobytes()] = one
            return one

        corpus.draw = overheard  # type: ignore[method-assign, assignment]
        return corpus


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        pytest.param(lambda one: one.voices[:1], "fake gives 1 outputs", id="one output"),
        pytest.param(lambda one: one.voices * np.nan, "fake gives samples that are no numbers", id="no numbers"),
    ],
)
def test_outputs_that_can_not_be_measured_are_refused(
    settings: TrainSettings, answer: Callable[[Mixture], Float32s], problem: str
) -> None:
    fake = Fake(answer)
    with pytest.raises(ValueError, match=problem):
        list(two_voices(fake, fake.watch(held_out(settings)), settings.mixtures, 1))


def test_who_is_right_gets_the_best_of_marks(settings: TrainSettings) -> None:
    perfect = Fake(lambda one: one.voices[::-1])
    corpus = perfect.watch(held_out(settings))
    found = list(two_voices(perfect, corpus, settings.mixtures, 3))
    assert [one.condition for one in found] == [
        *("full overlap, clean", "full overlap, noisy", "partial overlap, clean", "partial overlap, noisy")
    ]
    assert all(one.si_sdr_db > 99 and one.sdr_db > 80 and one.si_sdri_db > 50 for one in found)
    left = list(left_over(perfect, corpus, settings.mixtures, 3))
    assert [one.condition for one in left] == ["one voice, clean", "one voice, noisy", "noise alone"]
    assert all(one.median_db == one.worst_tenth_db == -100 for one in left)
    assert [one.voice_si_sdr_db for one in left][:2] == pytest.approx([100, 100])


def test_who_does_nothing_improves_nothing(settings: TrainSettings) -> None:
    lazy = Fake(lambda one: np.stack([one.samples, one.samples]))
    corpus = lazy.watch(held_out(settings))
    for one in two_voices(lazy, corpus, settings.mixtures, 3):
        assert one.si_sdri_db == pytest.approx(0, abs=1e-6)
        assert one.deviation_db == pytest.approx(0, abs=1e-6)
    assert [one.median_db for one in left_over(lazy, corpus, settings.mixtures, 3)] == pytest.approx(
        [0, 0, 0], abs=1e-6
    )


def test_an_output_that_is_silenced_ends_no_run(settings: TrainSettings) -> None:
    """PixIT silences a voice where it hears nobody, and may be wrong."""

    def answer(one: Mixture) -> Float32s:
        return np.stack([one.voices[0], one.voices[1] * (len(known) % 2), 0 * one.samples])

    silencing = Fake(answer)
    known = silencing._known
    for one in two_voices(silencing, silencing.watch(held_out(settings)), settings.mixtures, 4):
        assert one.mixtures == 4
        assert one.si_sdr_db == pytest.approx(50, abs=1), "a voice of every other mixture is lost"


def test_only_people_that_were_held_out_are_heard(settings: TrainSettings) -> None:
    assert len(held_out(settings).speakers) == settings.validation_speakers


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    for causal in (False, True):
        network = MaskNetwork(NetworkSettings(bands=8, features=8, hidden=8, blocks=1, causal=causal)).eval()
        export(network, folder / f"causal_{int(causal)}.onnx")
    return folder


@pytest.mark.parametrize("causal", [0, 1])
def test_the_command_tells_tables(
    config: Path, networks: Path, capsys: pytest.CaptureFixture[str], causal: int
) -> None:
    words = [str(networks / f"causal_{causal}.onnx"), "--data", "", "--config", str(config), "--mixtures", "1"]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["two_voices"]) == 4 and len(told["left"]) == 3
    assert main([*words, "--markdown"] if causal else words) == 0
    said = capsys.readouterr().out
    assert f"{told['two_voices'][0]['si_sdri_db']:.1f}" in said and "noise alone" in said
    assert ("| full overlap, clean |" in said) == causal


def test_a_checkpoint_is_a_model_too(networks: Path, tmp_path: Path) -> None:
    from speakerline.tools.training.training import Training

    speech = write_speakers(tmp_path / "made", (90, 130, 180, 240), 1.0)
    network = {"bands": 4, "features": 8, "hidden": 8, "blocks": 1}
    options = {"folder": tmp_path, "speech": [speech], "validation_speakers": 2, "network": network}
    Training(TrainSettings.model_validate(options | {"mixtures": {"seconds": 0.5}})).save()
    assert open_model(str(tmp_path / "checkpoint.pt")).separate(voice(100, 1.0)).shape == (2, RATE)


def test_what_is_no_model_ends_in_one_line(config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([str(tmp_path / "none.onnx"), "--data", "", "--config", str(config)]) == 1
    assert "expected a file .pt or .onnx that is there" in capsys.readouterr().err
    assert main(["x.pt", "--data", "", "--config", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml" in capsys.readouterr().err
    for name in ("junk.onnx", "junk.pt"):
        (tmp_path / name).write_bytes(b"junk")
        assert main([str(tmp_path / name), "--data", "", "--config", str(config)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"evaluate: {tmp_path / name} is no ") and "tools.training" in line


@pytest.mark.parametrize("count", ["-3", "0", "some"])
def test_fewer_mixtures_than_one_are_refused(
    networks: Path, config: Path, capsys: pytest.CaptureFixture[str], count: str
) -> None:
    with pytest.raises(SystemExit):
        main([str(networks / "causal_0.onnx"), "--data", "", "--config", str(config), "--mixtures", count])
    assert f"'{count}': expected a whole number, 1 or more" in capsys.readouterr().err


def test_tables_are_of_one_shape(settings: TrainSettings) -> None:
    lazy = Fake(lambda one: np.stack([one.samples, one.samples]))
    corpus = lazy.watch(held_out(settings))
    found = list(two_voices(lazy, corpus, settings.mixtures, 1)), list(left_over(lazy, corpus, settings.mixtures, 1))
    for table in tables(*found):
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_the_bench_has_a_row_for_each_way_of_streaming(networks: Path, settings: TrainSettings) -> None:
    report = Report()
    said: list[str] = []
    random = np.random.default_rng(0)
    mixtures = [held_out(settings).draw(settings.mixtures.eased(0), random) for _ in range(2)]
    mixtures = [one for one in mixtures if one.voices.any(axis=1).all()]
    measure_streaming(voice(100, 3.0), report, said.append, networks / "causal_1.onnx", mixtures)
    (table,) = report.tables
    assert [row[0] for row in table.rows] == ["windows of 2 s", "windows of 1 s", "frames", "the whole at once"]
    assert [row[1] for row in table.rows] == ["2000", "1000", "32", "-"]
    assert len(said) == 3 and {len(row) for row in table.rows} == {len(table.columns)}
