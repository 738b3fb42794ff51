"""What is given up, what stays on show and what is not even tried, where the stage is behind or fails."""

import pytest

from speakerline.services.asr.stage import WITHDRAWN_REVISION
from speakerline.shared.contract.v1 import Degraded, Gap, GapReason
from speakerline.shared.runtime.stage import FOREVER
from tests.asr.calls import overlap, turn
from tests.asr.test_answers import opened, talking, told
from tests.asr.toy import BROKEN, LIVE, Sound, ToyAsr, sentence, steps, words
from tests.bodies import body


async def test_a_long_turn_that_is_skipped_is_given_up_piece_by_piece_each_as_long_as_it_may_be() -> None:
    call = opened(talking())
    for at in range(1000, 22_000, 1000):
        await call.push([turn(at, "T1", 0, at)], min(at, 20_000))
    step = await call.skip(None, 23_000, "three times")
    assert told(step.events) == [
        (21_000, Gap(0, 0, 19_999, GapReason.POISON, "asr", "three times")),
        (22_000, Gap(0, 19_999, 21_000, GapReason.POISON, "asr", "three times")),
    ]


async def test_words_that_were_shown_behind_what_is_skipped_stay_on_show() -> None:
    """An overlap that is found late makes the turn end there for now."""
    call = opened(talking(options=LIVE))
    for at in range(1000, 21_000, 1000):
        await call.push([turn(at, "T1", 480, at)], at)
    late = [overlap(21_000, "O1", 15_000, 16_000), turn(21_000, "T1", 480, 21_000)]
    shown = (await call.push(late, 20_000)).events
    final, gap, interim = (body(event) for event in (await call.skip(None, 21_000, "three times")).events)
    assert (final.final, gap.end_ms, interim.final) == (True, final.end_ms, False)
    assert final.transcript_id != interim.transcript_id
    assert (interim.language, interim.mixed) == ("en", False)
    assert [*final.words, *interim.words] == body(shown[0]).words


@pytest.mark.parametrize(("through_ms", "told_now"), [(5000, False), (FOREVER, True)])
async def test_the_stretch_without_interims_is_told_at_the_end_even_if_that_is_skipped(
    through_ms: int, told_now: bool
) -> None:
    call = opened(talking(options=LIVE))
    call.shed(1)
    for at in (1000, 2000, 3000):
        await call.push([turn(at, "T1", 480, at)], at)
    events = [event.body for event in (await call.skip(None, through_ms, "three times")).events]
    assert (Degraded(480, 4000, "asr", "no interim words") in events) is told_now


async def test_the_stretch_without_interims_is_told_behind_what_was_promised() -> None:
    call = opened(talking(options=LIVE))
    call.shed(1)
    for at in (1000, 2000, 3000):
        await call.push([turn(at, "T1", 480, at)], at)
    await call.push([], 3400)
    call.shed(0)
    assert told((await call.push([], 3500)).events) == [(3401, Degraded(480, 3000, "asr", "no interim words"))]
    assert told((await call.push([], 3600)).events) == [], "once"


async def test_an_interim_that_failed_is_tried_again_with_the_next_event_and_not_before() -> None:
    toy = ToyAsr(LIVE, Sound([steps(sentence(500, 900, 100) | {BROKEN: (900, 1000)}, 6)]))
    call = opened(toy)
    await call.push([turn(1000, "T1", 480, 1000)], 1000)
    for through_ms in (1200, 1400):
        await call.push([], through_ms)
    assert len(toy.pieces) == 1
    await call.push([turn(1600, "T9", 0, 50)], 1600)
    assert len(toy.pieces) == 2


async def test_a_final_goes_before_all_interims() -> None:
    toy = talking(options=LIVE, channels=2)
    call = opened(toy, channels=2)
    await call.push([turn(2000, "T1", 480, 1900)], 2000)
    (final,) = (await call.push([turn(3000, "T2", 480, 3000, channel=1)], 3000)).events
    assert body(final).final
    assert len(toy.pieces) == 2, "the interim of the first turn, and its final"


def test_no_revision_is_higher_than_that_of_a_withdrawn_interim() -> None:
    """It is the highest that a signed number of 32 bits holds, for clients that have no other."""
    assert WITHDRAWN_REVISION == 2_147_483_647


async def test_a_turn_ends_on_the_grid_of_seconds_unless_told_otherwise() -> None:
    call = opened(talking())
    assert words((await call.push([turn(2000, "T1", 480, 1400)], 2999)).events) == []
    assert words((await call.push([], 3000)).events)
