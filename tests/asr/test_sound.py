"""How the sound of an utterance is composed, and where it is cut."""

import numpy as np
import pytest

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


async def test_a_source_fades_in_and_out_over_twenty_milliseconds_within_its_part() -> None:
    audio = Sound([level(0.1, 4000)], {"s": level(0.5, 1000)})
    parts = Part(500, 1000), Part(1000, 2000, "s", 1000), Part(2000, 3000)
    found = await sound_of(utterance(*parts), audio, RATE, 0)
    assert found
    share = (found[0] - 0.1) / 0.4
    rising = (np.arange(160) + 0.5) / 160
    assert np.allclose(share[500 * 8 : 520 * 8], rising, atol=1e-5)
    assert np.allclose(share[1480 * 8 : 1500 * 8], rising[::-1], atol=1e-5)
    assert np.allclose(audio.channels[0], 0.1), "what was read stays as it is"


async def test_where_a_source_has_no_sound_of_its_own_there_is_none() -> None:
    """Its sound begins before the stretch and ends within it."""
    audio = Sound([level(0.1, 4000)], {"s": level(0.5, 700)})
    found = await sound_of(utterance(Part(1000, 2000, "s", 900)), audio, RATE, 300)
    assert found
    at_ms = np.arange(len(found[0])) / 8 + 700
    assert np.allclose(found[0], np.where((at_ms >= 900) & (at_ms < 1600), 0.5, 0))


async def test_there_is_no_margin_before_the_call() -> None:
    samples, start_ms = await sound_of(utterance(Part(100, 500)), Sound([level(0.1, 4000)]), RATE, 300) or ([], -1)
    assert (start_ms, len(samples)) == (0, 800 * 8)


@pytest.mark.parametrize(
    ("quiet_ms", "search", "pause_ms"),
    [
        pytest.param((14_000, 14_200), ((13_000, 15_000),), 14_100, id="its middle"),
        pytest.param((14_000, 14_200), ((12_000, 13_000), (14_000, 15_000)), 14_100, id="in the second stretch"),
        pytest.param((12_900, 13_100), ((12_000, 13_000),), 12_999, id="a stretch ends before its end"),
        pytest.param((12_900, 13_100), ((13_000, 14_000),), 13_000, id="a stretch begins with its start"),
        pytest.param((12_890, 13_090), ((13_000, 14_000),), 13_000, id="a pause before it is not reached"),
        pytest.param((0, 200), ((0, 1000),), 100, id="at the start of the call"),
        pytest.param((50, 250), ((50, 1000),), 150, id="nearer to the start than half a pause"),
        pytest.param((13_000, 14_000), ((12_000, 15_000),), 13_100, id="of a long pause the first 200 ms"),
    ],
)
async def test_a_cut_lies_in_the_middle_of_the_quietest_fifth_of_a_second(
    quiet_ms: tuple[int, int], search: tuple[tuple[int, int], ...], pause_ms: int
) -> None:
    line = level(0.1, 20_000)
    line[quiet_ms[0] * 8 : quiet_ms[1] * 8] = 0
    assert await best_pause_ms(search, 1, Sound([level(0.1, 20_000), line]), RATE) == pause_ms


async def test_a_line_that_is_as_loud_everywhere_is_cut_where_it_may_first_be() -> None:
    assert await best_pause_ms(((12_000, 13_000),), 0, Sound([level(0.0, 20_000)]), RATE) == 12_000
