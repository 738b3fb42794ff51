"""What the stage says where it cannot say words, in which language it listens, and what it says last."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from speakerline.services.asr.decoding import SharedRecogniser
from speakerline.services.asr.engine import RATE, Piece, RecognisedWord, Recognition
from speakerline.services.asr.stage import WITHDRAWN_REVISION, AsrStage
from speakerline.shared.contract.v1 import Degraded, Gap, GapReason, Transcript
from speakerline.shared.logs import JsonLines
from speakerline.shared.runtime.isolation import ModelFailed
from speakerline.shared.runtime.stage import FOREVER, Event
from tests.asr.calls import turn, withdrawn
from tests.asr.toy import BROKEN, CALL, FINALS, LIVE, Sound, ToyAsr, heard, sentence, steps, words

POISON = GapReason.POISON


def opened(toy: ToyAsr, channels: int = 1) -> Any:
    return toy.open(replace(CALL, channels=channels), {}, Sound([]))


def talking(seconds: int = 40, options: Any = FINALS, channels: int = 1) -> ToyAsr:
    talk = steps(sentence(0, seconds * 1000, 100), seconds)
    return ToyAsr(options, Sound([talk] * channels))


def told(events: Sequence[Event]) -> list[tuple[int, Any]]:
    return [(event.position, event.body) for event in events]


@pytest.mark.parametrize(
    ("count", "confidence", "next_language"),
    [
        pytest.param(3, 0.5, "de", id="three words, as likely as not"),
        pytest.param(3, 0.49, "", id="less likely than not"),
        pytest.param(2, 0.99, "", id="two words"),
    ],
)
async def test_what_settles_the_language_of_a_channel(count: int, confidence: float, next_language: str) -> None:
    asked = []

    async def recognise(piece: Piece) -> Recognition:
        asked.append(piece.language)
        found = [RecognisedWord(text, 0.5 + at / 4, 0.7 + at / 4, 0.9) for at, text in enumerate("abc"[:count])]
        return Recognition(tuple(found), piece.language or "de", confidence)

    stage = AsrStage(SharedRecogniser(recognise, "toy"), FINALS)
    call = stage.open(replace(CALL, channels=2, language=""), {}, Sound([np.full(20 * RATE, 0.1, np.float32)] * 2))
    turns = [turn(3000, "T1", 1000, 2000), turn(6000, "T2", 4000, 5000), turn(7000, "T3", 4000, 6000, channel=1)]
    await call.push(turns, FOREVER)
    assert asked == ["", next_language, ""], "the other channel is listened to for its own"


async def test_an_utterance_waits_for_one_before_it_that_may_settle_its_language() -> None:
    """The language of the other channel is known by then."""
    toy = talking(channels=2)
    call = toy.open(replace(CALL, channels=2, language=""), {}, Sound([]))
    await call.push([turn(3000, "T1", 480, 2000)], 3000)
    both = [turn(6000, "T2", 4000, 5000), turn(6000, "T3", 4000, 5000, channel=1), turn(7000, "T4", 6000, 7000, "", 1)]
    await call.push(both, FOREVER)
    assert [piece.language for piece in toy.pieces] == ["", "en", "", "en"]


@pytest.mark.parametrize(("level", "behind_s", "given_up"), [(1, 30.0, False), (1, 30.1, True), (0, 99.0, False)])
async def test_under_overload_what_comes_more_than_half_a_minute_late_is_given_up(
    level: int, behind_s: float, given_up: bool
):
    call = opened(talking())
    call.shed(level, behind_s)
    ((at_ms, body),) = told((await call.push([turn(2000, "T1", 480, 1900)], 4000)).events)
    assert at_ms == 3000
    assert isinstance(body, Transcript) is not given_up
    if given_up:
        assert body == Degraded(480, 1900, "asr", "no words: more than 30 s behind")


async def test_with_a_language_that_is_not_known_all_that_are_known_are_named() -> None:
    toy = ToyAsr(FINALS, Sound([]), frozenset({"fr", "de", "en", "nl"}))
    (event,) = await heard([turn(3000, "T1", 480, 2000)], toy, replace(CALL, language="sv"))
    assert event.body == Degraded(480, 2000, "asr", "no words: toy knows de, en, fr, nl, not sv")


async def test_a_long_turn_that_fails_is_given_up_piece_by_piece_as_late_as_it_may_be_cut() -> None:
    call = opened(talking())
    for at in range(1000, 41_000, 1000):
        await call.push([turn(at, "T1", 0, at)], min(at, 19_000))
        if at == 20_000:
            break
    step = await call.skip(turn(21_000, "T1", 0, 21_000), 22_000, "three times")
    assert told(step.events) == [
        (21_000, Gap(0, 0, 20_000, POISON, "asr", "three times")),
        (21_000, Gap(0, 0, 21_000, POISON, "asr", "three times")),
    ]


async def test_an_entry_that_fails_becomes_a_gap_where_it_was_behind_what_fell_due() -> None:
    call = opened(talking(channels=2), channels=2)
    await call.push([turn(3000, "T1", 480, 2000)], 3000)
    late = await call.skip(turn(2900, "T2", 1000, 2800, channel=1), 5000, "three times")
    assert told(late.events) == [(2900, Gap(1, 1000, 2800, POISON, "asr", "three times"))]
    call = opened(talking(channels=2), channels=2)
    await call.push([turn(2500, "T1", 480, 2000)], 2500)
    both = await call.skip(turn(2900, "T2", 1000, 2800, channel=1), 5000, "three times")
    assert told(both.events) == [
        (3000, Gap(0, 480, 2000, POISON, "asr", "three times")),
        (3000, Gap(1, 1000, 2800, POISON, "asr", "three times")),
    ]
    assert both.through_ms == 5000


async def test_an_entry_without_times_is_a_gap_of_its_moment_and_no_entry_is_none() -> None:
    step = await opened(talking()).skip(withdrawn(4000, "T1"), 5000, "three times")
    assert told(step.events) == [(4000, Gap(0, 4000, 4000, POISON, "asr", "three times"))]
    assert (await opened(talking()).skip(None, 5000, "three times")).events == []


async def test_a_withdrawn_interim_is_ended_where_it_was_and_not_before_what_was_promised() -> None:
    call = opened(talking(options=LIVE))
    for at in (1000, 2000):
        shown = (await call.push([turn(at, "T1", 480, at)], at)).events
    await call.push([], 2400)
    name = shown[0].body.transcript_id
    ended = Transcript(name, WITHDRAWN_REVISION, 0, 480, 2000, True, engine="toy")
    assert told((await call.push([withdrawn(2600, "T1")], 2700)).events) == [(2600, ended)]


async def test_an_interim_is_told_as_one() -> None:
    """It is what the turn says so far, without the sound behind it."""
    toy = talking(options=LIVE)
    call = opened(toy)
    for at in (1000, 2000):
        found = (await call.push([turn(at, "T1", 480, at)], at)).events
    ((at_ms, one),) = told(found)
    assert at_ms == 2000
    assert (one.final, one.mixed, one.language, one.engine, one.start_ms, one.end_ms) == (
        False,
        False,
        "en",
        "toy",
        480,
        2000,
    )
    assert [piece.seconds for piece in toy.pieces] == [0.52, 1.52]


async def test_confidence_is_told_in_thousandths() -> None:
    async def recognise(piece: Piece) -> Recognition:
        return Recognition((RecognisedWord("so", 0.5, 0.7, 0.87654),), "en")

    stage = AsrStage(SharedRecogniser(recognise, "toy"), FINALS)
    call = stage.open(CALL, {}, Sound([np.full(9 * RATE, 0.1, np.float32)]))
    ((_, body),) = told((await call.push([turn(3000, "T1", 1000, 2000)], FOREVER)).events)
    assert [word.confidence for word in body.words] == [pytest.approx(0.877, abs=1e-6)]


async def test_without_interims_nothing_is_recognised_before_it_is_final() -> None:
    toy = talking()
    call = opened(toy)
    for at in (1000, 2000, 3000):
        assert (await call.push([turn(at, "T1", 480, at)], at)).events == []
    assert toy.pieces == []


async def test_interims_that_fail_cost_nothing_but_themselves() -> None:
    sound = Sound([steps(sentence(500, 2000, 100) | {BROKEN: (2200, 2400)}, 6)])
    call = opened(ToyAsr(LIVE, sound))
    assert (await call.push([turn(3000, "T1", 480, 3000)], 3000)).events == []
    sound.channels = [steps(sentence(500, 4500, 100), 6)]
    for at in (4000, 5000):
        found = (await call.push([turn(at, "T1", 480, at)], at)).events
    assert words(found)[:3] == [100, 101, 102]


async def test_a_failure_is_logged_without_what_the_model_said_of_it(caplog: pytest.LogCaptureFixture) -> None:
    """That may quote what it recognised."""

    async def recognise(piece: Piece) -> Recognition:
        raise ModelFailed("toy: ValueError: mellifluous", "raised")

    stage = AsrStage(SharedRecogniser(recognise, "toy"), LIVE)
    call = stage.open(CALL, {}, Sound([np.full(9 * RATE, 0.1, np.float32)]))
    await call.push([turn(3000, "T1", 1000, 3000)], 3000)
    await call.push([], FOREVER)
    logged = [JsonLines().format(record) for record in caplog.records]
    assert [json.loads(line)["event"] for line in logged] == ["no interim words", "utterance given up"]
    assert all('"reason": "raised"' in line and "mellifluous" not in line for line in logged)


async def test_the_stretch_without_interims_begins_with_the_first_turn_and_ends_with_the_call() -> None:
    call = opened(talking(options=LIVE, channels=2), channels=2)
    call.shed(1)
    both = [turn(2000, "T1", 900, 2000), turn(2000, "T2", 480, 2000, channel=1)]
    assert (await call.push(both, 2000)).events == []
    longer = [turn(3000, "T1", 900, 3000), turn(3000, "T2", 480, 3000, channel=1)]
    assert (await call.push(longer, 3000)).events == []
    *finals, mark = (await call.push([], FOREVER)).events
    assert all(isinstance(event.body, Transcript) for event in finals)
    assert told([mark]) == [(finals[-1].position, Degraded(480, 4000, "asr", "no interim words"))]


async def test_sound_is_kept_for_turns_that_are_found_late() -> None:
    step = await opened(talking(channels=2), channels=2).push([], 20_000)
    assert (step.through_ms, step.audio_from) == (20_000, {0: 7700 * 16, 1: 7700 * 16})
