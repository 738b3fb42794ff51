"""How the sound of an utterance is composed, and where it is cut."""

import numpy as np

from speakerline.services.asr.channel import Part
from speakerline.services.asr.sound import best_pause_ms, sound_of
from speakerline.services.asr.utterances import Utterance
from tests.asr.toy import Sound

RATE = 8000


def utterance(*parts: Part) -> Utterance:
    return Utterance("W1", 1, 0, parts, (parts[0].start_ms, parts[-1].end_ms))


def level(value: float, ms: int):
    return np.full(ms * RATE // 1000, value, np.float32)


async def test_the_source_stands_in_its_part_and_fades_at_inner_edges_only() -> None:
    audio = Sound([level(0.1, 4000)], {"s": level(0.5, 1000)})
    parts = Part(500, 1000), Part(1000, 2000, "s", 1000), Part(2000, 3000)
    samples, start_ms = await sound_of(utterance(*parts), audio, RATE, 300) or ([], -1)
    assert (start_ms, len(samples)) == (200, 3100 * 8)
    assert np.allclose(samples[: 800 * 8], 0.1) and np.allclose(samples[1800 * 8 :], 0.1)
    assert np.allclose(samples[820 * 8 : 1780 * 8], 0.5)
    assert np.abs(np.diff(samples)).max() < 0.02, "no step that could be heard as a click"


async def test_beyond_a_source_at_an_edge_there_is_none_of_the_other_voice() -> None:
    audio = Sound([level(0.1, 4000)], {"s": level(0.5, 1000)})
    found = await sound_of(utterance(Part(1000, 2000, "s", 1000)), audio, RATE, 300)
    assert found is not None
    samples, _ = found
    assert np.allclose(samples[300 * 8 : 1300 * 8], 0.5)
    assert not samples[: 300 * 8].any() and not samples[1300 * 8 :].any()


async def test_a_source_that_reaches_further_is_its_own_margin() -> None:
    audio = Sound([level(0.1, 4000)], {"s": level(0.5, 2000)})
    samples, _ = await sound_of(utterance(Part(1000, 2000, "s", 500)), audio, RATE, 300) or ([], -1)
    assert np.allclose(samples, 0.5)


async def test_a_source_whose_sound_is_gone_has_none() -> None:
    assert await sound_of(utterance(Part(0, 1000, "s", 0)), Sound([level(0.1, 2000)]), RATE, 0) is None


async def test_the_best_pause_is_the_quietest_place() -> None:
    line = np.random.default_rng(0).normal(0, 0.1, 20 * RATE).astype(np.float32)
    line[14 * RATE : 14 * RATE + RATE // 4] *= 0.01
    found = await best_pause_ms(((12_000, 13_000), (13_500, 19_000)), 0, Sound([line]), RATE)
    assert 14_050 <= found <= 14_200
