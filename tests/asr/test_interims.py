"""Words are shown while people speak, stay, and end in finals."""

from itertools import pairwise

from speakerline.services.asr.stage import WITHDRAWN_REVISION
from speakerline.shared.contract.v1 import Gap, Transcript
from speakerline.shared.runtime.stage import FOREVER
from tests.asr.calls import turn, withdrawn
from tests.asr.toy import BROKEN, CALL, FINALS, LIVE, Sound, ToyAsr, heard, mixture, number, sentence, steps, words
from tests.bodies import body


async def test_words_are_shown_while_the_turn_grows_and_the_final_replaces_them():
    talk = sentence(500, 4000, 100)
    toy = ToyAsr(LIVE, Sound([steps(talk, 6)]))
    call = toy.open(CALL, {}, Sound([]))
    shown = []
    for at in range(1000, 5000, 1000):
        step = await call.push([turn(at, "T1", 480, at)], at)
        shown += step.events
        call = toy.open(CALL, dict(call.snapshot()), Sound([]))
    interims = [body(event) for event in shown]
    assert [one.final for one in interims] == [False] * 3
    assert [one.revision for one in interims] == [2, 3, 4]
    for before, after in pairwise(interims):
        assert [word.text for word in after.words][: len(before.words)] == [word.text for word in before.words]
        assert len(after.words) > len(before.words)
    (final,) = (await call.push([], 6000)).events
    assert (body(final).transcript_id, body(final).final) == (interims[0].transcript_id, True)
    assert body(final).revision > interims[-1].revision
    assert words([final]) == list(talk)


async def test_words_behind_a_cut_go_on_being_shown():
    """A talk of 30 s is cut: the words that were shown behind the cut have another name then, and stay."""
    toy = ToyAsr(LIVE, Sound([steps(sentence(500, 30_000, 100), 62)]))
    call = toy.open(CALL, {}, Sound([]))
    told: dict[str, Transcript] = {}
    before: set[int] = set()
    for at in range(1000, 28_000, 1000):
        for event in (await call.push([turn(at, "T1", 480, at)], at)).events:
            known = told.get(body(event).transcript_id)
            assert known is None or known.revision < body(event).revision
            told[body(event).transcript_id] = body(event)
        call = toy.open(CALL, dict(call.snapshot()), Sound([]))
        seen = [number(word.text) for one in told.values() for word in one.words]
        assert len(set(seen)) == len(seen)
        assert before <= set(seen)
        before = set(seen)
    assert [one.final for one in told.values()] == [True, False]


async def test_words_behind_a_cut_stand_where_the_rest_ends_at_once_and_fails():
    talk = sentence(500, 30_000, 100)
    sound = Sound([steps(talk, 40)])
    call = ToyAsr(LIVE, sound).open(CALL, {}, Sound([]))
    told: dict[str, Transcript] = {}
    for at in range(1000, 21_000, 1000):
        told |= {body(one).transcript_id: body(one) for one in (await call.push([turn(at, "T1", 480, at)], at)).events}
    shown = {number(word.text) for one in told.values() for word in one.words}
    sound.channels = [steps({**talk, BROKEN: (20_300, 20_500)}, 40)]
    ended = (await call.push([turn(21_000, "T1", 480, 20_900)], FOREVER)).events
    assert [type(event.body) for event in ended] == [Transcript, Transcript, Gap]
    assert shown <= set(words(ended))
    assert len(set(words(ended))) == len(words(ended))


async def test_what_was_shown_of_an_utterance_that_is_skipped_stands():
    toy = ToyAsr(LIVE, Sound([steps(sentence(500, 6000, 100), 8)]))
    call = toy.open(CALL, {}, Sound([]))
    for at in (1000, 2000, 3000):
        shown = next(iter((await call.push([turn(at, "T1", 480, at)], at)).events), None)
    assert shown is not None
    final, gap = (body(event) for event in (await call.skip(None, 9000, "failed three times")).events)
    assert (final.transcript_id, final.final, final.words) == (body(shown).transcript_id, True, body(shown).words)
    assert (gap.start_ms, gap.detail) == (480, "failed three times")


async def test_finals_are_the_same_with_and_without_interims():
    toy = ToyAsr(LIVE, Sound([steps(mixture(), 42)]))
    call = toy.open(CALL, {}, Sound([]))
    found = []
    turns = [turn(at, "T1", 480, min(at, 40_000)) for at in range(1000, 41_000, 1000)]
    for event in turns:
        found += (await call.push([event], event.position)).events
    found += (await call.push([], FOREVER)).events
    without = await heard(turns, ToyAsr(FINALS, Sound([steps(mixture(), 42)])))
    assert [event for event in found if body(event).final] == without
    assert any(not body(event).final for event in found)


async def test_an_interim_whose_turn_is_withdrawn_is_ended_by_an_empty_final():
    toy = ToyAsr(LIVE, Sound([steps(sentence(500, 4000, 100), 6)]))
    call = toy.open(CALL, {}, Sound([]))
    for at in (1000, 2000):
        last = await call.push([turn(at, "T1", 480, at)], at)
    (end,) = (await call.push([withdrawn(3000, "T1")], 3000)).events
    assert body(end).transcript_id == body(last.events[0]).transcript_id
    assert (body(end).final, body(end).words, body(end).revision) == (True, [], WITHDRAWN_REVISION)


async def test_words_that_were_shown_stand_when_the_model_fails_on_the_final():
    toy = ToyAsr(LIVE, Sound([steps(sentence(500, 2500, 100) | {BROKEN: (2600, 2800)}, 5)]))
    call = toy.open(CALL, {}, Sound([]))
    for at in (1000, 2000):
        shown = await call.push([turn(at, "T1", 480, at)], at)
    await call.push([turn(3000, "T1", 480, 2900)], 3000)
    final, gap = (await call.push([], 6000)).events
    assert body(final).final and words([final]) == words(shown.events)
    assert isinstance(gap.body, Gap)
