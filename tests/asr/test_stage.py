"""The stage with a recogniser whose words are in the sound: what is published, and where."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from speakerline.services.asr.decoding import SharedRecogniser
from speakerline.services.asr.engine import RATE, Piece, RecognisedWord, Recognition
from speakerline.services.asr.stage import AsrStage
from speakerline.shared.contract.v1 import Degraded, Gap, GapReason, SeparationOutcome, Transcript
from speakerline.shared.logs import JsonLines
from speakerline.shared.pipeline import ASR, LIFTED_DELAY_MS, WORDS
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.isolation import ModelFailed
from speakerline.shared.runtime.recording import Recording
from speakerline.shared.runtime.stage import FOREVER, Event
from tests.asr.calls import in_order, separated, speaking
from tests.asr.toy import BROKEN, CALL, FINALS, LIVE, Sound, ToyAsr, heard, mixture, number, sentence, steps, words
from tests.bodies import body

POISON = GapReason.POISON


def opened(toy: ToyAsr, channels: int = 1, language: str = "en") -> Any:
    return toy.open(replace(CALL, channels=channels, language=language), {}, Sound([]))


def talking(seconds: int = 40, options: Any = FINALS, channels: int = 1) -> ToyAsr:
    return ToyAsr(options, Sound([steps(sentence(0, seconds * 1000, 100), seconds)] * channels))


def told(events: Sequence[Event]) -> list[tuple[int, Any]]:
    return [(event.position, event.body) for event in events]


async def test_every_word_of_a_long_talk_comes_once_with_its_own_times() -> None:
    talk = mixture()
    found = await heard(speaking((480, 40_000)), ToyAsr(FINALS, Sound([steps(talk, 42)])))
    assert words(found) == list(talk)
    assert {number(w.text): (w.start_ms, w.end_ms) for event in found for w in body(event).words} == talk
    assert len(found) >= 2, "it was cut"


async def test_a_cut_amid_speech_lies_in_a_pause_where_there_is_one() -> None:
    talk = sentence(500, 18_000, 100, 210, 200) | sentence(18_300, 30_000, 300, 210, 200)
    first, *_ = await heard(speaking((480, 30_000)), ToyAsr(FINALS, Sound([steps(talk, 32)])))
    assert 18_000 <= body(first).end_ms <= 18_700


async def test_each_window_goes_on_from_the_last_thirty_words() -> None:
    toy = ToyAsr(FINALS, Sound([steps(mixture(), 42)]))
    first, *_ = await heard(speaking((480, 13_000), (14_000, 20_000)), toy)
    assert [piece.prompt for piece in toy.pieces] == ["", " ".join(word.text for word in body(first).words[-30:])]


async def test_what_is_left_of_a_window_behind_its_last_word_is_decoded_by_itself() -> None:
    """Whisper ends early at times: here it stops after the third word of a piece."""
    pieces = []

    async def recognise(piece: Piece) -> Recognition:
        pieces.append(piece.seconds)
        found = [RecognisedWord(f"w{len(pieces)}.{at}", at, at + 0.5, 0.9) for at in range(3)]
        return Recognition(tuple(found), "en")

    stage = AsrStage(SharedRecogniser(recognise, "toy"), FINALS)
    call = stage.open(CALL, {}, Sound([np.full(20 * RATE, 0.1, np.float32)]))
    ((_, one),) = told((await call.push(speaking((1000, 8000)), FOREVER)).events)
    assert pieces == [7.6, 5.1, 2.6]
    assert [word.text for word in one.words] == [f"w{piece}.{at}" for piece in (1, 2, 3) for at in range(3)]


def a_separated_overlap() -> tuple[list[Event], Sound]:
    """Two people speak at once from 3 to 4 s: the mixture has words 800 and more, the sources 200 and 300 and more."""
    alone, over, other = sentence(500, 3000, 100), sentence(3000, 4000, 200), sentence(3040, 3960, 300, 230, 110)
    both = {600 + at: span for at, span in enumerate(over.values(), 200)}
    sources = {"X1.1": steps(over, 4)[3000 * 16 :], "X1.2": steps(other, 4)[3000 * 16 :]}
    sound = steps({**alone, **both, **sentence(4000, 4900, 400)}, 9)
    sound[3000 * 16 : 4000 * 16] *= np.where(np.arange(16_000) % 2, 1, -1)
    return in_order(*speaking((450, 4900)), separated(5000, "X1", 3000, 4000)), Sound([sound], sources)


async def test_a_separated_overlap_is_heard_in_the_mixture_and_in_each_source() -> None:
    events, sound = a_separated_overlap()
    mixture, one, other = await heard(events, ToyAsr(FINALS, sound))
    assert [at // 100 for at in words([mixture])] == [1] * 10 + [4] * 3
    assert {word.source_id for word in body(mixture).words} == {""}
    assert [(number(w.text), w.source_id) for w in body(one).words] == [(200 + at, "X1.1") for at in range(4)]
    assert {w.source_id for w in body(other).words} == {"X1.2"}
    assert {number(w.text) // 100 for w in body(other).words} == {3}
    assert [event.position for event in (mixture, one)] == [6900, 5000 + LIFTED_DELAY_MS]


@pytest.mark.parametrize(("doubtful", "gone"), [(0.9, False), (0.91, True)])
async def test_of_a_voice_only_words_that_the_recogniser_believes_are_told(doubtful: float, gone: bool) -> None:
    events, sound = a_separated_overlap()
    toy = ToyAsr(FINALS, sound, doubtful=doubtful)
    assert len(await heard(events, toy)) == (1 if gone else 3)
    assert ("doubtful" in toy.guarded) is gone


async def test_where_both_sources_say_the_same_a_word_counts_once() -> None:
    events, sound = a_separated_overlap()
    over = sentence(3000, 4000, 200)
    late = {at: (start + 60, end + 60) for at, (start, end) in over.items()}
    sound.sources["X1.2"] = steps(late, 4.2)[3000 * 16 : 4000 * 16] * np.where(np.arange(16_000) // 40 % 2, 1, 0)
    found = words(await heard(events, ToyAsr(FINALS, sound)))
    assert [at for at in found if 200 <= at < 300] == list(over)


async def test_only_where_voices_truly_differ_they_are_decoded() -> None:
    events, sound = a_separated_overlap()
    sound.sources["X1.2"] = sound.sources["X1.1"]
    toy = ToyAsr(FINALS, sound)
    assert len(await heard(events, toy)) == 1
    assert len(toy.pieces) == 1


async def test_channels_are_decoded_side_by_side() -> None:
    toy = talking(channels=2)
    call = opened(toy, channels=2)
    await call.push(in_order(*speaking((480, 3000)), *speaking((480, 3000), channel=1)), FOREVER)
    assert toy.at_once == 2


async def test_the_language_of_a_window_is_usually_that_of_the_one_before() -> None:
    asked = []

    async def recognise(piece: Piece) -> Recognition:
        asked.append((piece.language, piece.usual))
        return Recognition((RecognisedWord("so", 0.5, 0.7, 0.9),), "de")

    stage = AsrStage(SharedRecogniser(recognise, "toy"), FINALS)
    call = stage.open(replace(CALL, channels=2, language=""), {}, Sound([np.full(20 * RATE, 0.1, np.float32)] * 2))
    events = in_order(*speaking((1000, 2000), (5000, 6000)), *speaking((5000, 6000), channel=1))
    found = (await call.push(events, FOREVER)).events
    assert asked == [("", ""), ("", "de"), ("", "")], "the other channel has its own"
    assert {body(event).language for event in found} == {"de"}


@pytest.mark.parametrize(("language", "asked"), [("en", "en"), ("en-US", "en"), ("EN_gb", "en"), ("", "")])
async def test_a_call_may_name_its_language(language: str, asked: str) -> None:
    toy = talking()
    await opened(toy, language=language).push(speaking((480, 3000)), FOREVER)
    assert [piece.language for piece in toy.pieces] == [asked]


async def test_with_a_language_that_is_not_known_all_that_are_known_are_named() -> None:
    toy = ToyAsr(LIVE, Sound([]), frozenset({"fr", "de", "en", "nl"}))
    (event,) = await heard(speaking((480, 2000)), toy, replace(CALL, language="sv"))
    assert event.body == Degraded(480, 2000, "asr", "no words: toy knows de, en, fr, nl, not sv")


@pytest.mark.parametrize(("level", "behind_s", "skipped"), [(1, 30.0, False), (1, 30.1, True), (0, 99.0, False)])
async def test_under_overload_what_comes_more_than_half_a_minute_late_is_skipped(
    level: int, behind_s: float, skipped: bool
) -> None:
    toy = talking()
    call = opened(toy)
    call.shed(level, behind_s)
    ((at_ms, one),) = told((await call.push(speaking((480, 1900)), 4000)).events)
    assert at_ms == 3900
    assert isinstance(one, Transcript) is not skipped
    if skipped:
        assert one == Degraded(480, 1900, "asr", "no words: more than 30 s behind")
    else:
        assert [piece.narrow for piece in toy.pieces] == [level > 0], "the search is narrower under overload"


async def test_under_overload_there_are_no_interims_and_that_is_told() -> None:
    toy = talking(options=LIVE, channels=2)
    call = opened(toy, channels=2)
    call.shed(1)
    both = in_order(*speaking((900, 3000)), *speaking((480, 3000), channel=1))
    assert (await call.push(both, 3500)).events == []
    assert toy.pieces == []
    call.shed(0)
    found = (await call.push([], 3600)).events
    marks = [(event.position, event.body) for event in found if isinstance(event.body, Degraded)]
    assert marks == [(3501, Degraded(900, 3400, "asr", "no interim words"))]
    again = (await call.push([], 3700)).events
    assert not any(isinstance(event.body, Degraded) for event in again), "once"


async def test_where_nothing_was_said_the_end_of_shedding_is_told_behind_what_was_promised() -> None:
    call = ToyAsr(LIVE, Sound([steps({}, 9)])).open(CALL, {}, Sound([]))
    call.shed(1)
    await call.push(speaking((900, 3000)), 3500)
    call.shed(0)
    assert told((await call.push([], 3600)).events) == [(3501, Degraded(900, 3400, "asr", "no interim words"))]


async def test_the_revision_of_final_words_counts_their_sound_twice_in_tenths_of_a_second() -> None:
    ((at_ms, final),) = told(await heard(speaking((1000, 3000)), talking()))
    assert (at_ms, final.revision) == (5000, 3 + 2 * 40)


async def test_a_model_that_fails_costs_the_window_and_no_more() -> None:
    talk = sentence(500, 2000, 100) | {BROKEN: (2100, 2300)} | sentence(6000, 8000, 200)
    found = await heard(speaking((480, 2400), (6000, 8000)), ToyAsr(FINALS, Sound([steps(talk, 12)])))
    assert isinstance(found[0].body, Gap)
    assert (found[0].body.start_ms, found[0].body.end_ms, found[0].body.stage) == (480, 2400, "asr")
    assert words(found) == [at for at in talk if 200 <= at < 300]


async def test_a_failure_is_logged_without_what_the_model_said_of_it(caplog: pytest.LogCaptureFixture) -> None:
    """That may quote what it recognised."""

    async def recognise(piece: Piece) -> Recognition:
        raise ModelFailed("toy: ValueError: mellifluous", "raised")

    stage = AsrStage(SharedRecogniser(recognise, "toy"), LIVE)
    call = stage.open(CALL, {}, Sound([np.full(9 * RATE, 0.1, np.float32)]))
    events = speaking((1000, 3000))
    await call.push(events[:2], 2500)
    await call.push(events[2:], FOREVER)
    logged = [JsonLines().format(record) for record in caplog.records]
    assert [json.loads(line)["event"] for line in logged] == ["no interim words", "window skipped"]
    assert all('"reason": "raised"' in line and "mellifluous" not in line for line in logged)


async def test_a_long_talk_that_is_skipped_is_given_up_window_by_window() -> None:
    call = opened(talking())
    events = speaking((480, 40_000))
    await call.push([event for event in events if event.position <= 26_000], 25_999)
    step = await call.skip(None, 27_000, "three times")
    assert told(step.events) == [(26_000, Gap(0, 480, 24_479, POISON, "asr", "three times"))]


async def test_an_entry_that_fails_becomes_a_gap() -> None:
    first, second, *_ = speaking((480, 5000))
    call = opened(talking())
    await call.push([first], 900)
    step = await call.skip(second, 1000, "three times")
    assert told(step.events) == [(1000, Gap(0, 480, 1000, POISON, "asr", "three times"))]


async def test_confidence_is_told_in_thousandths() -> None:
    async def recognise(piece: Piece) -> Recognition:
        return Recognition((RecognisedWord("so", 0.5, 0.7, 0.87654),), "en")

    stage = AsrStage(SharedRecogniser(recognise, "toy"), FINALS)
    call = stage.open(CALL, {}, Sound([np.full(9 * RATE, 0.1, np.float32)]))
    ((_, one),) = told((await call.push(speaking((1000, 2000)), FOREVER)).events)
    assert [word.confidence for word in one.words] == [pytest.approx(0.877, abs=1e-6)]


async def test_a_transcript_reaches_as_far_as_its_words() -> None:
    """The sound of the window begins at 0.7 s."""

    async def recognise(piece: Piece) -> Recognition:
        words = (RecognisedWord("so", 0.1, 0.4, 0.9), RecognisedWord("then", 1.2, 1.5, 0.9))
        return Recognition(words, "en")

    stage = AsrStage(SharedRecogniser(recognise, "toy"), FINALS)
    call = stage.open(CALL, {}, Sound([np.full(9 * RATE, 0.1, np.float32)]))
    ((_, one),) = told((await call.push(speaking((1000, 2000)), FOREVER)).events)
    assert (one.start_ms, one.end_ms) == (800, 2200)


CALL_EVENTS = in_order(
    *speaking((480, 29_000), (29_500, 31_000), (36_000, 37_000)),
    separated(27_000, "X1", 24_900, 26_050),
    separated(32_000, "X2", 29_500, 30_200, SeparationOutcome.FAILED),
)


async def test_it_keeps_every_rule_of_a_stage() -> None:
    sources = {"X1.1": steps(sentence(0, 1150, 800), 1.15), "X1.2": steps(sentence(30, 1150, 900, 230, 90), 1.15)}
    recording = Recording(replace(CALL, language=""), CALL_EVENTS, Sound([steps(mixture(), 45)], sources))
    told = await check_stage(ToyAsr(FINALS), ASR, recording, cuts=8, rounds=8)
    assert len(told[WORDS]) >= 5
