"""What is decoded of a lifted voice, whether it is one, and where windows are cut."""

import numpy as np
import pytest

from speakerline.services.asr.sound import alike, best_pause_ms, overlaps_truly, voice_amid_call
from speakerline.services.asr.windows import LiftedVoice, Region
from speakerline.shared.arrays import Float32s
from tests.asr.toy import Sound

RATE = 8000


def level(value: float, ms: int) -> Float32s:
    return np.full(ms * RATE // 1000, value, np.float32)


def noise(seed: int, ms: int) -> Float32s:
    return np.random.default_rng(seed).normal(0, 0.1, ms * RATE // 1000).astype(np.float32)


def region(*sounds_ms: tuple[int, int]) -> Region:
    """From 2 to 3 s; each voice has sound from where to where."""
    voices = [LiftedVoice(f"s{at}", start, end, f"W{at}") for at, (start, end) in enumerate(sounds_ms)]
    return Region(0, 2000, 3000, tuple(voices))


async def test_a_voice_stands_amid_the_call_and_fades_at_its_edges() -> None:
    audio = Sound([level(0.1, 6000)], {"s0": level(0.5, 1500)})
    one = region((1750, 3250))
    samples = await voice_amid_call(one, one.voices[0], audio, RATE)
    assert samples is not None
    assert len(samples) == 4000 * 8, "with 1.5 s on both sides"
    assert np.allclose(samples[: 1250 * 8], 0.1) and np.allclose(samples[2750 * 8 :], 0.1)
    assert np.allclose(samples[1270 * 8 : 2730 * 8], 0.5)
    assert np.abs(np.diff(samples)).max() < 0.02, "no step that could be heard as a click"
    assert np.allclose(audio.channels[0], 0.1), "what was read stays as it is"


async def test_a_voice_whose_sound_is_gone_is_not_decoded() -> None:
    one = region((2000, 3000))
    audio = Sound([level(0.1, 6000)])
    assert await voice_amid_call(one, one.voices[0], audio, RATE) is None
    assert not await overlaps_truly(one, audio, RATE)


@pytest.mark.parametrize(
    ("first", "second", "truly"),
    [
        pytest.param(noise(1, 1000), noise(2, 1000), True, id="two voices"),
        pytest.param(noise(1, 1000), noise(1, 1000) * 0.5, False, id="one voice in both"),
        pytest.param(noise(1, 1000) + noise(2, 1000), noise(3, 1000), False, id="one is the call itself"),
        pytest.param(noise(1, 1000), level(0, 1000), False, id="one is silent"),
    ],
)
async def test_people_speak_at_once_where_voices_differ_from_each_other_and_from_the_call(
    first: Float32s, second: Float32s, truly: bool
) -> None:
    call = np.concatenate([level(0, 2000), noise(1, 1000) + noise(2, 1000), level(0, 3000)])
    audio = Sound([call], {"s0": first, "s1": second})
    assert await overlaps_truly(region((2000, 3000), (2000, 3000)), audio, RATE) is truly


def test_how_alike_sounds_are() -> None:
    assert alike(noise(1, 1000), -2 * noise(1, 1000)) == pytest.approx(1)
    assert alike(noise(1, 1000), noise(2, 1000)) < 0.1
    assert alike(noise(1, 1000), level(0, 1000)) == 1


@pytest.mark.parametrize(
    ("quiet_ms", "search", "pause_ms"),
    [
        pytest.param((14_000, 14_200), (13_000, 15_000), 14_100, id="its middle"),
        pytest.param((14_000, 14_200), (13_003, 15_001), 14_103, id="to 10 ms from where the search begins"),
        pytest.param((12_900, 13_100), (12_000, 13_000), 12_999, id="the stretch ends before its end"),
        pytest.param((12_900, 13_100), (13_000, 14_000), 13_000, id="the stretch begins with its start"),
        pytest.param((0, 200), (0, 1000), 100, id="at the start of the call"),
        pytest.param((50, 250), (50, 1000), 150, id="nearer to the start than half a pause"),
        pytest.param((13_000, 14_000), (12_000, 15_000), 13_100, id="of a long pause the first 200 ms"),
    ],
)
async def test_a_cut_lies_in_the_middle_of_the_quietest_fifth_of_a_second(
    quiet_ms: tuple[int, int], search: tuple[int, int], pause_ms: int
) -> None:
    line = level(0.1, 20_000)
    line[quiet_ms[0] * 8 : quiet_ms[1] * 8] = 0
    assert await best_pause_ms(search, 1, Sound([level(0.1, 20_000), line]), RATE) == pause_ms
