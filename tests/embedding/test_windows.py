"""Which windows a call gets: where it begins, where it ends, what overload and failures leave out."""

import asyncio
from typing import Any

import pytest

from speakerline.services.embedding.stage import EmbeddingStage
from speakerline.shared.contract.v1 import AudioEnded, CallStarted, Degraded, Encoding, Gap, GapReason, VoiceWindow
from speakerline.shared.pipeline import OVERLAPS, SPEECH
from speakerline.shared.runtime.stage import FOREVER, Event
from tests.embedding.test_overlaps import RATE, Talk, opened, scores, spoken, voiceprint
from tests.embedding.test_stage import CLOSED, OPENED, ended, run, speech, windows

TALK = (0, 0, 20_000)


def pushed(call: Any, entries: list[Event], through_ms: int) -> list[Event]:
    events: list[Event] = asyncio.run(call.push(entries, through_ms)).events
    return events


def of_two_channels() -> Any:
    call = CallStarted("c", RATE, Encoding.S16LE, 2)
    return EmbeddingStage(scores, voiceprint).open(call, {}, Talk(TALK))


def test_a_window_is_the_last_five_seconds_of_the_call() -> None:
    found = windows(run(opened(TALK), [*spoken(0, 7000), ended(7500)]))
    spans = [(max(0, end - 5000), end) for end in range(1000, 8000, 1000)]
    assert [(one.start_ms, one.end_ms) for one in found] == spans


@pytest.mark.parametrize(
    ("told_ms", "ends"), [(2000, [2000, 3000, 3500]), (2001, [3000, 3500]), (900, [1000, 2000, 3000, 3500])]
)
def test_speech_that_is_told_late_is_listened_to_from_its_grid_point_on(told_ms: int, ends: list[int]) -> None:
    """An earlier window was promised not to come any more."""
    found = windows(run(opened(TALK), [speech(told_ms, OPENED, 300, told_ms), ended(3500)]))
    assert [one.end_ms for one in found] == ends


@pytest.mark.parametrize(("end_ms", "ends"), [(2000, [1000, 2000]), (2001, [1000, 2000, 3000]), (900, [1000, 2000])])
def test_speech_that_turns_out_to_have_ended_needs_no_further_window(end_ms: int, ends: list[int]) -> None:
    """It was taken to go on until the VAD said where it had ended; what was listened to by then stays."""
    found = windows(run(opened(TALK), [speech(450, OPENED, 300, 450), speech(2700, CLOSED, 300, end_ms), ended(9000)]))
    assert [one.end_ms for one in found] == ends


@pytest.mark.parametrize(("start_ms", "end_ms", "ends"), [(300, 1200, [2000]), (300, 900, []), (1100, 1200, [2000])])
def test_speech_of_which_only_the_end_is_told_is_listened_to_from_there(
    start_ms: int, end_ms: int, ends: list[int]
) -> None:
    found = windows(run(opened(TALK), [speech(1500, CLOSED, start_ms, end_ms), ended(9000)]))
    assert [one.end_ms for one in found] == ends


def test_after_a_segment_the_next_begins_where_it_begins() -> None:
    entries = [*spoken(300, 800), *spoken(3200, 3900), ended(9000)]
    assert [one.end_ms for one in windows(run(opened(TALK), entries))] == [1000, 4000]


def test_windows_come_in_the_order_of_their_ends_and_each_channel_has_its_own() -> None:
    entries = [
        speech(450, OPENED, 300, 450, channel=1),
        speech(1450, OPENED, 1300, 1450),
        speech(2200, CLOSED, 300, 1900, channel=1),
        ended(3000),
    ]
    found = windows(run(of_two_channels(), entries))
    assert [(one.end_ms, one.channel) for one in found] == [(1000, 1), (2000, 0), (2000, 1), (3000, 0)]


def test_sound_is_kept_on_every_channel_for_the_next_window() -> None:
    step = asyncio.run(of_two_channels().push([], 9500))
    assert (step.through_ms, step.audio_from) == (9999, {0: 4501 * 16, 1: 4501 * 16})
    early = asyncio.run(of_two_channels().push([], 500))
    assert (early.through_ms, early.audio_from) == (999, {0: 0, 1: 0})


def test_what_was_promised_holds_for_a_time_that_is_passed_again() -> None:
    call = opened(TALK)
    pushed(call, [], 5500)
    assert asyncio.run(call.push([], 3000)).through_ms == 5999


@pytest.mark.parametrize(
    ("end_ms", "told_ms", "placed_ms"),
    [(1400, 1400, 2000), (1400, 2300, 3000), (2000, 2000, 3000), (2300, 1400, 3000)],
    ids=["at once", "later", "on the grid", "ahead"],
)
def test_the_last_events_come_at_the_first_grid_point_that_nothing_is_promised_of(
    end_ms: int, told_ms: int, placed_ms: int
) -> None:
    closing = Event(SPEECH, told_ms, AudioEnded(end_ms=end_ms))
    *_, last = run(opened(TALK), [speech(450, OPENED, 300, 450), closing])
    assert (last.position, last.body) == (placed_ms, VoiceWindow(start_ms=end_ms, end_ms=end_ms))


def test_a_call_whose_end_is_not_told_ends_where_it_began() -> None:
    (last,) = run(opened(TALK), [])
    assert (last.position, last.body) == (0, VoiceWindow(start_ms=0, end_ms=0))


def test_overload_from_the_start_leaves_two_windows_of_three_out() -> None:
    call = opened(TALK)
    call.shed(1)
    assert [one.end_ms for one in windows(pushed(call, spoken(0, 19_000)[:1], 7000))] == [3000, 6000]
    call.shed(0)
    *_, window, mark = (event.body for event in pushed(call, [], 8000))
    assert mark == Degraded(0, 8000, "embedding", "every 3rd window only")
    assert isinstance(window, VoiceWindow) and window.end_ms == 8000
    call.shed(1)
    assert windows(pushed(call, [], 10_000)) == [], "and begins anew when it comes again"


def test_the_last_window_of_a_call_is_never_left_out() -> None:
    call = opened(TALK)
    call.shed(1)
    assert [one.end_ms for one in windows(pushed(call, [*spoken(0, 19_000)[:1], ended(1400)], FOREVER))] == [1400]


def test_every_window_of_an_entry_that_fails_is_a_gap_up_to_which_the_one_before_had_listened() -> None:
    call = opened(TALK)
    pushed(call, spoken(0, 9000)[:1], 1000)
    step = asyncio.run(call.skip(speech(3100, CLOSED, 0, 2900), 3500, "three times"))
    gaps = [event.body for event in step.events]
    assert [event.position for event in step.events] == [2000, 3000]
    assert gaps == [
        Gap(0, 1000, 2000, GapReason.POISON, "embedding", "three times"),
        Gap(0, 2000, 3000, GapReason.POISON, "embedding", "three times"),
    ]
    assert step.through_ms == 3999
    assert windows(pushed(call, [ended(5000)], FOREVER)) == []


@pytest.mark.parametrize(("at_ms", "placed_ms"), [(450, 1000), (1300, 1300)], ids=["promised", "not promised"])
def test_an_entry_that_nobody_can_read_is_a_gap_where_nothing_is_promised(at_ms: int, placed_ms: int) -> None:
    call = opened(TALK)
    pushed(call, [], 500)
    (event,) = asyncio.run(call.skip(Event(SPEECH, at_ms, None), at_ms + 100, "three times")).events
    assert (event.stream, event.position) == (OVERLAPS, placed_ms)
    assert event.body == Gap(0, at_ms, at_ms, GapReason.POISON, "embedding", "three times")


def test_what_fails_without_an_entry_is_the_time_that_passed() -> None:
    call = opened(TALK)
    pushed(call, spoken(0, 9000)[:1], 1000)
    assert [event.position for event in asyncio.run(call.skip(None, 2500, "three times")).events] == [2000]
