"""Erasing a call: everything goes, also while it runs, and nothing brings it back."""

import asyncio

import pytest
from redis.asyncio import Redis

from speakerline.shared.client.forget import Erased, forget, forget_each
from speakerline.shared.client.producer import ProducerError
from speakerline.shared.codec import write_call
from speakerline.shared.keys import CALLS, FIREHOSE, REWRITE_PAUSE, forgotten_key, loads_key
from speakerline.shared.pipeline import PIPELINE
from speakerline.shared.runtime.ending import end
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, until, working
from tests.runtime.reference import numbered, timeline_of


async def everything(redis: Redis) -> set[bytes]:
    keys: list[bytes] = await redis.execute_command("KEYS", "*")
    return {key for key in keys if not key.startswith((b"wake:", b"calls:wake:"))}


async def test_a_finished_call_is_gone_with_its_events_in_the_firehose(redis_url: str, redis: Redis) -> None:
    async with working(redis_url), producing(redis_url) as producer:
        for call_id in ("erased", "kept"):
            await play(producer, a_call(call_id), frames_of(1, 30, {7: 1}))
            await timeline(redis_url, call_id)
        kept = await redis.execute_command("XRANGE", "call:{kept}:timeline", "-", "+")
        assert (await forget(redis_url, "erased")).deleted > 10
        assert await redis.keys("call:{erased}:*") == []
        firehose = await redis.execute_command("XRANGE", "timeline", "-", "+")
        assert {dict(zip(flat[::2], flat[1::2], strict=True))[b"call_id"] for _, flat in firehose} == {b"kept"}
        assert await redis.execute_command("XRANGE", "call:{kept}:timeline", "-", "+") == kept


async def test_a_running_call_stays_gone_whatever_its_producer_still_sends(redis_url: str, redis: Redis) -> None:
    frames = frames_of(2, 60)
    async with working(redis_url) as workers, producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        for pcm in frames[:30]:
            outgoing.send(pcm)
            await asyncio.sleep(0.005)
        await forget(redis_url, "c")
        with pytest.raises(ProducerError, match="was erased"):
            for number in range(1000):
                outgoing.send(frames[30 + number % 30])
                await asyncio.sleep(0.02)
        await until(lambda: not any(worker.calls for worker in workers))
        await asyncio.sleep(0.7)
        loads = {loads_key(spec.name).encode() for spec in PIPELINE}
        rest = {b"calls", forgotten_key("c").encode(), b"timeline", REWRITE_PAUSE.encode()}
        assert await everything(redis) <= rest | loads
        assert await redis.xlen(CALLS) == 0
        assert await redis.xlen("timeline") == 0
        assert await redis.ttl(forgotten_key("c")) > 0


async def test_the_id_of_an_erased_call_can_be_used_by_a_new_producer(redis_url: str, redis: Redis) -> None:
    frames = frames_of(3, 20)
    async with working(redis_url), producing(redis_url) as first, producing(redis_url) as second:
        await first.start(a_call("c"))
        await forget(redis_url, "c")
        await play(second, a_call("c"), frames)
        assert await timeline(redis_url, "c")


async def test_announcements_that_nobody_has_taken_go_too(redis_url: str, redis: Redis) -> None:
    for call_id in ("erased", "kept", "erased"):
        await redis.execute_command("XADD", CALLS, "*", "event", write_call(a_call(call_id)))
    assert (await forget(redis_url, "erased")).deleted == 2
    assert await redis.xlen(CALLS) == 1


async def test_other_calls_are_not_disturbed_by_one_erasure_after_another(redis_url: str) -> None:
    """Of announced and of running calls, by several at once, while workers take, commit, hand over and finish."""
    frames = {f"c{number}": frames_of(number, 60) for number in range(6)}
    erased = 0

    async def erase(kind: str) -> None:
        nonlocal erased
        while True:
            outgoing = await producer.start(a_call(f"{kind}-{erased}"))
            outgoing.send(frames["c0"][0])
            assert (await forget(redis_url, outgoing.call.call_id)).deleted
            erased += 1

    async with producing(redis_url) as producer:
        erasing = [asyncio.create_task(erase(kind)) for kind in ("one", "another")]
        playing = [asyncio.create_task(_play(redis_url, name, frames[name])) for name in frames]
        for _ in range(2):
            async with working(redis_url):
                await asyncio.sleep(1.0)
        async with working(redis_url):
            timelines = dict(zip(frames, await asyncio.gather(*playing), strict=True))
        assert erased > 10 and not any(task.done() for task in erasing)
        await end(erasing)
    for number, name in enumerate(frames):
        assert timelines[name] == await asyncio.to_thread(timeline_of, a_call(name), numbered(frames_of(number, 60)))


async def test_no_key_without_a_lifetime_is_left_of_calls_that_ended_or_were_erased_while_they_ran(
    redis_url: str, redis: Redis
) -> None:
    calls = {f"c{number}": frames_of(number, 20) for number in range(20)}
    async with producing(redis_url) as producer, working(redis_url) as workers:
        started = {name: await producer.start(a_call(name)) for name in calls}
        for name, frames in calls.items():
            for pcm in frames[:12]:
                started[name].send(pcm)
        await until(lambda: redis.exists("call:{c7}:timeline"))
        assert (await forget(redis_url, "c7", "c17")).deleted
        for name, frames in calls.items():
            if name not in ("c7", "c17"):
                for pcm in frames[12:]:
                    started[name].send(pcm)
                await started[name].end()
                assert await timeline(redis_url, name)
        await until(lambda: not any(worker.calls for worker in workers))
    lasting = {key for key in await redis.keys("*") if await redis.ttl(key) == -1}
    assert lasting <= {b"calls", b"timeline", *(f"calls:wake:{spec.name}".encode() for spec in PIPELINE)}


async def _play(url: str, name: str, frames: list[bytes]) -> list[bytes]:
    async with producing(url) as producer:
        await play(producer, a_call(name), frames, 0.03)
    return await timeline(url, name)


async def test_of_several_calls_each_is_told_what_of_it_was_erased(redis_url: str, redis: Redis) -> None:
    for call_id in ("a", "b", "a", "kept"):
        await redis.execute_command("XADD", FIREHOSE, "*", "call_id", call_id)
    await redis.execute_command("XADD", CALLS, "*", "event", write_call(a_call("b")))
    erased = await forget_each(redis_url, "nobody", "b", "a", "a")
    assert erased == {"nobody": Erased(0, ""), "b": Erased(2, ""), "a": Erased(2, "")}
    assert await redis.xlen(FIREHOSE) == 1


async def test_erasing_what_is_not_there_is_no_error(redis_url: str) -> None:
    assert await forget(redis_url, "nobody") == Erased(0, "")
