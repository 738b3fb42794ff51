"""Scores of separated voices on cases whose answer is known, and against other people's code."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mir_eval.separation
import numpy as np
import pytest
import soundfile

from speakerline.shared.arrays import Float64s
from speakerline.tools.cli.main import main
from speakerline.tools.media.media_error import MediaError
from speakerline.tools.score.files import InvalidFile
from speakerline.tools.score.separation import improvement_db, pairing, score_separation, score_sources, si_sdr_db

RATE = 8000


def noise(*shape: int, seed: int = 0) -> Float64s:
    return np.random.default_rng(seed).standard_normal(shape)


def tone(hz: float) -> Float64s:
    return np.sin(2 * np.pi * hz * np.arange(RATE) / RATE)


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        pytest.param(tone(100), 100.0, id="perfect"),
        pytest.param(-0.01 * tone(100), 100.0, id="perfect but for the scale"),
        pytest.param(tone(100) + 5.0, 100.0, id="perfect but for an offset"),
        pytest.param(tone(100) + 0.1 * tone(200), 20.0, id="a tenth of another tone"),
        pytest.param(7 * (tone(100) + tone(200)), 0.0, id="half and half"),
        pytest.param(tone(200), -100.0, id="nothing of it"),
        pytest.param(0 * tone(200), -100.0, id="silence"),
    ],
)
def test_si_sdr_is_known(estimate: Float64s, expected: float) -> None:
    assert si_sdr_db(estimate, tone(100)) == pytest.approx(expected, abs=1e-6)


def test_si_sdr_is_that_of_torchmetrics() -> None:
    import torch
    from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

    truth = noise(4, 5000)
    for one, estimate in zip(truth, truth * 3 + noise(4, 5000, seed=1), strict=True):
        other = scale_invariant_signal_distortion_ratio(torch.tensor(estimate), torch.tensor(one), zero_mean=True)
        assert si_sdr_db(estimate, one) == pytest.approx(float(other), abs=1e-4)


@pytest.mark.filterwarnings("ignore:mir_eval:FutureWarning")
def test_sdr_sir_and_sar_are_those_of_mir_eval() -> None:
    truths = noise(3, 6000)
    leaks = np.array([[1, 0.3, 0.1], [0.2, 1, 0.1], [0.05, 0.1, 1]])
    estimates = leaks @ truths + 0.2 * noise(3, 6000, seed=1)
    expected = mir_eval.separation.bss_eval_sources(truths, estimates, compute_permutation=True)
    found = score_sources(estimates[[2, 0, 1]], truths)
    assert [one.estimate for one in found] == [1, 2, 0]
    for at, name in enumerate(("sdr_db", "sir_db", "sar_db")):
        np.testing.assert_allclose([getattr(one, name) for one in found], expected[at], atol=1e-6)


def test_interference_and_artefacts_are_told_apart() -> None:
    truths = noise(2, 20_000)
    (leaky, _) = score_sources(np.stack([truths[0] + 0.1 * truths[1], truths[1]]), truths)
    (noisy, _) = score_sources(np.stack([truths[0] + 0.1 * noise(20_000, seed=1), truths[1]]), truths)
    assert leaky.sir_db == pytest.approx(20, abs=0.5) and leaky.sar_db > 60
    assert noisy.sar_db == pytest.approx(20, abs=0.5) and noisy.sir_db > 30


def test_the_improvement_is_against_the_mixture() -> None:
    truths = np.stack([tone(100), tone(200)])
    found = score_sources(np.stack([tone(200) + 0.1 * tone(300), tone(100) + 0.01 * tone(300)]), truths, truths.sum(0))
    assert [one.estimate for one in found] == [1, 0]
    assert [one.si_sdri_db for one in found] == pytest.approx([40.0, 20.0], abs=1e-6)
    assert score_sources(truths, truths)[0].si_sdri_db is None


def test_the_mean_improvement_is_that_of_the_best_pairing_and_none_for_the_mixture_itself() -> None:
    truths = np.stack([tone(100), tone(200)])
    estimates = np.stack([tone(200) + 0.1 * tone(300), tone(100) + 0.01 * tone(300)])
    assert improvement_db(estimates, truths, truths.sum(0)) == pytest.approx(30.0, abs=1e-6)
    assert improvement_db(np.stack([truths.sum(0)] * 2), truths, truths.sum(0)) == pytest.approx(0.0, abs=1e-9)


def test_of_more_estimates_than_voices_the_best_are_taken() -> None:
    truths = noise(2, 5000)
    assert pairing(np.stack([noise(5000, seed=2), truths[1], truths[0]]), truths) == [2, 1]


def test_a_silent_output_that_no_voice_is_left_with_costs_nothing() -> None:
    truths = noise(2, 5000)
    heard = truths + 0.1 * noise(2, 5000, seed=1)
    assert score_sources(np.stack([0 * heard[0], *heard]), truths) == [
        replace(one, estimate=one.estimate + 1) for one in score_sources(heard, truths)
    ]


def test_a_silent_output_that_a_voice_is_left_with_is_the_worst_there_is() -> None:
    truths = noise(2, 5000)
    heard = truths + 0.1 * noise(2, 5000, seed=1)
    (kept, lost), (alone, _) = (
        score_sources(np.stack([heard[0], other]), truths, truths.sum(0)) for other in (0 * heard[1], heard[1])
    )
    assert (lost.si_sdr_db, lost.sdr_db, lost.sir_db, lost.sar_db) == (-100, -100, -100, -100)
    assert lost.si_sdri_db is not None and lost.si_sdri_db < -99
    assert kept == alone
    assert [one.sdr_db for one in score_sources(0 * truths, truths)] == [-100, -100]


@pytest.mark.parametrize(
    ("estimates", "truths", "mixture", "told"),
    [
        (noise(1, 900), noise(2, 900), None, r"estimates \(1, 900\) for truths \(2, 900\)"),
        (noise(2, 900), noise(2, 800), None, r"\[800, 900\] samples: expected one length"),
        (noise(2, 900), noise(2, 900), noise(901), r"\[900, 901\] samples"),
        (noise(2, 900), np.zeros((2, 900)), None, "truth 0 is silent"),
    ],
    ids=["too few", "lengths", "length of the mixture", "silent truth"],
)
def test_what_has_no_score_is_refused(
    estimates: Float64s, truths: Float64s, mixture: Float64s | None, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        score_sources(estimates, truths, mixture)


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, samples: Float64s, rate: int = RATE) -> Path:
        soundfile.write(tmp_path / name, samples, rate, subtype="FLOAT")
        return tmp_path / name

    return write


def test_the_command_scores_files(file: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        *("score-separation", "--reference", file("a.wav", 0.1 * tone(100)), file("b.wav", 0.1 * tone(200))),
        *("--estimate", file("x.wav", 0.1 * tone(200) + 0.01 * tone(300)), file("y.wav", tone(100) + 0.1 * tone(300))),
        *("--mixture", file("m.wav", 0.1 * tone(100) + 0.1 * tone(200))),
    ]
    assert main([*map(str, words), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(Path(one["reference"]).name, Path(one["estimate"]).name) for one in told["sources"]] == [
        ("a.wav", "y.wav"),
        ("b.wav", "x.wav"),
    ]
    assert told["mean"]["si_sdri_db"] == pytest.approx(20, abs=0.01)
    assert main([*map(str, words)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("a.wav = y.wav") and lines[-1].split()[:3] == ["mean", "20.00", "20.00"]


def test_files_that_do_not_fit_are_named(file: Callable[..., Path], tmp_path: Path) -> None:
    good = file("good.wav", 0.1 * tone(100))
    stereo = file("stereo.wav", np.stack([tone(100), tone(200)], 1) * 0.1)
    (tmp_path / "text.wav").write_text("no sound")
    torn, loud = tone(100), tone(100)
    torn[17], loud[3] = np.nan, np.inf
    for path, told in (
        (file("short.wav", tone(100)[:700]), r"short\.wav: 700 samples, expected 8000 as in good\.wav"),
        (file("fast.wav", tone(100), 16_000), r"fast\.wav: 16000 Hz, expected 8000 as in good\.wav"),
        (file("silent.wav", 0 * tone(100)), r"silent\.wav is silent"),
        (file("torn.wav", torn), r"torn\.wav: sample 17 is nan, expected a number"),
        (file("loud.wav", loud), r"loud\.wav: sample 3 is inf, expected a number"),
        (stereo, r"stereo\.wav: 2 channels, expected one voice in one channel"),
        (tmp_path / "text.wav", r"text\.wav: could not be decoded"),
        (tmp_path / "none.wav", r"none\.wav: no such file"),
    ):
        with pytest.raises((InvalidFile, MediaError), match=told):
            score_separation([good], [path])
    with pytest.raises(InvalidFile, match="1 estimates for 2 references"):
        score_separation([good, good], [good])
