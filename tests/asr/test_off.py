"""Asr that is switched off says nothing, holds no sound, and gives a call back at its first entry."""

import asyncio
from dataclasses import replace

from speakerline.services.asr.off import OffStage
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import ASR, PIPELINE, WORDS
from speakerline.shared.runtime.call import CallWork, Output, Unit
from speakerline.shared.runtime.commit import lows
from speakerline.shared.runtime.connection import connect
from speakerline.shared.runtime.log import CLOSING_ID
from speakerline.shared.runtime.stage import Stage
from tests.asr.calls import speaking
from tests.asr.toy import CALL, Sound
from tests.runtime.playing import a_call, frames_of, producing, timeline, until, working
from tests.runtime.toy_stages import STAGES


def test_asr_that_is_off_closes_its_words_at_the_first_entry_and_needs_nothing_more() -> None:
    announced = replace(CALL, channels=2)
    call, work = OffStage().open(announced, {}, Sound([])), CallWork(ASR, announced, {})
    step = asyncio.run(call.push(speaking((0, 2000))[:1], 200))
    work.stepped(Unit([], 200), step, 1.0)
    assert work.finished, "the worker gives the call back"
    assert work.uncommitted.outputs == [Output(WORDS, CLOSING_ID, None)]
    assert lows(work) == dict.fromkeys(("speech", "sources", "audio:0", "audio:1"), LAST_POSITION), "nothing is kept"
    assert call.snapshot() == {}


async def test_a_call_without_words_goes_on_and_ends_as_every_other(redis_url: str) -> None:
    redis = connect(redis_url)
    stages: dict[str, Stage] = {**STAGES, ASR.name: OffStage()}
    async with working(redis_url, stages=stages) as workers, producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        first, rest = frames_of(1, 100)[:50], frames_of(1, 100)[50:]
        for pcm in first:
            outgoing.send(pcm)
        await until(lambda: redis.hget("call:{c}:stage:asr", "finished"))
        await until(lambda: asyncio.sleep(0, not workers[PIPELINE.index(ASR)].shards[0].calls))
        for pcm in rest:
            outgoing.send(pcm)
        await outgoing.end()
        told = await timeline(redis_url, "c")
        await until(lambda: redis.hget("call:{c}:stage:aggregator", "finished"))
        lifetimes = [await redis.ttl(key) for key in await redis.keys("call:*")]
    await redis.aclose()
    assert b"call_ended" in told[-1]
    assert min(lifetimes) > 0, "the last stage gives every key a lifetime"
