"""Words are shown while people speak, stay, and end in finals."""

from dataclasses import replace
from itertools import pairwise

import pytest

from speakerline.services.asr.interims import Shown
from speakerline.services.asr.stability import Guess, Stability
from speakerline.services.asr.windows import Window
from speakerline.shared.contract.v1 import Gap, ServiceClass, Transcript
from speakerline.shared.runtime.stage import FOREVER, Event
from tests.asr.calls import speaking
from tests.asr.toy import BROKEN, CALL, FINALS, LIVE, Sound, ToyAsr, heard, mixture, number, sentence, steps, words
from tests.bodies import body

TALK = speaking((480, 40_000))


def until(at_ms: int, after_ms: int = -1) -> list[Event]:
    """What vad says of the talk by then."""
    return [event for event in TALK if after_ms < event.position <= at_ms]


async def test_words_are_shown_while_somebody_speaks_and_the_final_replaces_them() -> None:
    talk, events = sentence(500, 4000, 100), speaking((480, 4000))
    toy = ToyAsr(LIVE, Sound([steps(talk, 7)]))
    call = toy.open(CALL, {}, Sound([]))
    shown = []
    for at in range(1000, 5001, 1000):
        step = await call.push([event for event in events if at - 1000 < event.position <= at], at)
        shown += step.events
        call = toy.open(CALL, dict(call.snapshot()), Sound([]))
    interims = [body(event) for event in shown]
    assert [one.final for one in interims] == [False] * 4
    assert [one.revision for one in interims] == [31, 51, 71, 76], "twice the tenths of a second that were heard"
    for before, after in pairwise(interims):
        kept = [word for word in before.words if not word.tentative]
        assert [word.text for word in after.words][: len(kept)] == [word.text for word in kept]
        assert len(after.words) > len(before.words)
        assert after.revision > before.revision
    tentative = [[word.tentative for word in one.words] for one in interims]
    assert all(any(one) and one == sorted(one) for one in tentative[:3]), "those at the end"
    assert not any(tentative[3])
    (final,) = (await call.push([], 6000)).events
    assert (body(final).transcript_id, body(final).final) == (interims[0].transcript_id, True)
    assert body(final).revision > interims[-1].revision
    assert words([final]) == list(talk)


async def test_all_words_are_shown_once_somebody_stops() -> None:
    talk, events = sentence(500, 4000, 100), speaking((480, 4000))
    call = ToyAsr(LIVE, Sound([steps(talk, 7)])).open(CALL, {}, Sound([]))
    last: list[Event] = []
    for at in (1000, 2000, 3000, 4000, 4400, 4800):
        last = (await call.push([one for one in events if at - 1000 < one.position <= at], at)).events or last
    assert words(last[-1:]) == list(talk)
    assert not body(last[-1]).final


async def test_words_behind_a_cut_go_on_being_shown() -> None:
    """A talk of 40 s is cut: the words that were shown behind the cut have another name then, and stay."""
    toy = ToyAsr(LIVE, Sound([steps(mixture(), 62)]))
    call = toy.open(CALL, {}, Sound([]))
    told: dict[str, Transcript] = {}
    before: set[int] = set()
    for at in range(1000, 30_000, 1000):
        for event in (await call.push(until(at, at - 1000), at)).events:
            known = told.get(body(event).transcript_id)
            assert known is None or known.revision < body(event).revision
            told[body(event).transcript_id] = body(event)
        call = toy.open(CALL, dict(call.snapshot()), Sound([]))
        seen = [number(word.text) for one in told.values() for word in one.words]
        assert before <= set(seen)
        before = set(seen)
    assert [one.final for one in told.values()] == [True, False]


async def test_what_was_shown_of_a_window_that_is_skipped_stands() -> None:
    call = ToyAsr(LIVE, Sound([steps(sentence(500, 3500, 100), 9)])).open(CALL, {}, Sound([]))
    events = speaking((480, 3500))
    shown = []
    for at in (1000, 2000, 3000, 4000):
        shown += (await call.push([one for one in events if at - 1000 < one.position <= at], at)).events
    final, gap = (body(event) for event in (await call.skip(None, 9000, "failed three times")).events)
    assert (final.transcript_id, final.final, final.words) == (
        body(shown[-1]).transcript_id,
        True,
        body(shown[-1]).words,
    )
    assert (gap.start_ms, gap.end_ms, gap.detail) == (480, 3500, "failed three times")


async def test_words_behind_a_window_that_is_skipped_go_on_being_shown() -> None:
    """A talk of 40 s, of which the first window is given up when it is cut."""
    call = ToyAsr(LIVE, Sound([steps(mixture(), 62)])).open(CALL, {}, Sound([]))
    shown: list[Event] = []
    for at in range(1000, 26_000, 1000):
        shown += (await call.push(until(at, at - 1000), at)).events
    await call.push(until(26_000, 25_000), 25_999)
    final, gap, rest = (await call.skip(None, 27_000, "failed three times")).events
    assert isinstance(gap.body, Gap)
    assert body(final).final and not body(rest).final
    assert body(final).transcript_id != body(rest).transcript_id
    assert words([final, rest])[: len(words(shown[-1:]))] == words(shown[-1:])
    assert words([rest])


async def test_words_that_were_shown_stand_when_the_model_fails_on_the_final() -> None:
    toy = ToyAsr(LIVE, Sound([steps(sentence(500, 2500, 100) | {BROKEN: (3200, 3400)}, 7)]))
    call = toy.open(CALL, {}, Sound([]))
    events = speaking((480, 3500))
    shown = []
    for at in (1000, 2000, 3000, 4000):
        shown += (await call.push([one for one in events if at - 1000 < one.position <= at], at)).events
    final, gap = (await call.push([], FOREVER)).events
    assert body(final).final and words([final]) == words(shown[-1:])
    assert isinstance(gap.body, Gap)


async def test_finals_are_the_same_with_and_without_interims() -> None:
    toy = ToyAsr(LIVE, Sound([steps(mixture(), 42)]))
    call = toy.open(CALL, {}, Sound([]))
    found = []
    for event in TALK:
        found += (await call.push([event], event.position)).events
    found += (await call.push([], FOREVER)).events
    without = await heard(TALK, ToyAsr(FINALS, Sound([steps(mixture(), 42)])))
    assert [event for event in found if body(event).final] == without
    assert any(not body(event).final for event in found)


async def test_a_recording_has_the_same_finals_and_no_interims() -> None:
    toy = ToyAsr(LIVE, Sound([steps(mixture(), 42)]))
    call = toy.open(replace(CALL, service_class=ServiceClass.BULK), {}, Sound([]))
    found = []
    for event in TALK:
        found += (await call.push([event], event.position)).events
    found += (await call.push([], FOREVER)).events
    assert found == await heard(TALK, ToyAsr(FINALS, Sound([steps(mixture(), 42)])))
    assert not any(piece.fast for piece in toy.pieces)


async def test_interims_are_asked_for_when_there_is_more_to_hear_and_nothing_waits() -> None:
    toy = ToyAsr(LIVE, Sound([steps(mixture(), 42)]))
    call = toy.open(CALL, {}, Sound([]))
    await call.push(until(1000), 1000)
    for through_ms in (1179, 1180, 1400, 1600):
        await call.push([], through_ms)
        assert len(toy.pieces) == (through_ms > 1179)
    await call.push([], 1879)
    assert len(toy.pieces) == 1
    await call.push([], 1880)
    assert len(toy.pieces) == 2
    assert all(piece.fast and not piece.narrow for piece in toy.pieces)


def window(name: str = "W1", start_ms: int = 1000, end_ms: int = 30_000) -> Window:
    return Window(name, 0, start_ms, end_ms, start_ms - 300, end_ms + 300, ((start_ms, end_ms),))


def said(*middles_ms: int) -> Stability:
    return Stability([Guess(f"w{middle}", middle - 50, middle + 50, 0.9) for middle in middles_ms])


@pytest.mark.parametrize(
    ("heard_ms", "goes_on", "known_ms", "span"),
    [
        pytest.param(0, True, 1700, (700, 1700), id="a second"),
        pytest.param(0, True, 1699, None, id="less"),
        pytest.param(3000, True, 3700, (700, 3700), id="0.7 s more"),
        pytest.param(3000, True, 3699, None, id="too little is new"),
        pytest.param(3000, False, 4000, (700, 3200), id="somebody stopped: 0.2 s behind the end"),
        pytest.param(3100, False, 4000, (700, 3200), id="and was not heard to the end"),
        pytest.param(3101, False, 4000, None, id="and was heard to the end, nearly"),
    ],
)
def test_what_of_an_open_window_is_decoded(
    heard_ms: int, goes_on: bool, known_ms: int, span: tuple[int, int] | None
) -> None:
    assert Shown(heard_ms=heard_ms).next_span(window(end_ms=3000), goes_on, known_ms) == span


def test_a_window_at_the_very_beginning_is_decoded_from_there() -> None:
    assert Shown().next_span(window(start_ms=300), True, 1000) == (0, 1000)


def test_of_a_long_window_the_end_is_decoded_from_a_shown_word_on() -> None:
    shown = Shown("W1", 700, 7000, said(3000, 5000, 6000, 8000))
    assert shown.next_span(window(), True, 8700) == (700, 8700), "8 s are not too long"
    assert shown.next_span(window(), True, 9550) == (6050, 9550), "3 s or more behind it"
    nearer = Shown("W1", 700, 7000, said(3000, 6000, 8000))
    assert nearer.next_span(window(), True, 9049) == (3050, 9049)
    assert Shown("W1", 700, 7000, said(3000, 6000, 8000)).next_span(window(), True, 9050) == (6050, 9050)


def test_behind_a_pause_it_begins_anew_with_the_speech() -> None:
    """Else Whisper would hear what nobody said in the pause."""
    two = replace(window(), speech=((1000, 3000), (5000, 9000)))
    assert Shown("W1", 700, 3200, said(2500)).next_span(two, True, 6000) == (4700, 6000)
    assert Shown("W1", 700, 3000, said(2500)).next_span(two, True, 6000) == (4700, 6000)
    assert Shown("W1", 700, 2999, said(2500)).next_span(two, True, 6000) == (700, 6000), "what was not heard is heard"
    assert Shown("W1", 700, 3200, said(2500)).next_span(two, True, 5699) is None, "a second of it"
    assert Shown("W1", 700, 3200, said(2500)).next_span(two, True, 5700) == (4700, 5700)
    undecided = Stability(said(2500).staying, said(2900).staying)
    assert Shown("W1", 700, 3200, undecided).next_span(two, True, 6000) == (700, 6000)


def test_where_the_words_end_early_it_begins_anew_right_behind_them() -> None:
    """They end at 3550 ms."""
    assert Shown("W1", 700, 5050, said(2500, 3000, 3500)).next_span(window(), True, 6000) == (3550, 6000)
    assert Shown("W1", 700, 5049, said(3000, 3500)).next_span(window(), True, 6000) == (700, 6000)
    undecided = Stability(said(3000, 3500).staying, said(4000).staying)
    assert Shown("W1", 700, 5050, undecided).next_span(window(), True, 6000) == (700, 6000)


async def test_words_that_are_all_known_stay_once_somebody_stops_without_being_decoded_again() -> None:
    """The end of the sentence has been heard when vad says that it was one."""
    talk, events = sentence(500, 3000, 100), speaking((480, 3000))
    toy = ToyAsr(LIVE, Sound([steps(talk, 7)]))
    call = toy.open(CALL, {}, Sound([]))
    for at in (1200, 2000, 3300):
        (shown,) = (await call.push([one for one in events if one.position <= at], at)).events
        events = [one for one in events if one.position > at]
    assert any(word.tentative for word in body(shown).words)
    pieces = len(toy.pieces)
    (settled,) = (await call.push(events, 3400)).events
    assert len(toy.pieces) == pieces
    assert words([settled]) == list(talk) and not any(word.tentative for word in body(settled).words)
    assert body(settled).revision > body(shown).revision


def test_where_nothing_is_agreed_on_for_long_sound_is_left_out() -> None:
    assert Shown("W1", 700, 20_000).next_span(window(), True, 25_000) == (9_000, 25_000)


def test_the_next_window_is_decoded_from_where_the_one_before_ended() -> None:
    shown = Shown("W1", 700, 12_000, said(3000))
    shown.close(window(end_ms=12_000))
    assert shown.next_span(window("W2", 12_000), True, 13_000) == (12_000, 13_000)


def test_words_behind_the_end_of_a_window_belong_to_the_next_one() -> None:
    shown = Shown("W1", 700, 20_000, said(3000, 11_999, 12_000))
    assert shown.is_of(window())
    assert [word.middle_ms for word in shown.close(window(end_ms=12_000))] == [3000, 11_999]
    after = window("W2", 12_000)
    assert not shown.is_of(after)
    assert shown.go_on(after)
    assert shown.is_of(after) and [word.middle_ms for word in shown.words] == [12_000]
    assert not shown.go_on(after), "once"
    assert Shown.load(shown.dump()) == shown
