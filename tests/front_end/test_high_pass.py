"""An offset and rumble are gone, voices are as they were, and neither cuts nor earlier reads change a bit."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.signal import butter, sosfilt, sosfilt_zi

from speakerline.shared.arrays import Float32s
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.shared.front_end.high_pass import HighPass, HighPassedAudio
from tests.no_sound import NoSound

RATES = [8000, 16000]
NOISE = (0.1 * np.random.default_rng(2).standard_normal(64_000)).astype(np.float32)


def level_db(hertz: float, rate: int) -> float:
    """What a tone of this frequency gains."""
    tone = np.sin(2 * np.pi * hertz * np.arange(4 * rate) / rate).astype(np.float32)
    heard = HighPass(rate).push(0.5 * tone)[2 * rate :]
    return 20 * float(np.log10(np.sqrt(np.mean(heard**2)) / (0.5 / np.sqrt(2))))


@pytest.mark.parametrize("rate", RATES)
def test_what_no_voice_has_is_taken_away_and_voices_are_left(rate: int) -> None:
    assert level_db(10, rate) < -55 and level_db(20, rate) < -35
    assert -0.6 < level_db(80, rate) < 0
    for hertz in (120, 300, 1000, 3000):
        assert level_db(hertz, rate) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("offset", [-0.8, 0.3])
def test_an_offset_is_gone_from_the_first_sample_on(rate: int, offset: float) -> None:
    clean, heard = HighPass(rate).push(0.5 * NOISE), HighPass(rate).push(np.float32(offset) + 0.5 * NOISE)
    np.testing.assert_allclose(heard[rate // 4 :], clean[rate // 4 :], atol=1e-5)
    np.testing.assert_allclose(HighPass(rate).push(np.full(rate, offset, np.float32)), 0, atol=1e-9)


@pytest.mark.parametrize("size", [1, 37, 800])
def test_cuts_and_restarts_change_nothing(size: int) -> None:
    sound, one, pieces = NOISE[:4000], HighPass(8000), []
    for at in range(0, len(sound), size):
        one = HighPass(8000, one.state)
        pieces.append(one.push(sound[at : at + size]))
    assert np.array_equal(np.concatenate(pieces), HighPass(8000).push(sound))


@pytest.mark.parametrize("rate", RATES)
def test_it_is_the_filter_of_scipy_to_the_bit(rate: int) -> None:
    sections = butter(4, 60, "highpass", fs=rate, output="sos")
    settled = sosfilt_zi(sections) * float(NOISE[0])
    expected, _ = sosfilt(sections, NOISE.astype(np.float64), zi=settled)
    assert np.array_equal(HighPass(rate).push(NOISE), np.clip(expected, -1, 1).astype(np.float32))


class Sound(NoSound):
    async def read(self, channel: int, start_sample: int, end_sample: int) -> Float32s:
        return NOISE[start_sample:end_sample] + np.float32(0.4)


async def test_what_is_read_depends_on_nothing_but_the_place() -> None:
    audio = HighPassedAudio(Sound(), CallStarted("c", 8000, Encoding.S16LE))
    whole = await audio.read(0, 0, 32_000)
    later = await audio.read(0, 20_000, 30_000)
    assert np.array_equal(later, await audio.read(0, 20_000, 30_000)) and len(later) == 10_000
    np.testing.assert_allclose(later, whole[20_000:30_000], atol=1e-5)


@pytest.mark.parametrize("stage", ["vad", "embedding"])
def test_the_first_call_of_a_process_waits_for_no_filter(stage: str) -> None:
    """Scipy's take half a second to load."""
    build = f"""if True:
        import sys
        from prometheus_client import CollectorRegistry
        from speakerline.services.{stage}.build import Settings, build
        from speakerline.shared.front_end.high_pass import HighPass
        from speakerline.shared.runtime.metrics import Metrics

        build(Settings(), Metrics(CollectorRegistry()).for_stage("{stage}"))
        loaded = set(sys.modules)
        for rate in (8000, 16000):
            HighPass(rate)
        print(*sorted(set(sys.modules) - loaded))
    """
    assert (
        subprocess.run([sys.executable, "-c", build], capture_output=True, check=True, text=True).stdout.split() == []
    )
