"""The level control: what lies below speech goes, speech comes to one level, and no cut changes a bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speakerline.shared.arrays import AnyArray
from speakerline.shared.front_end.level import BLOCK_MS, LARGEST_GAIN_DB, TARGET_DBFS, Leveller

RATES = [8000, 16000]


def tone(hz: float, dbfs: float, seconds: float, rate: int = 8000) -> AnyArray:
    """`dbfs` is its RMS level."""
    times = np.arange(int(seconds * rate)) / rate
    return np.asarray(np.sqrt(2) * 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * times), np.float32)


def level_dbfs(samples: AnyArray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(samples, dtype=np.float64))) + 1e-12))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("dbfs", [-45.0, -35.0, -23.0, -12.0], ids=lambda dbfs: f"speech at {dbfs:g} dBFS")
def test_speech_of_any_level_comes_to_one(rate, dbfs) -> None:
    out = Leveller(rate).push(tone(400, dbfs, 2.0, rate))
    assert level_dbfs(out[rate:]) == pytest.approx(TARGET_DBFS, abs=1.0)


@pytest.mark.parametrize("rate", RATES)
def test_a_person_who_is_quieter_than_another_is_brought_up_slowly(rate) -> None:
    loud, quiet = tone(400, -20.0, 3.0, rate), tone(400, -30.0, 12.0, rate)
    out = Leveller(rate).push(np.concatenate([loud, quiet]))[len(loud) :]
    first, last = level_dbfs(out[: rate // 2]), level_dbfs(out[-rate:])
    assert first < TARGET_DBFS - 7 and last == pytest.approx(TARGET_DBFS, abs=1.0)


@pytest.mark.parametrize("rate", RATES)
def test_rumble_goes_and_voices_stay(rate) -> None:
    voice = tone(200, -23.0, 3.0, rate)
    out = Leveller(rate).push(voice + tone(20, -23.0, 3.0, rate))[rate:]
    spectrum = np.abs(np.fft.rfft(out))
    hz = np.fft.rfftfreq(len(out), 1 / rate)
    rumble, kept = spectrum[np.argmin(abs(hz - 20))], spectrum[np.argmin(abs(hz - 200))]
    assert 20 * np.log10(kept / rumble) > 22


def test_what_is_no_speech_is_not_brought_up() -> None:
    hiss = np.random.default_rng(0).normal(0, 10 ** (-75 / 20), 16_000).astype(np.float32)
    assert level_dbfs(Leveller(8000).push(hiss)) == pytest.approx(-75, abs=1)
    assert not Leveller(8000).push(np.zeros(8000, np.float32)).any()


def test_pauses_between_words_do_not_pump() -> None:
    """The gain over a pause of 3 s stays where the speech before had it."""
    leveller = Leveller(8000)
    leveller.push(tone(400, -33.0, 3.0))
    pause = leveller.push(tone(400, -58.0, 3.0))
    assert level_dbfs(pause) == pytest.approx(-58 + 10, abs=1)


def test_no_gain_is_larger_than_the_largest_and_nothing_leaves_full_scale() -> None:
    out = Leveller(8000).push(tone(400, -58.0, 2.0))
    assert level_dbfs(out[8000:]) == pytest.approx(-58 + LARGEST_GAIN_DB, abs=1)
    burst = Leveller(8000).push(np.concatenate([tone(400, -45.0, 2.0), tone(400, -3.0, 1.0)]))
    assert np.abs(burst).max() <= 1


@pytest.mark.parametrize("rate", RATES)
@settings(max_examples=25, deadline=None)
@given(blocks=st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_no_cut_at_blocks_and_no_restart_changes_a_bit(rate, blocks) -> None:
    size = BLOCK_MS * rate // 1000
    sound = np.random.default_rng(3).normal(0, 0.1, sum(blocks) * size).astype(np.float32)
    whole, parts, state = Leveller(rate).push(sound), [], b""
    for start, count in zip(np.cumsum([0, *blocks[:-1]]), blocks, strict=True):
        leveller = Leveller(rate, state)
        parts.append(leveller.push(sound[start * size : (start + count) * size]))
        state = leveller.state
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_a_state_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="state of 8 bytes: expected 32"):
        Leveller(8000, b"12345678")
