"""What the bench makes of frames that were sent and events that were heard."""

import math

import pytest

from speakerline.shared.contract.v1 import Degraded, Speech, SpeechState, TimelineEvent, Turn
from speakerline.tools.bench.arithmetic import CallTimings, greatest, lags, left_out, percentile

ALWAYS = (0.0, 1000.0)


def call(frame_ms: int = 100, frames: int = 20) -> CallTimings:
    """Frames that end at 0.1 s, 0.2 s, ... and are sent right then, on a clock that reads 10 s when the call begins."""
    return CallTimings(frame_ms, [10 + (number + 1) * frame_ms / 1000 for number in range(frames)])


def turn(at_ms: int, turn_id: str = "T1", speaker_id: str = "S1", start_ms: int = 0) -> TimelineEvent:
    return TimelineEvent("c", 1, at_ms, turn=Turn(turn_id=turn_id, speaker_id=speaker_id, start_ms=start_ms))


@pytest.mark.parametrize(
    ("position_ms", "sent_s"),
    [
        pytest.param(0, 10.1, id="nothing needs the first frame"),
        pytest.param(1, 10.1, id="the first millisecond needs the first frame"),
        pytest.param(100, 10.1, id="the end of a frame needs no further one"),
        pytest.param(101, 10.2, id="the millisecond after it needs the next"),
        pytest.param(2000, 12.0, id="the end of the call needs the last frame"),
        pytest.param(2001, None, id="what was never sent has no time"),
    ],
)
def test_sound_is_complete_with_the_frame_that_reaches_it(position_ms: int, sent_s: float | None) -> None:
    assert call().sent_at(position_ms) == (None if sent_s is None else pytest.approx(sent_s))


def test_only_the_opening_of_speech_is_a_speech_start() -> None:
    heard = call()
    for state in (SpeechState.OPENED, SpeechState.CLOSED):
        event = TimelineEvent("c", 1, 320, speech=Speech(segment_id="A", state=state))
        heard.events.append((10.5, event))
    assert lags(heard, *ALWAYS).speech_start == pytest.approx([0.1])


def test_a_turn_is_about_the_sound_before_the_delay_of_labels() -> None:
    heard = call()
    heard.events.append((11.35, turn(at_ms=1200)))
    found = lags(heard, *ALWAYS)
    assert found.turn == pytest.approx([0.35])
    assert found.placed == pytest.approx([0.15])


def test_the_first_label_of_a_turn_is_the_first_with_a_speaker() -> None:
    heard = call()
    heard.events += [(11.3, turn(1200, speaker_id="")), (11.4, turn(1200, start_ms=400)), (11.5, turn(1200))]
    found = lags(heard, *ALWAYS)
    assert found.first_label == pytest.approx([0.4])
    assert found.to_label == pytest.approx([1.0])
    assert found.turn == pytest.approx([0.4, 0.5])


def test_an_event_counts_where_its_sound_was_sent_however_late_it_comes() -> None:
    heard = call()
    heard.events += [(99.0, turn(700)), (99.0, turn(1200)), (99.0, turn(1700))]
    assert lags(heard, 10.9, 11.4).turn == pytest.approx([88.0])


def test_what_was_left_out_before_the_measurement_does_not_count() -> None:
    heard = call()
    heard.events = [(12.0, TimelineEvent("c", 1, end, degraded=Degraded(end_ms=end))) for end in (500, 1500, 9000)]
    assert left_out(heard, 11.0) == 2


@pytest.mark.parametrize(
    ("percent", "value"),
    [(50, 2), (75, 3), (76, 4), (95, 4), (100, 4)],
)
def test_a_percentile_is_a_value_that_was_measured(percent: float, value: float) -> None:
    assert percentile([4, 1, 3, 2], percent) == value


def test_of_nothing_there_is_no_percentile() -> None:
    assert math.isnan(percentile([], 50))


@pytest.mark.parametrize("limit", [0, 1, 3, 39, 40, 41, 99, 640])
@pytest.mark.parametrize("first", [1, 40])
async def test_the_search_finds_the_greatest_number_that_holds(limit: int, first: int) -> None:
    async def holds(number: int) -> bool:
        return number <= limit

    found, tried = await greatest(holds, first, precision=0)
    assert found == limit
    assert len(tried) == len(set(tried)), "no number is tried twice"


async def test_the_search_stops_at_its_precision() -> None:
    async def holds(number: int) -> bool:
        return number <= 97

    found, tried = await greatest(holds, 40, precision=0.1)
    assert 90 <= found <= 97
    assert len(tried) <= 7


@pytest.mark.parametrize("limit", [0, 1, 5, 28, 31, 32, 33, 37, 60])
@pytest.mark.parametrize("first", [1, 32, 40])
async def test_a_search_by_smaller_steps_finds_the_same_and_tries_little_beyond(limit: int, first: int) -> None:
    async def holds(number: int) -> bool:
        return number <= limit

    found, tried = await greatest(holds, first, precision=0, step=1.15)
    assert found == limit
    assert len(tried) == len(set(tried)), "no number is tried twice"
    assert max(tried) <= max(first, limit * 1.15 + 1)


async def test_a_search_that_begins_close_by_is_short() -> None:
    async def holds(number: int) -> bool:
        return number <= 35

    assert [len((await greatest(holds, first, 0.1, step=1.15))[1]) for first in (32, 35, 40)] == [3, 3, 3]
