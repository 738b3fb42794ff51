"""The stage with a recogniser whose words are in the sound: what is published, and where."""

from dataclasses import replace

import pytest

from speakerline.shared.contract.v1 import Degraded, Gap, GapReason, SeparationOutcome, Transcript
from speakerline.shared.pipeline import ASR, WORDS
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.recording import Recording
from speakerline.shared.runtime.stage import Event
from tests.asr.calls import overlap, separated, turn, withdrawn
from tests.asr.toy import BROKEN, CALL, FINALS, LIVE, Sound, ToyAsr, heard, mixture, number, sentence, steps, words
from tests.bodies import body


async def test_every_word_of_a_long_talk_comes_once_with_its_own_times():
    talk = mixture()
    toy = ToyAsr(FINALS, Sound([steps(talk, 42)]))
    found = await heard([turn(at, "T1", 480, min(at, 40_000)) for at in range(1000, 41_000, 1000)], toy)
    assert words(found) == list(talk)
    times = {number(w.text): (w.start_ms, w.end_ms) for event in found for w in body(event).words}
    assert times == talk
    assert len(found) >= 2, "it was cut"


async def test_a_cut_lies_in_a_pause_where_there_is_one():
    talk = sentence(500, 14_000, 100, 210, 200) | sentence(14_300, 30_000, 300, 210, 200)
    toy = ToyAsr(FINALS, Sound([steps(talk, 32)]))
    first, *_ = await heard([turn(at, "T1", 480, at) for at in range(1000, 30_000, 1000)], toy)
    assert 14_000 <= body(first).end_ms <= 14_300


def a_separated_overlap() -> tuple[list[Event], Sound]:
    """Two people speak at once from 3 to 4 s: the mixture has words 800 and more, the sources 200 and 300 and more."""
    alone, over, other = sentence(500, 3000, 100), sentence(3000, 4000, 200), sentence(3000, 4000, 300)
    after = sentence(4000, 4900, 400)
    both = {600 + at: span for at, span in enumerate(over.values(), 200)}
    sources = {"O1.0": steps(over, 4)[3000 * 16 :], "O1.1": steps(other, 4)[3000 * 16 :]}
    events = [
        overlap(5000, "O1", 3000, 4000),
        turn(5000, "T1", 450, 4900),
        turn(5000, "T2", 3000, 4000, "S2"),
        separated(7000, "O1", 3000, 4000),
    ]
    return events, Sound([steps({**alone, **both, **after}, 6)], sources)


async def test_a_separated_overlap_is_heard_in_the_mixture_and_in_each_source():
    events, sound = a_separated_overlap()
    toy = ToyAsr(FINALS, sound)
    mixture, one, other = await heard(events, toy)
    told = words([mixture])
    assert [at // 100 for at in told] == [1] * 10 + [8] * 4 + [4] * 3, "in one go, and as if nothing were separated"
    assert {word.source_id for word in body(mixture).words} == {""} and not body(mixture).mixed
    assert [(number(w.text), w.source_id) for w in body(one).words] == [(200 + at, "O1.0") for at in range(4)]
    assert [(number(w.text), w.source_id) for w in body(other).words] == [(300 + at, "O1.1") for at in range(4)]
    assert [piece.seconds for piece in toy.pieces] == [pytest.approx(5.05), pytest.approx(4.0), pytest.approx(1.6)]


@pytest.mark.parametrize(
    ("doubtful", "left", "gone"), [(0.4, {1, 2, 3, 4, 8}, 0), (0.5, {1, 2, 3, 4}, 4), (0.95, {1, 4}, 12)]
)
async def test_of_a_separated_overlap_only_words_that_the_recogniser_believes_are_told(
    doubtful: float, left: set[int], gone: int
):
    """It gives every word 0.9, and what several speak into is worth half of that."""
    events, sound = a_separated_overlap()
    toy = ToyAsr(FINALS, sound, doubtful=doubtful)
    found = await heard(events, toy)
    assert {at // 100 for at in words(found)} == left
    assert toy.guarded.get("doubtful", 0) == gone


async def test_a_source_whose_sound_is_gone_says_nothing():
    events, sound = a_separated_overlap()
    del sound.sources["O1.1"]
    assert {at // 100 for at in words(await heard(events, ToyAsr(FINALS, sound)))} == {1, 2, 4, 8}


async def test_voices_that_were_not_separated_are_marked_and_their_words_less_certain():
    toy = ToyAsr(FINALS, Sound([steps(sentence(500, 4900, 100), 6)]))
    failed = separated(6000, "O1", 3000, 4000, outcome=SeparationOutcome.SHED)
    (event,) = await heard([overlap(5000, "O1", 3000, 4000), turn(5000, "T1", 480, 4900), failed], toy)
    assert body(event).mixed
    inside = [word.confidence for word in body(event).words if 3000 <= (word.start_ms + word.end_ms) / 2 < 4000]
    outside = [word.confidence for word in body(event).words if not 2900 <= word.start_ms < 4000]
    assert max(inside) < min(outside)


async def test_words_outside_of_all_turns_are_dropped_and_counted():
    toy = ToyAsr(FINALS, Sound([steps({100: (1000, 1200), 101: (2250, 2450)}, 4)]))
    (event,) = await heard([turn(3000, "T1", 900, 2000)], toy)
    assert words([event]) == [100]
    assert toy.guarded["outside"] == 1


async def test_what_the_model_fails_on_becomes_a_gap_and_the_call_goes_on():
    talk = {100: (1000, 1200), BROKEN: (5000, 5200), 102: (9000, 9200)}
    toy = ToyAsr(FINALS, Sound([steps(talk, 12)]))
    found = await heard([turn(at, f"T{at}", at - 1100, at - 700) for at in (2000, 6000, 10_000)], toy)
    assert [type(event.body) for event in found] == [Transcript, Gap, Transcript]
    gap = body(found[1])
    assert (gap.reason, gap.stage, gap.start_ms, gap.end_ms) == (GapReason.POISON, "asr", 4900, 5300)
    assert gap.detail == "toy: no answer for 1 s"


async def test_silence_publishes_nothing():
    assert await heard([turn(3000, "T1", 900, 2000)], ToyAsr(FINALS, Sound([steps({}, 4)]))) == []


async def test_a_language_that_the_recogniser_does_not_know_is_said_and_not_guessed_at():
    toy = ToyAsr(FINALS, Sound([steps(sentence(500, 2000, 100), 4)]), frozenset({"en"}))
    (event,) = await heard([turn(3000, "T1", 480, 2000)], toy, replace(CALL, language="de"))
    assert isinstance(event.body, Degraded)
    assert (body(event).start_ms, body(event).end_ms, body(event).shed) == (480, 2000, "no words: toy knows en, not de")
    assert toy.pieces == []


@pytest.mark.parametrize("language", ["EN", "en-US", "en_GB"])
async def test_a_language_with_its_region_is_that_language(language: str):
    toy = ToyAsr(FINALS, Sound([steps(sentence(500, 2000, 100), 4)]), frozenset({"en"}))
    (event,) = await heard([turn(3000, "T1", 480, 2000)], toy, replace(CALL, language=language))
    assert body(event).language == "en"
    assert [piece.language for piece in toy.pieces] == ["en"]


async def test_the_language_is_listened_for_until_an_utterance_settles_it():
    talk = {100: (1000, 1200)} | sentence(4000, 5500, 200) | sentence(8000, 9500, 300)
    toy = ToyAsr(FINALS, Sound([steps(talk, 12)]))
    turns = [turn(2000, "T1", 900, 1300), turn(6000, "T2", 3900, 5600), turn(10_000, "T3", 7900, 9600)]
    await heard(turns, toy, replace(CALL, language=""))
    assert [piece.language for piece in toy.pieces] == ["", "", "en"]


async def test_under_overload_there_are_no_interims_and_the_stretch_is_marked():
    toy = ToyAsr(LIVE, Sound([steps(sentence(500, 9000, 100), 12)]))
    call = toy.open(CALL, {}, Sound([]))
    call.shed(1)
    for at in range(1000, 5000, 1000):
        assert (await call.push([turn(at, "T1", 480, at)], at)).events == []
    call.shed(0)
    interim_or_mark = (await call.push([turn(5000, "T1", 480, 5000)], 5000)).events
    (mark,) = [event.body for event in interim_or_mark if isinstance(event.body, Degraded)]
    assert (mark.start_ms, mark.end_ms, mark.stage, mark.shed) == (480, 5000, "asr", "no interim words")


async def test_a_call_that_catches_up_holds_the_sound_of_few_utterances_at_a_time():
    count = 3 * 16
    talk = {100 + at: (at * 2000 + 1000, at * 2000 + 1200) for at in range(count)}
    toy = ToyAsr(FINALS, Sound([steps(talk, 2 * count + 2)]))
    found = await heard(
        [turn(at * 2000 + 2000, f"T{at}", at * 2000 + 900, at * 2000 + 1300) for at in range(count)], toy
    )
    assert words(found) == list(talk)
    assert toy.at_once == 16


async def test_skip_marks_what_falls_due_as_a_gap():
    toy = ToyAsr(FINALS, Sound([steps(sentence(500, 2000, 100), 4)]))
    call = toy.open(CALL, {}, Sound([]))
    await call.push([turn(3000, "T1", 480, 2000)], 2999)
    (event,) = (await call.skip(None, 5000, "three times")).events
    assert (event.position, body(event).start_ms, body(event).end_ms, body(event).detail) == (
        3000,
        480,
        2000,
        "three times",
    )


CALL_EVENTS = [
    *(turn(at, "T1", 480, min(at, 26_100)) for at in range(1000, 28_000, 1000)),
    overlap(27_000, "O1", 25_000, 26_000),
    turn(27_000, "T2", 25_000, 26_900, "S2"),
    overlap(31_000, "O2", 29_500, 30_200),
    turn(31_000, "T3", 28_000, 30_300),
    separated(32_000, "O1", 24_900, 26_050),
    turn(33_000, "T4", 29_500, 32_500, "S2"),
    separated(36_000, "O2", 29_500, 30_200, outcome=SeparationOutcome.FAILED),
    withdrawn(37_000, "T2"),
    turn(38_000, "T5", 36_000, 37_500, "S3"),
]


async def test_it_keeps_every_rule_of_a_stage() -> None:
    sources = {"O1.0": steps(sentence(0, 1150, 800), 1.15), "O1.1": steps(sentence(0, 1150, 900), 1.15)}
    recording = Recording(replace(CALL, language=""), CALL_EVENTS, Sound([steps(mixture(), 45)], sources))
    told = await check_stage(ToyAsr(FINALS), ASR, recording, cuts=8, rounds=8)
    assert len(told[WORDS]) >= 6
