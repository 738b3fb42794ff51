"""A call as it happens: every event once and in order, from any place on, whatever breaks in between."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed

from speakerline.shared.client.forget import forget
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.keys import stage_key, stream_key
from speakerline.shared.pipeline import AGGREGATOR, TIMELINE
from speakerline.shared.runtime.connection import connect
from tests.client.spoken_call import aggregating, spoken
from tests.gateway.plain_http import http_client
from tests.gateway.running import HANG_S, Block, Running, listening, running
from tests.gateway.serving import gateway_process
from tests.redis_server import RedisServer
from tests.runtime.playing import until


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Running]:
    async with running(redis_url) as started:
        yield started


def words(blocks: list[Block]) -> list[str]:
    events = [json.loads(block.data) for block in blocks if block.data]
    return [word["text"] for event in events for word in event.get("transcript", {}).get("words", [])]


async def taken(blocks: AsyncIterator[Block], count: int) -> list[Block]:
    """So many blocks with events."""

    async def take() -> list[Block]:
        found: list[Block] = []
        async for block in blocks:
            found += [block] if block.data else []
            if len(found) == count:
                break
        return found

    return await asyncio.wait_for(take(), HANG_S)


async def rest(blocks: AsyncIterator[Block]) -> list[Block]:
    async def take() -> list[Block]:
        return [block async for block in blocks if block.data]

    return await asyncio.wait_for(take(), HANG_S)


async def test_events_come_as_they_are_published_and_the_stream_ends_with_the_call(
    redis_url: str, gateway: Running
) -> None:
    async with aggregating(redis_url), spoken(redis_url, "a") as call:
        await call.say("one")
        async with listening(gateway.client, "/calls/a/events") as blocks:
            found = await taken(blocks, 2)
            await call.say("two")
            found += await taken(blocks, 1)
            assert words(found) == ["one", "two"]
            await call.end()
            found += await rest(blocks)
    events = [json.loads(block.data) for block in found]
    assert [event["seq"] for event in events] == list(range(1, len(found) + 1))
    assert [block.id for block in found] == [f"{event['seq']}-{event['epoch']}" for event in events]
    assert "call_ended" in events[-1]


@pytest.mark.parametrize("how", ["header", "query", "seq alone"])
async def test_it_resumes_exactly_after(redis_url: str, gateway: Running, how: str) -> None:
    async with aggregating(redis_url), spoken(redis_url, "a") as call:
        await call.say("one", "two", "three")
        async with listening(gateway.client, "/calls/a/events") as blocks:
            last = (await taken(blocks, 2))[-1].id
        if how == "header":
            again: dict[str, Any] = {"headers": {"Last-Event-ID": last}, "params": {"after": "1"}}
        else:
            again = {"params": {"after": last if how == "query" else last.partition("-")[0]}}
        async with listening(gateway.client, "/calls/a/events", **again) as blocks:
            assert words(await taken(blocks, 2)) == ["two", "three"]


async def test_who_has_all_of_an_ended_call_is_told_to_stop(redis_url: str, gateway: Running) -> None:
    async with aggregating(redis_url), spoken(redis_url, "a") as call:
        await call.end()
        async with listening(gateway.client, "/calls/a/events") as blocks:
            last = (await rest(blocks))[-1].id
        answer = await gateway.client.get("/calls/a/events", headers={"Last-Event-ID": last})
        assert (answer.status_code, answer.text) == (204, "")
        async with open_socket(f"{gateway.socket_url}/calls/a/events?after={last}") as socket:
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert socket.close_code == 1000


async def test_one_may_wait_for_a_call_that_has_not_begun(redis_url: str, gateway: Running) -> None:
    waiting = listening(gateway.client, "/calls/a/events", params={"wait": "true"})
    async with aggregating(redis_url), waiting as blocks, spoken(redis_url, "a") as call:
        await call.say("one")
        assert words(await taken(blocks, 2)) == ["one"]


async def test_after_a_loss_of_redis_the_call_as_it_stands_comes_instead_of_what_was_lost(
    new_redis_server: Callable[..., RedisServer],
) -> None:
    server = new_redis_server()
    async with running(server.url) as gateway, aggregating(server.url), spoken(server.url, "a") as call:
        await call.say("one", "two", "three")
        async with listening(gateway.client, "/calls/a/events") as blocks:
            last = (await taken(blocks, 4))[-1].id
        server.restart(crash=True)
        await call.announce()
        await call.say("other", "words", "here", "now")
        async with listening(gateway.client, "/calls/a/events", headers={"Last-Event-ID": last}) as blocks:
            (first,) = await taken(blocks, 1)
        told = json.loads(first.data)["restarted"]
        heard = [word["text"] for one in told["transcripts"] for word in one["words"]]
        assert heard == ["other", "words", "here", "now"]
        assert first.id == f"{told['seq']}-{told['epochs'][-1]}"


async def test_a_stream_ends_where_events_were_lost_and_the_call_as_it_stands_can_not_be_read(
    redis_url: str, gateway: Running
) -> None:
    redis = connect(redis_url)
    async with aggregating(redis_url), spoken(redis_url, "c") as call:
        await call.say("one")
        async with listening(gateway.client, "/calls/c/events") as blocks:
            *_, last = await taken(blocks, 2)
            await redis.hset(stage_key("c", AGGREGATOR.name), "part:head", '{"seq":"many"}')
            await redis.delete(stream_key("c", TIMELINE))
            assert await rest(blocks) == []
        answer = await gateway.client.get(f"/calls/c/events?after={last.id}")
        assert answer.status_code == 500
        assert answer.json()["detail"].startswith("part head of 14 bytes of a timeline is damaged")
    await redis.aclose()


async def test_the_stream_of_an_erased_call_ends_and_it_is_not_found_again(redis_url: str, gateway: Running) -> None:
    async with aggregating(redis_url), spoken(redis_url, "a") as call:
        await call.say("one")
        async with listening(gateway.client, "/calls/a/events") as blocks:
            last = (await taken(blocks, 2))[-1].id
            await forget(redis_url, "a")
            assert await rest(blocks) == []
        again = await gateway.client.get("/calls/a/events", headers={"Last-Event-ID": last})
        assert again.status_code == 404


async def test_a_websocket_gets_the_same_events(redis_url: str, gateway: Running) -> None:
    async with aggregating(redis_url), spoken(redis_url, "a") as call:
        await call.say("one", "two")
        await call.end()
        async with listening(gateway.client, "/calls/a/events") as blocks:
            streamed = [block.data for block in await rest(blocks)]
        async with open_socket(f"{gateway.socket_url}/calls/a/events") as socket:
            assert [message async for message in socket] == streamed
            assert socket.close_code == 1000
        after = json.loads(streamed[1])
        async with open_socket(f"{gateway.socket_url}/calls/a/events?after=2-{after['epoch']}") as socket:
            assert [message async for message in socket] == streamed[2:]


@pytest.mark.parametrize(
    ("path", "code"),
    [("/calls/x/events", 4404), ("/calls/a%20b/events", 4400), ("/calls/x/events?after=y", 4400)],
)
async def test_a_websocket_that_is_refused_is_closed_with_a_code(gateway: Running, path: str, code: int) -> None:
    async with open_socket(gateway.socket_url + path) as socket:
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == code


async def test_when_the_gateway_stops_dashboards_are_told_when_to_come_back(redis_url: str) -> None:
    async with aggregating(redis_url), spoken(redis_url, "a") as call, running(redis_url) as gateway:
        await call.say("one")
        socket_url = f"{gateway.socket_url}/calls/a/events"
        async with listening(gateway.client, "/calls/a/events") as blocks, open_socket(socket_url) as socket:
            await taken(blocks, 2)
            assert [await socket.recv() for _ in range(2)]
            gateway.stopping.begin()
            left = [block async for block in blocks]
            assert 1000 <= int(left[-1].retry) <= 5000
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert socket.close_code == 1012


async def test_a_thousand_watchers_of_a_call_need_few_connections(redis_url: str, gateway: Running) -> None:
    """And each has every event once."""
    redis = connect(redis_url)
    async with aggregating(redis_url), spoken(redis_url, "a") as call:
        await call.say("one")
        before = len(await redis.client_list())

        async def watch() -> list[str]:
            found = []
            async for event in gateway_events(gateway):
                found.append(event)
            return found

        watching = [asyncio.create_task(watch()) for _ in range(1000)]
        await until(lambda: gateway.counted("watchers", kind="sse") == 1000, HANG_S * 2)
        await call.say("two", "three")
        during = len(await redis.client_list())
        await call.end()
        everyone = await asyncio.wait_for(asyncio.gather(*watching), HANG_S * 4)
    await redis.aclose()
    assert [json.loads(data)["seq"] for data in everyone[0]] == list(range(1, len(everyone[0]) + 1))
    assert all(one == everyone[0] for one in everyone)
    assert during - before < 10


async def gateway_events(gateway: Running) -> AsyncIterator[str]:
    """The data of each event, by a plain socket: a thousand clients of httpx would be what is measured."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"GET /calls/a/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    async for line in reader:
        if line.startswith(b"data: "):
            yield line[6:].decode()
        if line.strip() == b"0":
            break
    writer.close()


async def test_a_dashboard_misses_nothing_and_sees_nothing_twice_when_the_gateway_is_killed(
    redis_url: str, tmp_path: Path
) -> None:
    """It reconnects as a browser does, with the id of the last event, while the call goes on."""
    with gateway_process(redis_url, tmp_path / "log") as process:
        async with aggregating(redis_url), spoken(redis_url, "a") as call:
            await call.say("w0")
            seen: list[dict[str, Any]] = []

            async def watch() -> None:
                last = ""
                async with http_client(base_url=process.url, timeout=HANG_S) as client:
                    while not seen or "call_ended" not in seen[-1]:
                        try:
                            async with listening(client, "/calls/a/events", headers={"Last-Event-ID": last}) as blocks:
                                async for block in blocks:
                                    if block.data:
                                        seen.append(json.loads(block.data))
                                        last = block.id
                        except httpx.HTTPError:
                            await asyncio.sleep(0.05)

            def watched_to(seq: int) -> bool:
                return len(seen) > seq

            watching = asyncio.create_task(watch())
            for round in range(3):
                await until(partial(watched_to, round * 10))
                await call.say(*(f"w{round}{number}" for number in range(5)))
                process.end(signal.SIGKILL)
                await call.say(*(f"w{round}{number}" for number in range(5, 10)))
                await asyncio.to_thread(process.start)
            await call.end()
            await asyncio.wait_for(watching, HANG_S * 2)
            async with Subscriber(redis_url) as subscriber:
                stored = [event.seq async for event in subscriber.follow("a")]
    assert [event["seq"] for event in seen] == stored
    assert not any("restarted" in event for event in seen)
