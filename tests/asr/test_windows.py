"""Windows end at pauses, at gaps, or amid speech; each instant of speech is in one; regions come after their window."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakerline.services.asr.windows import (
    Region,
    Windows,
)
from speakerline.shared.contract.v1 import Absence, SeparationOutcome, Speech, SpeechState
from speakerline.shared.pipeline import LIFTED_DELAY_MS, SPEECH
from speakerline.shared.runtime.stage import Event
from speakerline.shared.timeline.spans import length, union
from tests.asr.calls import decoded, in_order, separated, speaking, speech, windows


def ends(*spans: tuple[int, int]) -> list[tuple[int, int]]:
    """Where windows end, and when they are due."""
    return [(one.end_ms, at_ms) for at_ms, one in decoded(speaking(*spans))]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param([(1000, 5000), (5900, 8000)], [(8000, 10_000)], id="a short window goes on after a short pause"),
        pytest.param([(1000, 5000), (7200, 8000)], [(5000, 7000), (8000, 10_000)], id="but not after a long one"),
        pytest.param([(1000, 13_000), (14_000, 15_000)], [(13_000, 13_700), (15_000, 17_000)], id="a long one ends"),
        pytest.param([(1000, 12_999), (14_000, 15_000)], [(15_000, 15_700)], id="not long enough yet"),
        pytest.param([(1000, 13_000), (13_450, 15_000)], [(15_000, 15_700)], id="the pause is too short"),
    ],
)
def test_a_window_ends_at_a_pause(spans: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    assert ends(*spans) == expected


@pytest.mark.parametrize(
    ("gap_ms", "first_end_ms"),
    [
        pytest.param([(10_000, 10_450), (14_000, 14_450)], 14_000, id="its last gap"),
        pytest.param([(9000, 9450)], 9000, id="a gap, even if it is early"),
        pytest.param([(8999, 9449)], 16_000, id="amid speech, where the only gap is too early"),
    ],
)
def test_a_window_that_is_too_long_ends_at_its_last_gap_or_amid_speech(
    gap_ms: list[tuple[int, int]], first_end_ms: int
) -> None:
    edges = [1000, *(edge for gap in gap_ms for edge in gap), 40_000]
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    first, second, *_ = windows(decoded(speaking(*spans)))
    assert first.end_ms == first_end_ms
    assert second.seam is (first_end_ms == 16_000)


def test_both_windows_around_a_cut_amid_speech_decode_a_second_on_each_side() -> None:
    first, second = windows(decoded(speaking((1000, 30_000))))
    cut_ms = first.end_ms
    assert (first.through_ms, second.start_ms, second.from_ms) == (cut_ms + 1000, cut_ms, cut_ms - 1000)
    assert (first.speech, second.speech) == (((1000, cut_ms),), ((cut_ms, 30_000),))


def test_a_long_window_is_cut_late_in_it_and_its_sound_kept_from_a_second_before_the_cut() -> None:
    book = Windows(1)
    for event in speaking((1000, 30_000))[:-3]:
        book.take(event, event.position)
    due = book.next_due(60_000)
    assert due is not None and due.search == (16_000, 25_000)
    book.decode(due, 20_000)
    assert book.needed_from_ms(0, 60_000) == 19_000
    assert book.next_due(60_000) is None, "what is left is not long yet, and open"


def test_windows_beside_a_gap_share_it_and_no_sound_is_decoded_twice() -> None:
    first, second = windows(decoded(speaking((1000, 20_000), (20_450, 28_000))))
    assert (first.from_ms, first.through_ms) == (700, 20_225)
    assert (second.from_ms, second.through_ms) == (20_225, 28_300)


def test_a_call_is_heard_from_its_first_instant_on() -> None:
    (window,) = windows(decoded(speaking((0, 3000))))
    assert (window.start_ms, window.from_ms, window.speech) == (0, 0, ((0, 3000),))


def test_what_was_no_speech_is_no_window_but_ends_what_was_shown_of_it() -> None:
    events = [
        speech(1150, 1000, 1150, SpeechState.OPENED),
        speech(2000, 1000, 2000),
        speech(3000, 1000, 1000, SpeechState.CLOSED),
    ]
    ((at_ms, window),) = decoded(events)
    assert (at_ms, window.transcript_id, window.speech) == (3000, "W1", ())  # type: ignore[union-attr]


def test_speech_whose_end_was_left_out_ends_with_the_next() -> None:
    lost = [event for event in speaking((1000, 3000), (9000, 11_000)) if event.position != 3400]
    (window,) = windows(decoded(lost))
    assert window.speech == ((1000, 3000), (9000, 11_000))


def test_voices_are_decoded_once_the_window_around_them_is() -> None:
    events = in_order(*speaking((1000, 9000)), separated(4000, "X1", 3000, 3900))
    (first_ms, window), (then_ms, region) = decoded(events)
    assert (first_ms, then_ms) == (11_000, 11_000)
    assert isinstance(region, Region)
    assert (region.start_ms, region.end_ms) == (3000, 3900)
    assert [voice.source_id for voice in region.voices] == ["X1.1", "X1.2"]
    names = [window.transcript_id, *(voice.transcript_id for voice in region.voices)]  # type: ignore[union-attr]
    assert len(set(names)) == 3


@pytest.mark.parametrize(("end_ms", "now"), [(9000, True), (9001, False)])
def test_voices_wait_for_the_open_window_only_where_they_reach_into_it(end_ms: int, now: bool) -> None:
    book = Windows(1)
    for event in in_order(*speaking((9000, 12_000))[:2], separated(10_000, "X1", 8000, end_ms)):
        book.take(event, event.position)
    due = book.next_due(11_000)
    assert (due is not None and due.region is not None) is now


def test_voices_that_are_told_later_are_decoded_when_they_are_told() -> None:
    events = in_order(*speaking((1000, 5000)), separated(6000, "X1", 3000, 3900))
    assert [at_ms for at_ms, _ in decoded(events)] == [7000, 6000 + LIFTED_DELAY_MS]


@pytest.mark.parametrize(
    ("length_ms", "outcome", "count"),
    [
        (400, SeparationOutcome.SEPARATED, 1),
        (399, SeparationOutcome.SEPARATED, 0),
        (400, SeparationOutcome.FAILED, 0),
    ],
)
def test_an_overlap_that_is_too_short_for_a_word_is_left_alone(
    length_ms: int, outcome: SeparationOutcome, count: int
) -> None:
    found = decoded([separated(6000, "X1", 3000, 3000 + length_ms, outcome)])
    assert len(found) == count


def test_the_open_window_goes_as_far_as_its_speech_and_says_whether_somebody_speaks() -> None:
    book, states = Windows(2), []
    for event in speaking((1000, 3000), channel=1):
        book.take(event, event.position)
        ((window, speaks),) = book.open()
        states.append((window.channel, window.start_ms, window.end_ms, window.from_ms, window.through_ms, speaks))
    assert states == [
        (1, 1000, 1150, 700, 1450, True),
        (1, 1000, 2000, 700, 2300, True),
        (1, 1000, 3000, 700, 3300, True),
        (1, 1000, 3000, 700, 3300, False),
    ]


def test_channels_have_windows_of_their_own() -> None:
    events = in_order(*speaking((1000, 3000)), *speaking((2000, 6000), channel=1))
    assert [(one.channel, one.end_ms) for one in windows(decoded(events))] == [(0, 3000), (1, 6000)]


@pytest.mark.parametrize(
    ("first_end_ms", "order"), [(4000, [(5000, 1), (6000, 0)]), (3000, [(5000, 0), (5000, 1)])], ids=["time", "channel"]
)
def test_what_is_due_goes_by_time_and_then_by_channel(first_end_ms: int, order: list[tuple[int, int]]) -> None:
    book, found = Windows(2), list[tuple[int, int]]()
    for event in in_order(*speaking((1000, first_end_ms)), *speaking((1000, 3000), channel=1)):
        book.take(event, event.position)
    while due := book.next_due(60_000):
        found.append((due.at_ms, due.channel))
        book.decode(due)
    assert found == order


def test_sound_is_kept_for_the_open_window_and_for_voices_that_are_told_late() -> None:
    book = Windows(1)
    assert book.needed_from_ms(0, 60_000) == 42_000
    for event in speaking((40_000, 50_000))[:3]:
        book.take(event, event.position)
    assert book.needed_from_ms(0, 60_000) == 40_000 - 300
    assert book.needed_from_ms(0, 100) == 0


def test_sound_is_kept_from_before_voices_that_wait_for_their_window() -> None:
    book = Windows(1)
    for event in in_order(*speaking((40_000, 65_000))[:20], separated(45_000, "X1", 41_000, 42_000)):
        book.take(event, event.position)
    assert book.needed_from_ms(0, 60_000) == 41_000 - 1500


def test_a_window_without_speech_lies_where_the_one_before_ended() -> None:
    none = [speech(9150, 9000, 9150, SpeechState.OPENED), speech(9500, 9000, 9000, SpeechState.CLOSED)]
    _, (_, window) = decoded([*speaking((1000, 3000)), *none])
    assert (window.start_ms, window.end_ms, window.speech) == (3300, 3300, ())  # type: ignore[union-attr]


@st.composite
def calls(draw: st.DrawFn) -> list[Event]:
    """Two minutes of speech with pauses of all lengths, and overlaps in it."""
    at_ms, spans, told = 0, list[tuple[int, int]](), list[Event]()
    while at_ms < 120_000:
        start_ms = at_ms + draw(st.sampled_from([450, 600, 900, 1500, 5000]))
        at_ms = start_ms + draw(st.integers(200, 40_000))
        spans.append((start_ms, at_ms))
        if draw(st.booleans()):
            begin = draw(st.integers(start_ms, at_ms - 100))
            end = min(at_ms, begin + draw(st.integers(50, 3000)))
            told.append(separated(-(-end // 1000) * 1000 + 1000, f"X{len(told)}", begin, end))
    return in_order(*speaking(*spans), *told)


@given(calls())
def test_every_instant_of_speech_is_in_one_window(events: list[Event]) -> None:
    found = [span for one in windows(decoded(events)) for span in one.speech]
    closed = [one for event in events if isinstance(one := event.body, Speech) and one.state == SpeechState.CLOSED]
    assert length(found) == length(union(found))
    assert union(found) == union((one.start_ms, one.end_ms) for one in closed)


@given(calls())
def test_no_window_is_too_long_and_none_decodes_the_sound_of_another_but_at_a_seam(events: list[Event]) -> None:
    found = windows(decoded(events))
    assert all(one.end_ms - one.start_ms <= 26_000 for one in found)
    for before, after in pairwise(found):
        assert after.from_ms >= before.through_ms or after.seam


@given(calls(), st.lists(st.integers(0, 130_000), max_size=8), st.booleans())
def test_neither_passing_time_nor_restarts_change_what_is_decoded(
    events: list[Event], passed: list[int], reopened: bool
) -> None:
    found = decoded(events)
    assert decoded(events, reopened=reopened, passed=passed) == found
    assert [at_ms for at_ms, _ in found] == sorted(at_ms for at_ms, _ in found)


def test_the_window_of_a_channel_that_brings_no_sound_ends_at_once_and_asks_for_none_behind_its_end() -> None:
    taken = Windows(1)
    taken.take(Event(SPEECH, 5001, Speech("s", 0, SpeechState.CLOSED, 1000, 4900)), 5001)
    assert taken.next_due(5001) is None
    taken.take(Event(SPEECH, 5001, Absence("a0-1", 0, 5000, 5000)), 5001)
    due = taken.next_due(5001)
    assert due is not None and due.at_ms == 5001
    window = taken.decode(due)
    assert (window.start_ms, window.end_ms, window.through_ms) == (1000, 4900, 5000)  # type: ignore[union-attr]
    taken.take(Event(SPEECH, 9001, Absence("a0-1", 0, 5000, 9000, over=True)), 9001)
    taken.take(Event(SPEECH, 9900, Speech("s", 0, SpeechState.CLOSED, 9100, 9500)), 9900)
    assert taken.next_due(9900) is None
