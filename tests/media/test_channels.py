"""What the channels of a file hold decides which of them are used; made of a real call, so that there are voices."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from speakerline.shared.arrays import Float32s
from speakerline.tools.media.reading import ChannelMode, Recording, open_recording
from tests.e2e.sample_call import alone, samples
from tests.recordings import fixtures

RATE = 8000
BOTH = samples(RATE).astype(np.float32) / np.float32(32768)
ANN, BEA = (alone(who, RATE).astype(np.float32) / np.float32(32768) for who in ("speaker90", "speaker91"))
SILENCE = np.zeros_like(BOTH)
RANDOM = np.random.default_rng(7)


def noise(dbfs: float) -> Float32s:
    return (RANDOM.standard_normal(len(BOTH)) * 10 ** (dbfs / 20)).astype(np.float32)


def late(sound: Float32s, ms: int) -> Float32s:
    return np.concatenate([np.zeros(ms * RATE // 1000, np.float32), sound])[: len(sound)]


def recorded(folder: Path, *planes: Float32s, mode: ChannelMode = "auto") -> Recording:
    soundfile.write(folder / "call.wav", np.stack(planes).T, RATE, subtype="FLOAT")
    return open_recording(folder / "call.wav", mode)


@pytest.mark.parametrize(
    ("planes", "kept", "told"),
    [
        pytest.param((ANN, BEA), (0, 1), "", id="a party on each side"),
        pytest.param((BOTH, SILENCE), (0,), "channel 2 of 2 left out: no voice on it", id="the right side is dead"),
        pytest.param((SILENCE, BOTH), (1,), "channel 1 of 2 left out: no voice on it", id="the left side is dead"),
        pytest.param((BOTH, noise(-50)), (0,), "channel 2 of 2 left out: no voice on it", id="the right side hisses"),
        pytest.param((noise(-30), BOTH), (1,), "channel 1 of 2 left out: no voice on it", id="the left side hisses"),
        pytest.param((BOTH, BOTH), (0,), "2 of 2 left out: the same sound as channel 1", id="the same on both sides"),
        pytest.param((BOTH, 0.1 * BOTH), (0,), "channel 1 (-20 dB)", id="a quieter copy"),
        pytest.param((0.25 * BOTH, BOTH), (0,), "channel 1 (+12 dB)", id="a louder copy of a clean side"),
        pytest.param((BOTH, late(BOTH, 30)), (0,), "channel 1 (30 ms later)", id="a copy 30 ms later"),
        pytest.param((late(BOTH, 30), BOTH), (0,), "channel 1 (30 ms earlier)", id="a copy 30 ms earlier"),
        pytest.param((BOTH, -BOTH), (0,), "channel 1 (upside down)", id="a copy of opposite polarity"),
        pytest.param((BOTH, BOTH + noise(-35)), (0,), "2 of 2 left out: the same sound", id="a noisier copy"),
        pytest.param((BOTH + noise(-35), BOTH), (1,), "1 of 2 left out: the same sound", id="the first is noisier"),
        pytest.param(
            (BOTH + noise(-35), -0.5 * late(BOTH, 12)), (1,), "(+6 dB, 12 ms earlier, upside down)", id="all at once"
        ),
        pytest.param((ANN, BEA, BOTH), (2,), "channel 1 of 3 left out: the same sound", id="two sides and their sum"),
        pytest.param((ANN + 0.15 * BEA, BEA + 0.15 * ANN), (0, 1), "", id="two sides that leak into each other"),
        pytest.param(
            (ANN + 0.15 * late(BEA, 15), BEA + 0.15 * late(ANN, 15)), (0, 1), "", id="two sides that echo each other"
        ),
        pytest.param((SILENCE, noise(-60)), (0, 1), "", id="nobody on either side"),
    ],
)
def test_channels_with_a_voice_of_their_own_are_used(
    tmp_path: Path, planes: tuple[Float32s, ...], kept: tuple[int, ...], told: str
) -> None:
    recording = recorded(tmp_path, *planes)
    assert recording.chosen.kept == kept
    assert recording.channels == len(kept)
    np.testing.assert_allclose(recording.read(), np.clip(np.stack(planes)[list(kept)], -1, 1), atol=1e-6)
    assert told in "; ".join(recording.flaws.warnings()) and bool(told) == bool(recording.flaws.warnings())


def test_sides_that_are_alike_only_at_first_are_both_used(tmp_path: Path) -> None:
    half = len(BOTH) // 2
    left, right = (np.concatenate([BOTH[:half], one[half:]]) for one in (ANN, BEA))
    assert recorded(tmp_path, left, right).chosen.kept == (0, 1)


@pytest.mark.parametrize("copy", [BOTH, -BOTH, -late(BOTH, 10), 0.3 * BOTH], ids=["equal", "inverted", "late", "faint"])
def test_a_copy_never_cancels_what_it_is_mixed_with(tmp_path: Path, copy: Float32s) -> None:
    mixed = recorded(tmp_path, BOTH, copy, mode="mix")
    assert mixed.channels == 1
    np.testing.assert_allclose(mixed.read()[0], BOTH, atol=1e-6)


def test_a_mix_is_the_mean_of_what_has_voices(tmp_path: Path) -> None:
    mixed = recorded(tmp_path, ANN, noise(-40), BEA, mode="mix")
    np.testing.assert_allclose(mixed.read()[0], (ANN + BEA) / 2, atol=1e-6)


@pytest.mark.parametrize("planes", [(BOTH, BOTH), (BOTH, SILENCE), (BOTH, -BOTH)], ids=["copy", "dead", "inverted"])
def test_separate_takes_every_channel_as_it_is(tmp_path: Path, planes: tuple[Float32s, ...]) -> None:
    recording = recorded(tmp_path, *planes, mode="separate")
    assert recording.channels == 2 and recording.flaws.warnings() == []


def test_a_dead_side_leaves_the_same_sound_as_one_channel() -> None:
    folder = fixtures("reports")
    one, other = (open_recording(folder / name).read() for name in ("dead_right.flac", "dead_right_as_mono.flac"))
    assert np.array_equal(one, other)
