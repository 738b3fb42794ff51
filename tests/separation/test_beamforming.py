"""Several microphones of one room, simulated with delays that are known."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from speakerline.services.separation.beamforming import Array, delay_and_sum, find_array
from speakerline.services.separation.separator import Chosen, Mixture, build
from speakerline.shared.arrays import Float32s, Float64s
from speakerline.shared.runtime.isolation import IsolatedModel
from speakerline.tools.score.separation import si_sdr_db
from tests.separation.speech import RATE, voice

DELAYS = np.array([0.0, 3.0, -5.0, 7.5])
LIGHT_MB = 400
"""A process with torch in it takes more, one with the separator that ships a third of it."""


def speech(seconds: float = 4.0, seed: int = 0) -> Float32s:
    """Sound of all frequencies that comes and goes, with pauses."""
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE)).astype(np.float32)
    envelope = np.sin(2 * np.pi * 1.1 * np.arange(len(noise)) / RATE + seed).clip(0)
    return np.asarray(0.1 * envelope * (noise + 10 * voice(120, seconds, seed)), np.float32)


def heard(sound: Float32s, delays: Float64s = DELAYS) -> Float32s:
    """As each microphone hears it: (channels, n)."""
    spectrum = np.fft.rfft(sound)
    turns = np.exp(-2j * np.pi * np.outer(delays, np.fft.rfftfreq(len(sound))))
    return np.asarray(np.fft.irfft(spectrum * turns, len(sound), axis=1), np.float32)


def hiss(channels: int, length: int, level: float, seed: int = 9) -> Float32s:
    noise = np.random.default_rng(seed).standard_normal((channels, length))
    return np.asarray(level * noise, np.float32)


def found_in(channels: Float32s) -> Array:
    array = find_array(channels, RATE)
    assert array is not None
    return array


def test_the_delays_of_an_array_are_found() -> None:
    sound = speech()
    array = found_in(heard(sound) + hiss(4, len(sound), 0.02))
    np.testing.assert_allclose(array.delays, DELAYS, atol=0.1)
    assert array.coherence[0] == pytest.approx(1, abs=1e-6) and array.coherence.min() > 0.7


def test_a_microphone_that_is_wired_the_other_way_round_changes_nothing() -> None:
    sound = speech()
    near = heard(sound) + hiss(4, len(sound), 0.02)
    wired = near * np.array([1, 1, -1, 1], np.float32)[:, None]
    straight, array = found_in(near), found_in(wired)
    np.testing.assert_array_equal(array.delays, straight.delays)
    np.testing.assert_array_equal(array.polarity, [1, 1, -1, 1])
    np.testing.assert_array_equal(delay_and_sum(wired, array), delay_and_sum(near, straight))


@pytest.mark.parametrize("seed", range(6))
def test_echoes_turn_no_microphone(seed: int) -> None:
    """The correlation of a voice of one pitch has side lobes nearly as high as its peak, of the other sign."""
    sound, random = np.asarray(voice(100 + 3 * seed, 4.0, seed), np.float32), np.random.default_rng(seed)
    near = heard(sound)
    for echo in range(12):
        near = near + 0.5 * 0.85**echo * heard(sound, random.uniform(5, 40, 4) * (1 + echo / 3))
    noisy = np.asarray(near, np.float32) + hiss(4, len(sound), 0.003)
    np.testing.assert_array_equal(found_in(noisy).polarity, 1)


@pytest.mark.parametrize("channels", [3, 4, 8])
def test_delay_and_sum_gains_ten_times_the_logarithm_of_the_channels(channels: int) -> None:
    sound = speech()
    delays = np.arange(channels, dtype=np.float64) * 2.0 - 3.0
    delays -= delays[0]
    noisy = heard(sound, delays) + hiss(channels, len(sound), 0.05)
    gain_db = si_sdr_db(delay_and_sum(noisy, found_in(noisy)), sound) - si_sdr_db(noisy[0], sound)
    assert gain_db == pytest.approx(10 * np.log10(channels), abs=0.5)


def test_what_is_aimed_at_keeps_its_level() -> None:
    sound = speech()
    near = heard(sound) + hiss(4, len(sound), 0.003)
    found = delay_and_sum(near, found_in(near))
    assert found.shape == sound.shape and found.dtype == np.float32
    assert float(found @ sound) / float(sound @ sound) == pytest.approx(1, abs=0.05)


def test_noise_that_comes_from_somewhere_else_is_lowered() -> None:
    sound = speech()
    elsewhere = heard(hiss(1, len(sound), 0.04)[0], np.array([0.0, -4.0, 6.0, -2.0]))
    noisy = heard(sound) + elsewhere + hiss(4, len(sound), 0.003, 5)
    before = si_sdr_db(noisy[0], sound)
    assert si_sdr_db(delay_and_sum(noisy, found_in(noisy)), sound) > before + 3


def test_a_separator_hears_what_the_array_hears() -> None:
    sound = speech()
    noisy = heard(sound) + hiss(4, len(sound), 0.05)
    separate = build(Chosen())
    alone, together = separate([Mixture(noisy[0], RATE), Mixture(noisy[0], RATE, channels=noisy)])
    (beam,) = separate([Mixture(delay_and_sum(noisy, found_in(noisy)), RATE)])
    np.testing.assert_array_equal(together, beam)
    assert not np.array_equal(together, alone)


def test_the_model_of_a_worker_answers_an_array() -> None:
    sound = speech()
    asked = [Mixture(sound, RATE, channels=heard(sound) + hiss(4, len(sound), 0.05))]
    lost: list[str] = []
    model: IsolatedModel[Mixture, Float32s] = IsolatedModel(
        partial(build, Chosen()), 60, LIGHT_MB, "array", lost.append
    )
    try:
        (voices,) = model.run(asked)
    finally:
        model.close()
    assert not lost
    np.testing.assert_array_equal(voices, build(Chosen())(asked)[0])


ARRAY_ALONE = """
import sys
import numpy as np
from speakerline.services.separation.separator import Chosen, Mixture, build

separate = build(Chosen())
sound = np.random.default_rng(0).standard_normal(16_000).astype(np.float32) / 10
channels = np.stack([sound, np.roll(sound, 3), np.roll(sound, 5)])
alone, array = separate([Mixture(sound, 8000), Mixture(sound, 8000, channels=channels)])
assert not np.array_equal(alone, array), "not taken for an array"
print(sorted({"torch", "torchaudio", "speechbrain", "scipy"} & set(sys.modules)))
"""


def test_an_array_costs_a_worker_no_import_of_torch() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", ARRAY_ALONE], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_channels_that_are_no_array_are_left_alone() -> None:
    lines = np.stack([speech(seed=1), speech(seed=2), speech(seed=3)])
    alone, among = build(Chosen())([Mixture(lines[1], RATE), Mixture(lines[1], RATE, channels=lines)])
    np.testing.assert_array_equal(alone, among)


def test_pauses_without_any_noise_do_no_harm() -> None:
    sound = heard(speech())
    sound[:, 8000:16_000] = 0
    assert si_sdr_db(delay_and_sum(sound, found_in(sound)), sound[0]) > 20


@pytest.mark.parametrize(
    "channels",
    [
        pytest.param(np.stack([speech(seed=1), speech(seed=2), speech(seed=3)]), id="three people, each on a line"),
        pytest.param(heard(speech())[:2], id="stereo, be it of one room"),
        pytest.param(np.stack([speech(seed=1), speech(seed=1), speech(seed=2)]), id="one that hears something else"),
        pytest.param(heard(speech(), np.array([0.0, 4.0, 400.0])), id="one that is 17 m away"),
        pytest.param(heard(speech())[:, :2000], id="a quarter of a second"),
        pytest.param(np.zeros((4, 2 * RATE), np.float32), id="silence"),
        pytest.param(np.stack([voice(120, 4.0), voice(121, 4.0, 1), voice(118, 4.0, 2)]), id="three voices alike"),
    ],
)
def test_what_is_no_array_is_not_taken_for_one(channels: Float32s) -> None:
    assert find_array(channels, RATE) is None
