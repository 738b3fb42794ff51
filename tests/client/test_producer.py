"""The producer: who may send a call, what is an error at the door, and what is put right silently."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from speakerline.shared.client.producer import CallTaken, Producer, ProducerError
from speakerline.shared.codec import InvalidEvent
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.shared.keys import LAST_POSITION, audio_key, stage_key
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard, connect
from tests.redis_server import RedisServer
from tests.runtime.playing import a_call, frames_of, outliving, play, producing, timeline, until, working
from tests.runtime.reference import numbered, timeline_of


async def audio(redis: Redis, call_id: str = "c") -> list[tuple[int, dict[bytes, bytes]]]:
    """Frames of channel 0, the opening entry left out."""
    entries = await redis.execute_command("XRANGE", f"call:{{{call_id}}}:audio:0", "-", "+")
    return [(int(raw_id.split(b"-")[0]), dict(zip(flat[::2], flat[1::2], strict=True))) for raw_id, flat in entries[1:]]


async def test_frames_lie_at_the_position_where_their_sound_ends(redis_url: str, redis: Redis) -> None:
    async with producing(redis_url) as producer:
        await play(producer, a_call("c"), [b"a" * 160, b"b" * 80])
    first, second, closing = await audio(redis)
    assert (first[0], first[1][b"pcm"]) == (160, b"a" * 160)
    assert (second[0], second[1][b"pcm"]) == (240, b"b" * 80)
    assert abs(float(first[1][b"audio_at"]) - time.time()) < 10
    assert (closing[0], closing[1][b"end"]) == (LAST_POSITION, b"hangup")


async def test_two_producers_on_one_call_are_one_too_many(redis_url: str) -> None:
    async with producing(redis_url) as first, producing(redis_url) as second:
        await first.start(a_call("c"))
        with pytest.raises(ProducerError, match="'c' already exists, begun by another producer"):
            await second.start(a_call("c"))
        with pytest.raises(ProducerError, match="already being sent by this producer"):
            await first.start(a_call("c"))


async def test_a_producer_that_came_back_goes_on_with_its_call(redis_url: str) -> None:
    frames = frames_of(1, 30)
    async with working(redis_url):
        async with producing(redis_url, producer_id="gateway-1") as producer:
            outgoing = await producer.start(a_call("c"))
            for pcm in frames[:12]:
                outgoing.send(pcm)
            await outgoing.drain()
        async with producing(redis_url, producer_id="gateway-1") as producer:
            outgoing = await producer.start(a_call("c"))
            for end, pcm in numbered(frames)[8:]:
                outgoing.send(pcm, end_sample=end)
            await outgoing.end()
        assert await timeline(redis_url, "c") == await asyncio.to_thread(timeline_of, a_call("c"), numbered(frames))


async def test_frames_out_of_order_and_doubled_within_the_window_are_put_right(redis_url: str) -> None:
    frames = frames_of(2, 60)
    rng = random.Random(3)
    sent = [
        one
        for pair in zip(numbered(frames)[::2], numbered(frames)[1::2], strict=True)
        for one in (*pair[::-1], pair[0])
    ]
    async with working(redis_url), producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        for end, pcm in sent:
            outgoing.send(pcm, end_sample=end)
            if rng.random() < 0.2:
                await outgoing.drain()
        await outgoing.end()
        assert await timeline(redis_url, "c") == await asyncio.to_thread(timeline_of, a_call("c"), numbered(frames))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"call_id": ""}, "call id ''", id="no call id"),
        pytest.param({"call_id": "a{b}"}, "call id 'a{b}'", id="a call id with braces"),
        pytest.param({"call_id": "x" * 10_000}, "10000 characters", id="a call id of 10,000 characters"),
        pytest.param({"sample_rate": 44_100}, "sample_rate 44100: expected 8000 or 16000", id="a strange rate"),
        pytest.param({"encoding": Encoding.UNSPECIFIED}, "expected ENCODING_MULAW", id="no encoding"),
        pytest.param({"channels": 20}, "channels 20: expected 1 to 8", id="20 channels"),
        pytest.param(
            {"expected_speakers": 5, "max_speakers": 2}, "expected_speakers 5: more than max_speakers 2", id="speakers"
        ),
    ],
)
async def test_a_call_that_makes_no_sense_is_refused_with_the_value(
    redis_url: str, fields: dict[str, Any], message: str
) -> None:
    good: dict[str, Any] = {"call_id": "c", "sample_rate": 8000, "encoding": Encoding.MULAW, "channels": 1}
    async with producing(redis_url) as producer:
        with pytest.raises(InvalidEvent, match=message.replace("{", r"\{").replace("}", r"\}")):
            await producer.start(CallStarted(**{**good, **fields}))


async def test_a_frame_that_can_not_be_is_refused_with_the_value(redis_url: str) -> None:
    async with producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        with pytest.raises(ProducerError, match="channel 1: call 'c' has 0 to 0"):
            outgoing.send(b"x", channel=1)
        with pytest.raises(ProducerError, match="end_sample 99999999999999"):
            outgoing.send(b"x", end_sample=99_999_999_999_999)
        with pytest.raises(ProducerError, match="end_sample -5"):
            outgoing.send(b"x", end_sample=-5)
        frames: list[Any] = [np.zeros(160, np.int16), "text", None]
        for frame, kind in zip(frames, ("ndarray", "str", "NoneType"), strict=True):
            with pytest.raises(TypeError, match=f"a frame of type {kind}: expected bytes"):
                outgoing.send(frame)
        outgoing.send(b"")
        await outgoing.end()
        with pytest.raises(ProducerError, match="has ended"):
            outgoing.send(b"x")


async def test_ending_twice_is_ending_once(redis_url: str, redis: Redis) -> None:
    async with producing(redis_url) as producer:
        outgoing = await play(producer, a_call("c"), [b"a" * 160])
        await outgoing.end()
    assert len(await audio(redis)) == 2


async def test_a_frame_of_ten_megabytes_is_cut(redis_url: str, redis: Redis) -> None:
    async with producing(redis_url, limit_s=1e6) as producer:
        outgoing = await producer.start(a_call("c"), buffer_s=1e6)
        outgoing.send(bytes(10_000_000))
        await outgoing.end()
    frames = await audio(redis)
    assert sum(len(fields.get(b"pcm", b"")) for _, fields in frames) == 10_000_000
    assert max(len(fields.get(b"pcm", b"")) for _, fields in frames) == 8000


async def test_a_redis_that_is_not_there_is_an_error_after_the_producers_patience() -> None:
    server = RedisServer()
    async with producing(server.url, patience_s=0.3) as producer:
        with pytest.raises(ProducerError, match=r"'c' could not be announced within 0\.3 s"):
            await producer.start(a_call("c"))
    server.close()


async def test_closing_the_producer_lets_nobody_wait() -> None:
    server = RedisServer().start()
    producer = Producer(server.url)
    outgoing = await producer.start(a_call("c"))
    server.kill()
    outgoing.send(bytes(800))
    ending = asyncio.create_task(outgoing.end())
    await asyncio.sleep(0.1)
    await producer.aclose()
    with pytest.raises(ProducerError, match="producer was closed"):
        await asyncio.wait_for(ending, 20)
    server.close()


async def test_finished_calls_are_not_kept(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with producing(redis_url) as producer:
        for number in range(5):
            outgoing = await play(producer, a_call(f"c{number}"), frames_of(number, 5))
            for outbox in outgoing.outboxes:
                outbox._replay_s = 0.0
        last = await producer.start(a_call("last"))
        await last.drain()

        def only_the_last() -> bool:
            producer._senders[0].wake(last)
            return list(producer._senders[0]._calls) == ["last"]

        await until(only_the_last)


async def test_an_end_that_redis_loses_is_sent_again_by_a_producer_that_has_nothing_else_to_send(
    new_redis_server: Callable[..., RedisServer],
) -> None:
    server = new_redis_server(aof=True)
    redis = connect(server.url)
    async with producing(server.url) as producer:
        outgoing = await producer.start(a_call("c"))
        outgoing.send(bytes(800))
        await outgoing.drain()
        size = server.log.stat().st_size
        await outgoing.end()
        server.kill()
        server.cut_log(size)
        await asyncio.to_thread(server.start)
        await until(lambda: outliving(lambda: audio_of_end(redis)))
    await redis.aclose()


async def audio_of_end(redis: Redis) -> list[int]:
    return [position for position, _ in await audio(redis) if position == LAST_POSITION]


@pytest.mark.parametrize("spoilt", [audio_key("bad", 0), stage_key("bad", "vad")])
async def test_one_call_whose_keys_are_spoilt_fails_alone(redis_url: str, redis: Redis, spoilt: str) -> None:
    async with producing(redis_url) as producer:
        first, bad, last = [await producer.start(a_call(name)) for name in ("first", "bad", "last")]
        await redis.delete(spoilt)
        await redis.rpush(spoilt, "something else")
        for call in (first, bad, last):
            call.send(bytes(800))
        with pytest.raises(ProducerError, match="refused its frames"):
            await bad.end()
        for call in (first, last):
            await call.end()


async def test_a_call_that_must_be_new_is_not_continued(redis_url: str) -> None:
    async with producing(redis_url) as producer:
        await (await producer.start(a_call("c"))).end()
        with pytest.raises(CallTaken, match="'c' already exists, begun by this producer"):
            await producer.start(a_call("c"), resume=False)
        await producer.start(a_call("d"), resume=False)


async def test_a_new_call_is_new_where_the_answer_to_its_announcement_was_lost(
    redis_url: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, answers = scripts.run, list[bytes]()

    async def lose_the_first_answer(client: Shard, name: str, *given: Any) -> Any:
        answer = await run(client, name, *given)
        if name == "start":
            answers.append(answer)
            if len(answers) == 1:
                raise RedisConnectionError("Connection closed by server.")
        return answer

    monkeypatch.setattr(scripts, "run", lose_the_first_answer)
    async with producing(redis_url) as producer:
        await producer.start(a_call("c"), resume=False)
        with pytest.raises(CallTaken, match="already being sent"):
            await producer.start(a_call("c"), resume=False)
    assert answers == [b"STARTED", b"STARTED"]
    assert await redis.xlen("calls") == 1


async def test_keys_lie_where_they_were_pressed_and_again_after_an_outage(redis_url: str, redis: Redis) -> None:
    async with producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        outgoing.send(b"a" * 160)
        outgoing.press("1")
        outgoing.press("2", at_sample=160)
        await outgoing.drain()
        outgoing.rewind()
        outgoing.send(b"b" * 160)
        outgoing.press("#", at_sample=320)
        await outgoing.end()
    entries = await redis.execute_command("XRANGE", "call:{c}:audio:0", "-", "+")
    found = [(raw_id, dict(zip(flat[::2], flat[1::2], strict=True)).get(b"dtmf")) for raw_id, flat in entries[1:-1]]
    assert found == [(b"160-0", None), (b"160-1", b"1"), (b"160-2", b"2"), (b"320-0", None), (b"320-1", b"#")]


async def test_what_is_no_key_is_refused_with_the_value(redis_url: str) -> None:
    async with producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        with pytest.raises(ProducerError, match=r"digit 'ab': expected one of 0 1 2"):
            outgoing.press("ab")
        with pytest.raises(ProducerError, match="at_sample -1"):
            outgoing.press("1", at_sample=-1)
        with pytest.raises(ProducerError, match="channel 3"):
            outgoing.press("1", channel=3)
        await outgoing.end()
        with pytest.raises(ProducerError, match="has ended"):
            outgoing.press("1")
