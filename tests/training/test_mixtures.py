"""Mixtures for training: their kinds, levels and places, and that they follow from the seed."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speakerline.services.separation.spectrum import RATE
from speakerline.shared.arrays import AnyArray
from speakerline.tools.simulate.voices import find_utterances
from speakerline.tools.training.mixtures import Corpus, Mixture, MixtureSettings, find_audio, find_speakers
from tests.separation.speech import voice, write_speakers

CLEAN = MixtureSettings(1.0, 1, 0, 0, 0, telephone=0, mu_law=0, room=0, noise=0)
"""Both voices all the time, nothing else."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_speakers(tmp_path_factory.mktemp("speech") / "made", (100, 140, 190, 260))


@pytest.fixture(scope="module")
def corpus(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    sounds = tmp_path_factory.mktemp("sounds")
    response = np.zeros(2000, np.float32)
    response[[300, 900, 1700]] = 0.5, 0.3, 0.1
    soundfile.write(sounds / "room.wav", response, RATE)
    soundfile.write(sounds / "noise.wav", 0.1 * np.random.default_rng(1).standard_normal(RATE * 2), RATE)
    return Corpus(find_utterances(folder), [sounds / "room.wav"], [sounds / "noise.wav"])


def rms_db(samples: AnyArray) -> float:
    """Of what is not near silence."""
    power = np.square(samples, dtype=np.float64)
    return float(10 * np.log10(power[power > power.max() * 1e-5].mean()))


def drawn(corpus: Corpus, settings: MixtureSettings, count: int = 20, seed: int = 0) -> list[Mixture]:
    random = np.random.default_rng(seed)
    return [corpus.draw(settings, random) for _ in range(count)]


def test_without_noise_the_mixture_is_the_sum_of_its_voices(corpus: Corpus) -> None:
    for one in drawn(corpus, CLEAN):
        assert one.samples.shape == (RATE,) and one.voices.shape == (2, RATE)
        assert one.samples.dtype == one.voices.dtype == np.float32
        np.testing.assert_allclose(one.voices.sum(axis=0), one.samples, atol=1e-6)


@pytest.mark.parametrize("difference_db", [-5.0, 0.0, 5.0])
def test_the_first_voice_is_as_much_louder_as_was_asked(corpus: Corpus, difference_db: float) -> None:
    settings = replace(CLEAN, level_db=(difference_db, difference_db))
    for one in drawn(corpus, settings):
        assert rms_db(one.voices[0]) - rms_db(one.voices[1]) == pytest.approx(difference_db, abs=0.05)


@pytest.mark.parametrize("noise_db", [5.0, 20.0])
def test_noise_is_as_far_below_the_voices_as_was_asked(corpus: Corpus, noise_db: float) -> None:
    settings = replace(CLEAN, level_db=(0, 0), noise=1, noise_db=(noise_db, noise_db))
    for one in drawn(corpus, settings):
        noise = one.samples - one.voices.sum(axis=0)
        assert rms_db(one.voices[0]) - rms_db(noise) == pytest.approx(noise_db, abs=0.5)


@pytest.mark.parametrize("gain_db", [-38.0, -14.0])
def test_the_gain_is_that_of_the_voices(corpus: Corpus, gain_db: float) -> None:
    for one in drawn(corpus, replace(CLEAN, level_db=(0, 0), gain_db=(gain_db, gain_db))):
        assert rms_db(one.voices[1]) == pytest.approx(gain_db, abs=0.05)


def test_a_lone_voice_has_silence_for_company(corpus: Corpus) -> None:
    for one in drawn(corpus, replace(CLEAN, full=0, alone=1)):
        assert np.abs(one.voices[0]).max() > 0 and not one.voices[1].any()


def test_silence_has_no_voice_but_noise(corpus: Corpus) -> None:
    for one in drawn(corpus, replace(CLEAN, full=0, silent=1)):
        assert not one.voices.any() and one.samples.any()


def test_in_a_partial_overlap_each_voice_has_its_own_stretch(corpus: Corpus) -> None:
    offsets = set()
    for one in drawn(corpus, replace(CLEAN, full=0, partial=1), 40):
        active = [np.flatnonzero(part) for part in one.voices]
        assert all(len(at) for at in active)
        assert min(active[0][-1], active[1][-1]) < RATE - 1 or max(active[0][0], active[1][0]) > 0
        offsets.add(int(active[0][0] - active[1][0]))
    assert len(offsets) > 30
    assert min(offsets) < 0 < max(offsets), "either voice may be the first"


def test_the_kinds_come_as_often_as_their_weights_say(corpus: Corpus) -> None:
    settings = replace(CLEAN, full=2, partial=0, alone=1, silent=1)
    voices = [int((np.abs(one.voices).max(axis=1) > 0).sum()) for one in drawn(corpus, settings, 400)]
    shares = np.bincount(voices, minlength=3) / 400
    np.testing.assert_allclose(shares, (0.25, 0.25, 0.5), atol=0.07)


def test_rooms_and_telephones_are_part_of_the_truth(corpus: Corpus) -> None:
    for one in drawn(corpus, replace(CLEAN, telephone=1, room=1)):
        np.testing.assert_allclose(one.voices.sum(axis=0), one.samples, atol=1e-6)


def test_the_same_seed_gives_the_same_samples_and_another_one_others(corpus: Corpus) -> None:
    one, same, other = (
        corpus.batch(MixtureSettings(), 6, np.random.default_rng(seed))[0] for seed in ((7, 3), (7, 3), (7, 4))
    )
    assert one.tobytes() == same.tobytes() != other.tobytes()


def test_an_easy_beginning_has_neither_rooms_nor_noise() -> None:
    settings = MixtureSettings()
    assert (settings.eased(0.0).room, settings.eased(0.0).noise) == (0, 0)
    assert settings.eased(1.0) == settings
    assert settings.eased(0.5).noise == pytest.approx(settings.noise / 2)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"seconds": 0.0}, "seconds 0.0: expected more than 0"),
        ({"room": 1.5}, "room 1.5: expected a share from 0 to 1"),
        ({"full": -1.0}, "expected weights from 0 on"),
        ({"noise_db": (30.0, 5.0)}, "noise_db 30.0, 5.0: expected the lower value first"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        MixtureSettings(**options)  # type: ignore[arg-type]


def test_one_speaker_makes_no_mixtures(folder: Path) -> None:
    with pytest.raises(ValueError, match="two speakers at least, got 1"):
        Corpus({"only": [folder / "speaker00" / "0.wav"]})


def test_speakers_are_found_by_folder_and_left_out_by_name(folder: Path) -> None:
    found = find_speakers([folder], ["speaker01", "made/speaker02"])
    assert sorted(found) == ["made/speaker00", "made/speaker03"]
    assert [path.name for path in found["made/speaker00"]] == ["0.wav", "1.wav"]
    assert find_audio(None) == []


def test_two_folders_of_one_name_are_refused(folder: Path, tmp_path: Path) -> None:
    other = write_speakers(tmp_path / folder.name, (150,))
    with pytest.raises(ValueError, match=re.escape(f"speech folders {folder} and {other}: expected two names")):
        find_speakers([folder, other])
    renamed = other.rename(tmp_path / "other")
    assert sorted(find_speakers([folder, renamed]))[3:] == ["made/speaker03", "other/speaker00"]


def test_an_utterance_shorter_than_the_mixture_is_used_whole(tmp_path: Path) -> None:
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", voice(150, 0.5), RATE)
    corpus = Corpus({name: [tmp_path / f"{name}.wav"] for name in "ab"})
    for one in drawn(corpus, CLEAN):
        lengths = [np.ptp(np.flatnonzero(part)) + 1 for part in one.voices]
        assert all(0.45 * RATE < length <= 0.5 * RATE for length in lengths)


def loudest_hz(samples: AnyArray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * RATE / len(samples))


@pytest.mark.parametrize("percent", [80, 125])
def test_a_voice_that_is_played_faster_is_higher(tmp_path: Path, percent: int) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "0.wav", 0.1 * np.sin(2 * np.pi * 200 * np.arange(4 * RATE) / RATE), RATE)
    corpus = Corpus(find_utterances(tmp_path), speeds=(percent,))
    for one in drawn(corpus, CLEAN, 3):
        assert one.voices.shape == (2, RATE)
        assert [loudest_hz(voice) for voice in one.voices] == pytest.approx([2 * percent] * 2, abs=1)


def test_every_speed_is_played(folder: Path) -> None:
    whole = Corpus(find_utterances(folder))
    several = Corpus(find_utterances(folder), speeds=(90, 100, 110))
    pitches = {round(loudest_hz(one.voices[0])) for one in drawn(several, CLEAN, 30)}
    assert len(pitches) > 1.5 * len({round(loudest_hz(one.voices[0])) for one in drawn(whole, CLEAN, 30)})


@pytest.mark.parametrize("speeds", [(), (40, 100), (100, 250)])
def test_a_speed_that_makes_no_sense_is_refused(folder: Path, speeds: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"speeds \[.*\]: expected percents from 50 to 200"):
        Corpus(find_utterances(folder), speeds=speeds)
