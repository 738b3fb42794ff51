"""What the stage publishes of a call, beside speech itself: gaps, skew between channels, ends."""

import pytest

from speakerline.services.vad.settings import VadSettings
from speakerline.shared.contract.v1 import AudioEnded, Clipping, EndReason, Gap, Silence, Speech
from speakerline.shared.pipeline import VAD
from speakerline.shared.runtime.stage import FOREVER, AudioClosed, Frame
from tests.bodies import body
from tests.vad.listening import HANGUP, Call, Loud, Quiet


def gaps(call: Call) -> list[tuple[int, int, int, str]]:
    return [(one.channel, one.start_ms, one.end_ms, one.reason.name) for one in call.bodies(Gap)]


def ended(call: Call) -> tuple[int, AudioEnded]:
    return call.events[-1].position, body(call.events[-1])


def test_speech_is_published_in_the_chunk_that_decides_it() -> None:
    call = Call(Loud())
    call.push(call.frame(0, 1000), call.frame(1000, 2500, 0.5), call.frame(2500, 3200)).close()
    assert [
        (event.position, body(event).state.name, body(event).start_ms, body(event).end_ms) for event in call.events[:-1]
    ] == [
        (1152, "OPENED", 928, 1152),
        (2016, "GREW", 928, 2016),
        (2912, "CLOSED", 928, 2496),
    ]
    assert {body(event).segment_id for event in call.events[:-1]} == {"s0-1"}
    assert {event.stream for event in call.events} == set(VAD.outputs)


def test_what_was_heard_is_promised_and_needed_no_longer() -> None:
    call = Call(Quiet())
    call.push(call.frame(0, 100))
    assert call.through_ms == 96
    assert call.audio_from == {0: 800}


def test_speech_at_the_end_of_the_sound_ends_with_it() -> None:
    call = Call(Loud())
    call.push(call.frame(0, 1010, 0.5)).close()
    assert call.segments() == [(0, 1010)]
    assert ended(call) == (1024, AudioEnded(end_ms=1010, reason=HANGUP))
    assert call.through_ms == FOREVER


def test_a_call_without_a_frame_ends_too() -> None:
    call = Call(Quiet(), channels=2)
    call.close(0, 1)
    assert [event.body for event in call.events] == [AudioEnded(end_ms=0, reason=HANGUP)]
    assert call.through_ms == FOREVER


def test_the_gravest_reason_of_the_channels_is_the_calls() -> None:
    call = Call(Quiet(), channels=2)
    call.close(1, reason=EndReason.IDLE).close(0, reason=HANGUP)
    assert ended(call)[1].reason == EndReason.IDLE


def test_a_call_ends_without_a_reason_too() -> None:
    call = Call(Quiet())
    call.push(call.frame(0, 500)).close(reason=EndReason.UNSPECIFIED)
    assert call.through_ms == FOREVER


def test_a_call_ends_once() -> None:
    call = Call(Quiet())
    call.push(call.frame(0, 500)).close()
    assert len(call.bodies(AudioEnded)) == 1


def test_a_short_hole_is_heard_as_silence_and_told_in_its_last_chunk() -> None:
    detector = Loud()
    call = Call(detector)
    call.push(call.frame(0, 1000, 0.5), call.frame(1200, 2000, 0.5)).close()
    assert gaps(call) == [(0, 1000, 1200, "LOST")]
    assert [event.position for event in call.events if isinstance(event.body, Gap)] == [1216]
    assert call.segments() == [(0, 2000)]
    assert all(request.state in (b"", b"heard") for request in detector.requests)
    assert [request.state for request in detector.requests].count(b"") == 1


def test_after_a_long_hole_the_detector_starts_afresh() -> None:
    detector = Loud()
    call = Call(detector)
    call.push(call.frame(0, 1000, 0.5), call.frame(4000, 5000, 0.5, shed=True)).close()
    assert gaps(call) == [(0, 1000, 4000, "SHED")]
    assert call.segments() == [(0, 1024), (3936, 5000)]  # whole chunks, and the pre-roll
    assert [request.state for request in detector.requests][:2] == [b"", b""]


def test_a_hole_of_a_day_costs_no_more_than_one_of_an_hour() -> None:
    detector = Loud()
    call = Call(detector)
    day = 24 * 3600 * 1000
    call.push(call.frame(0, 1000, 0.5), call.frame(day, day + 1000, 0.5)).close()
    assert gaps(call) == [(0, 1000, day, "LOST")]
    assert call.segments() == [(0, 1024), (day - 64, day + 1000)]
    assert len(call.events) < 10
    assert sum(len(request.samples) for request in detector.requests) < 8000 * 3


def test_bytes_that_are_no_audio_are_a_gap_and_the_call_goes_on() -> None:
    call = Call(Loud())
    call.push(call.frame(0, 1000), Frame(0, 8800, b"odd"), call.frame(1100, 3000, 0.5)).close()
    assert gaps(call) == [(0, 1000, 1100, "INVALID")]
    assert call.bodies(Gap)[0].detail == "3 bytes of s16le: expected an even number"
    assert call.segments() == [(1024, 3000)]


def test_a_hole_is_not_silence() -> None:
    call = Call(Quiet(), settings=VadSettings(silence_ms=1000, max_fill_ms=60_000))
    call.push(call.frame(0, 500, 0.5), call.frame(9000, 9500, 0.5)).close()
    assert call.bodies(Silence) == []


def test_a_dead_line_and_an_overdriven_line_are_told() -> None:
    call = Call(Quiet(), channels=2)
    for at in range(0, 12_000, 1000):
        call.push(call.frame(at, at + 1000, 0.0, 0), call.frame(at, at + 1000, 1.0, 1))
    call.close(0, 1)
    assert call.bodies(Silence) == [Silence(0, 0, 10016), Silence(0, 10016, 12000)]
    assert [(one.channel, one.start_ms, one.ratio) for one in call.bodies(Clipping)][:2] == [
        (1, 0, 1.0),
        (1, 1024, 1.0),
    ]


def test_a_huge_frame_is_asked_about_in_pieces() -> None:
    detector = Loud()
    call = Call(detector)
    call.push(call.frame(0, 60_000, 0.5)).close()
    assert max(len(request.samples) for request in detector.requests) <= 10 * 8000
    assert call.segments() == [(0, 60_000)]


class TestSeveralChannels:
    def test_events_wait_for_the_slower_channel_and_come_in_order(self) -> None:
        call = Call(Loud(), channels=2)
        call.push(call.frame(0, 1000, 0.5, 1))
        assert call.events == []
        assert call.through_ms == 0
        call.push(call.frame(0, 1000, 0.5, 0))
        assert [(event.position, body(event).segment_id) for event in call.events] == [(160, "s0-1"), (160, "s1-1")]

    def test_a_closed_channel_is_not_waited_for(self) -> None:
        call = Call(Loud(), channels=2)
        call.close(0).push(call.frame(0, 1000, 0.5, 1))
        assert len(call.bodies(Speech)) == 1
        assert call.close(1).through_ms == FOREVER

    def test_a_channel_that_stays_away_counts_as_silent_in_whole_steps(self) -> None:
        call = Call(Loud(), channels=2)
        for at in range(0, 16_000, 500):
            call.push(call.frame(at, at + 500, 0.5, 0))
        assert gaps(call) == [(1, 0, 5000, "LOST")]
        call.push(call.frame(0, 16_000, 0.5, 1)).close(0, 1)
        assert gaps(call) == [(1, 0, 5000, "LOST"), (1, 5000, 10_000, "LOST")]
        assert call.segments() == [(0, 16_000), (9920, 16_000)]

    def test_a_frame_of_any_length_does_not_outrun_a_channel_by_itself(self) -> None:
        call = Call(Loud(), channels=2)
        call.push(call.frame(0, 60_000, 0.5, 0), call.frame(0, 60_000, 0.5, 1)).close(0, 1)
        assert gaps(call) == []


class TestSkipping:
    @pytest.mark.parametrize("length", [4, 20, 100, 5000], ids=lambda ms: f"{ms} ms")
    def test_a_skipped_frame_is_a_gap_and_the_call_goes_on(self, length: int) -> None:
        call = Call(Loud())
        call.push(call.frame(0, 1010, 0.5)).skip(call.frame(1010, 1010 + length, 0.5), "it failed 3 times")
        call.push(call.frame(1010 + length, 8000, 0.5)).close()
        assert gaps(call) == [(0, 1010, 1010 + length, "POISON")]
        assert call.bodies(Gap)[0].detail == "it failed 3 times"
        assert call.segments()[-1][1] == 8000

    def test_a_skipped_closing_entry_closes_anyway(self) -> None:
        call = Call(Loud())
        call.push(call.frame(0, 1010, 0.5)).skip(AudioClosed(0, HANGUP))
        assert gaps(call) == [(0, 1010, 1010, "POISON")]
        assert call.segments() == [(0, 1010)]
        assert ended(call)[1] == AudioEnded(end_ms=1010, reason=HANGUP)

    def test_nothing_to_skip_changes_nothing(self) -> None:
        call = Call(Loud())
        call.push(call.frame(0, 1000, 0.5))
        before = dict(call.stage_of_call.snapshot())
        assert call.skip(None).stage_of_call.snapshot() == before
