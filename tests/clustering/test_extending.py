"""Between two windows the last speaker goes on, provisionally, while a segment of speech is open."""

import asyncio
from collections.abc import Sequence

import pytest

from speakerline.services.clustering.channel import ChannelClusterer
from speakerline.services.clustering.stage import EXTEND_AT_MS, ClusteringCall, ClusteringStage, extensions
from speakerline.services.clustering.turns import LabelledSpan
from speakerline.shared.contract import v1
from speakerline.shared.pipeline import CLUSTERING, LABEL_DELAY_MS, OPERATOR, SOURCES, SPEECH, VOICES
from speakerline.shared.runtime.call import WATERMARK_MS
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.recording import Recording
from speakerline.shared.runtime.stage import FOREVER, Event
from tests.clustering.made_calls import calibration, conversation
from tests.no_sound import NoSound

STARTED = v1.CallStarted("c", 8000, v1.Encoding.MULAW, 1)
OPENED, GREW, CLOSED = v1.SpeechState.OPENED, v1.SpeechState.GREW, v1.SpeechState.CLOSED


def speech(at_ms: int, state: v1.SpeechState, start_ms: int, channel: int = 0) -> Event:
    return Event(SPEECH, at_ms, v1.Speech(f"s{channel}-{start_ms}", channel, state, start_ms, at_ms))


def windows(*turns: tuple[int, int, int], end_ms: int) -> list[Event]:
    return [Event(VOICES, one.end_ms, one) for one in conversation(turns, end_ms)]


def merged(*entries: Event) -> list[Event]:
    return sorted(entries, key=lambda entry: (entry.position, entry.stream != SPEECH))


def opened() -> ClusteringCall:
    return ClusteringStage(calibration()).open(STARTED, {}, NoSound())


def published(entries: Sequence[Event], through_ms: int) -> list[Event]:
    return asyncio.run(opened().push(entries, through_ms)).events


def turns(events: Sequence[Event], from_ms: int) -> list[tuple[int, str, int, int, bool]]:
    """Turns published from a position on: where, of whom, from when to when, whether provisional."""
    bodies = [(event.position, event.body) for event in events if event.position >= from_ms]
    return [
        (at, turn.speaker_id, turn.start_ms, turn.end_ms, turn.provisional)
        for at, turn in bodies
        if isinstance(turn, v1.Turn)
    ]


TALKS = windows((1, 1000, 5000), end_ms=5000)
OPEN = speech(1100, OPENED, 1000)


def test_the_last_speaker_goes_on_while_speech_is_open() -> None:
    events = published(merged(*TALKS, OPEN), 5999)
    assert turns(events, 5001) == [(5400, "S1", 1000, 5400, True)]


def test_the_speaker_goes_on_in_every_step_wherever_time_is_told() -> None:
    call = opened()
    events = asyncio.run(call.push(merged(*TALKS, OPEN), 5000)).events
    for through_ms in (5399, 5400, 5401, 6000, 6399, 6999):
        events += asyncio.run(call.push([], through_ms)).events
    assert [at for at, *_ in turns(events, 5001)] == [5400, 6000, 6400]


def test_while_only_time_passes_nothing_is_rendered_or_stored_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    call = opened()
    asyncio.run(call.push(merged(*TALKS, OPEN), 5300))
    monkeypatch.setattr(ChannelClusterer, "rendered", lambda self: pytest.fail("nothing changed"))
    before = call.snapshot()
    asyncio.run(call.push([], 5399))
    after = call.snapshot()
    assert {name for name in after if after[name] is not before[name]} == {"state"}
    assert asyncio.run(call.push([], 5400)).events, "the speaker goes on"
    assert call.snapshot()["0.turns.00000"] != before["0.turns.00000"]


@pytest.mark.parametrize(
    "said",
    [
        Event(SOURCES, 3400, v1.Separation("X1", 0, 2000, 3000)),
        Event(OPERATOR, 5300, v1.Correction("k1", name_speaker=v1.NameSpeaker("S1", "Ann"))),
    ],
    ids=["a separation", "a correction"],
)
def test_a_speaker_goes_on_in_what_has_changed_since_the_last_window(
    said: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, rendered, shown = opened(), list[ChannelClusterer](), ChannelClusterer.rendered
    asyncio.run(call.push(merged(*TALKS, OPEN), 5200))
    asyncio.run(call.push([said], 5350))

    def rendering(channel: ChannelClusterer) -> list[LabelledSpan]:
        rendered.append(channel)
        return shown(channel)

    monkeypatch.setattr(ChannelClusterer, "rendered", rendering)
    asyncio.run(call.push([], 5400))
    assert len(rendered) == 1, "what was shown before does not count any more"


def test_after_what_was_skipped_the_speaker_goes_on_in_the_next_step() -> None:
    call = opened()
    asyncio.run(call.push(merged(*TALKS, OPEN), 5000))
    asyncio.run(call.skip(None, 5600, "three times"))
    events = asyncio.run(call.push([], 6100)).events
    assert [at for at, *_ in turns(events, 5001)] == [6000]


@pytest.mark.parametrize(("closed_ms", "steps"), [(5401, [5400]), (5400, [])])
def test_nobody_goes_on_from_the_empty_window_on_that_ends_the_call(closed_ms: int, steps: list[int]) -> None:
    closing = Event(VOICES, closed_ms, v1.VoiceWindow(0, closed_ms, closed_ms, []))
    assert [at for at, *_ in turns(published(merged(*TALKS, OPEN, closing), 6600), 5001)] == steps


def test_it_is_the_last_one_who_goes_on() -> None:
    talk = windows((1, 1000, 3000), (2, 3000, 5000), end_ms=5000)
    found = turns(published(merged(*talk, OPEN), 5999), 5001)
    assert [(at, speaker, end) for at, speaker, _, end, _ in found] == [(5400, "S2", 5400)]


def test_at_a_full_second_and_400_ms_after_it_once_that_has_passed() -> None:
    assert turns(published(merged(*TALKS, OPEN), 5399), 5001) == []
    assert [at for at, *_ in turns(published(merged(*TALKS, OPEN), 5400), 5001)] == [5400]
    assert [at for at, *_ in turns(published(merged(*TALKS, OPEN), 6400), 5001)] == [5400, 6000, 6400]


@pytest.mark.parametrize(
    ("after_ms", "through_ms", "points"),
    [(-1, 0, [0]), (0, 399, []), (0, 400, [400]), (400, 1000, [1000]), (999, 2400, [1000, 1400, 2000, 2400])],
)
def test_a_turn_grows_once_at_each_point(after_ms: int, through_ms: int, points: list[int]) -> None:
    assert extensions(after_ms, through_ms) == points


@pytest.mark.parametrize(
    ("through_ms", "quiet_ms", "promised_ms"),
    [
        pytest.param(5200, -1, 5200, id="voices are no further"),
        pytest.param(5200, 5300, 5300, id="as far as voices and sources are"),
        pytest.param(5200, FOREVER, 5399, id="to where a turn may grow"),
        pytest.param(5399, 9999, 5399, id="just before that"),
        pytest.param(5400, 9999, 5999, id="and beyond"),
        pytest.param(6000, 9999, 6399, id="in the next second"),
    ],
)
def test_ahead_of_speech_nothing_is_promised_but_what_time_can_not_change(
    through_ms: int, quiet_ms: int, promised_ms: int
) -> None:
    step = asyncio.run(opened().push(merged(*TALKS, OPEN), through_ms, quiet_ms))
    assert step.through_ms == promised_ms


def test_beyond_the_end_nothing_is_promised() -> None:
    closing = Event(VOICES, 5200, v1.VoiceWindow(0, 5200, 5200, []))
    assert asyncio.run(opened().push(merged(*TALKS, OPEN, closing), 5600, FOREVER)).through_ms == 5199


@pytest.mark.parametrize(("said_ms", "answered_ms"), [(5201, 5400), (5400, 5400), (5401, 6000)])
def test_a_correction_is_answered_where_no_promise_has_reached(said_ms: int, answered_ms: int) -> None:
    call = opened()
    promised_ms = asyncio.run(call.push(merged(*TALKS, OPEN), said_ms - 1, FOREVER)).through_ms
    named = Event(OPERATOR, said_ms, v1.Correction("k1", name_speaker=v1.NameSpeaker("S1", "Ann")))
    (answer,) = [one for one in asyncio.run(call.push([named], said_ms)).events if isinstance(one.body, v1.Correction)]
    assert promised_ms < answer.position == answered_ms


def test_speech_that_can_not_be_read_is_told_where_no_promise_has_reached() -> None:
    call = opened()
    assert asyncio.run(call.push(merged(*TALKS, OPEN), 5400, FOREVER)).through_ms == 5999
    (gap,) = asyncio.run(call.skip(speech(5600, GREW, 1000), 5600, "three times")).events
    assert (gap.position, gap.body) == (6000, v1.Gap(0, 1000, 5600, v1.GapReason.POISON, "clustering", "three times"))


def test_the_aggregator_hears_of_time_where_a_turn_grows() -> None:
    """It merges turns LABEL_DELAY_MS later, and hears of time in steps of WATERMARK_MS."""
    assert [(at_ms + LABEL_DELAY_MS) % WATERMARK_MS for at_ms in EXTEND_AT_MS] == [0, 0]


def test_it_does_not_matter_in_which_steps_time_passes() -> None:
    call, found = opened(), []
    for entries, through_ms in ((merged(*TALKS, OPEN), 5100), ([], 5200), ([], 5700), ([], 6100)):
        found += asyncio.run(call.push(entries, through_ms)).events
    assert [at for at, *_ in turns(found, 5001)] == [5400, 6000]


def test_a_closed_segment_goes_no_further() -> None:
    assert turns(published(merged(*TALKS, OPEN, speech(5350, CLOSED, 1000)), 5999), 5001) == []


def test_the_next_window_has_the_last_word() -> None:
    later = windows((1, 1000, 5200), (2, 5200, 9000), end_ms=9000)
    shown = {
        event.body.turn_id: event.body
        for event in published(merged(*later, OPEN), 9399)
        if isinstance(event.body, v1.Turn)
    }
    assert [(turn.speaker_id, turn.end_ms) for turn in shown.values()] == [("S1", 5200), ("S2", 9000)]


def test_it_goes_on_for_three_seconds_at_most() -> None:
    ends = [end for _, _, _, end, _ in turns(published(merged(*TALKS, OPEN), 20_000), 5001)]
    assert ends == [5400, 6000, 6400, 7000, 7400, 8000]


@pytest.mark.parametrize(
    ("next_ms", "expected"),
    [
        pytest.param(5399, [(5400, "S1", 1000, 5400, True)], id="a short pause is bridged"),
        pytest.param(5400, [], id="after a longer one it may be somebody else"),
    ],
)
def test_after_a_pause(next_ms: int, expected: list[tuple[int, str, int, int, bool]]) -> None:
    entries = merged(*TALKS, OPEN, speech(5100, CLOSED, 1000), speech(next_ms, OPENED, next_ms))
    assert turns(published(entries, 5999), 5001) == expected


def test_before_anybody_is_known_nobody_goes_on() -> None:
    assert published([OPEN], 5999) == []


def test_each_channel_goes_on_by_itself() -> None:
    other = [Event(VOICES, one.end_ms, one) for one in conversation([(2, 1000, 5000)], 5000, channel=1)]
    entries = merged(*TALKS, *other, OPEN, speech(1100, OPENED, 1000, 1), speech(5350, CLOSED, 1000, 0))
    call = ClusteringStage(calibration()).open(v1.CallStarted("c", 8000, v1.Encoding.MULAW, 2), {}, NoSound())
    events = asyncio.run(call.push(entries, 5999)).events
    assert turns(events, 5001) == [(5400, "S2", 1000, 5400, True)]


def test_nothing_goes_on_past_the_end_of_the_call() -> None:
    closing = Event(VOICES, 6000, v1.VoiceWindow(0, 5000, 5000, []))
    events = published([*merged(*TALKS, OPEN), closing], FOREVER)
    last = [event.body for event in events if isinstance(event.body, v1.Turn)][-1]
    assert (last.end_ms, last.provisional) == (5000, False)


def test_it_needs_the_speech_alone_of_what_the_vad_says() -> None:
    gap = Event(SPEECH, 5200, v1.Gap(0, 5100, 5200, v1.GapReason.LOST, "vad", "lost"))
    ended = Event(SPEECH, 5300, v1.AudioEnded(5300, v1.EndReason.HANGUP))
    assert published(merged(*TALKS, OPEN, gap, ended), 5999) == published(merged(*TALKS, OPEN), 5999)


async def test_it_keeps_every_rule_of_a_stage() -> None:
    talk = windows((1, 1000, 5000), (2, 5600, 9000), (1, 9100, 12_000), end_ms=12_000)
    entries = merged(
        *talk,
        OPEN,
        speech(2000, GREW, 1000),
        speech(5350, CLOSED, 1000),
        speech(5700, OPENED, 5600),
        speech(12_000, CLOSED, 5600),
        Event(VOICES, 13_000, v1.VoiceWindow(0, 12_000, 12_000, [])),
    )
    await check_stage(ClusteringStage(calibration()), CLUSTERING, Recording(STARTED, entries, NoSound()), skips=4)
