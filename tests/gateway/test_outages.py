"""What becomes of calls when the gateway is killed, or Redis is full or away: what was accepted stays, and nothing
hangs."""

import asyncio
import json
import signal
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from websockets.exceptions import ConnectionClosed

from speakerline.services.gateway.inbox import Take
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.contract.v1 import CallEnded, EndReason
from speakerline.shared.event_kinds import body_of
from speakerline.shared.runtime.connection import connect
from tests.gateway.calling import Logs, dial, open_socket, twilio_media, twilio_start
from tests.gateway.malformed import audiohook_open
from tests.gateway.scripted import ScriptedPeer, dialect_of, taking
from tests.gateway.serving import gateway_process
from tests.redis_server import RedisServer
from tests.runtime.playing import FAST_OPTIONS, until, working
from tests.runtime.serving import get

AWAY_S = 20


async def ended(redis_url: str, call_id: str) -> CallEnded:
    async with Subscriber(redis_url) as subscriber:
        async for event in subscriber.follow(call_id):
            if isinstance(body := body_of(event), CallEnded):
                return body
    raise AssertionError(f"{call_id} has no end")


def sound_of(entries: list[tuple[int, dict[str, bytes]]]) -> bytes:
    """All of it: frames may hold several pieces."""
    return b"".join(fields["pcm"] for _, fields in entries)


async def test_the_calls_of_a_gateway_that_was_killed_are_closed_with_what_it_had_sent(
    redis_url: str, tmp_path: Path
) -> None:
    logs = Logs(redis_url)
    with gateway_process(redis_url, tmp_path / "log") as gateway:
        async with open_socket(gateway.url, "/twilio") as socket:
            await socket.send(twilio_start("CA1"))
            for number in range(50):
                await socket.send(twilio_media(number, bytes(160)))
            while not (entries := await logs.entries("CA1")) or entries[-1][0] < 50 * 160:
                await asyncio.sleep(0.05)
            gateway.end(signal.SIGKILL)
        async with working(redis_url, options=replace(FAST_OPTIONS, idle_close_s=1.0)):
            end = await ended(redis_url, "CA1")
    assert (end.end_ms, end.reason) == (1000, EndReason.IDLE)
    await logs.aclose()


async def test_what_came_while_redis_was_full_is_in_the_log_when_there_is_room(redis_url: str, tmp_path: Path) -> None:
    redis, logs = connect(redis_url), Logs(redis_url)
    with gateway_process(redis_url, tmp_path / "log") as gateway:
        async with open_socket(gateway.url, "/twilio") as socket:
            await socket.send(twilio_start("CA1"))
            await logs.calls(1)
            await redis.config_set("maxmemory", 1)
            try:
                for number in range(200):
                    await socket.send(twilio_media(number, bytes(160)))
                code, reason = await dial(gateway.url, "/twilio", [twilio_start("CA2")])
                assert (code, "could not be announced" in reason) == (1013, True)
                assert await logs.entries("CA1") == []
                status, told = await asyncio.to_thread(get, f"{gateway.url}/readyz")
                assert (status, told.partition(",")[0]) == (200, "ready\nRedis is full")
            finally:
                await redis.config_set("maxmemory", 0)
            assert await asyncio.to_thread(get, f"{gateway.url}/readyz") == (200, "ready")
            await socket.send('{"event":"stop"}')
            assert [message async for message in socket] == []
    entries = await logs.closed("CA1")
    assert (entries[-1][0], len(sound_of(entries))) == (200 * 160, 200 * 160)
    await redis.aclose()
    await logs.aclose()


@pytest.mark.slow
async def test_while_redis_is_away_for_twenty_seconds_a_call_goes_on_and_loses_nothing(tmp_path: Path) -> None:
    pieces = [bytes([number % 256]) * 160 for number in range(50 * (1 + AWAY_S))]
    with RedisServer(aof=True) as server, gateway_process(server.url, tmp_path / "log") as gateway:
        logs = Logs(server.url)
        async with open_socket(gateway.url, "/twilio") as socket:
            await socket.send(twilio_start("CA1"))
            for number, pcm in enumerate(pieces[:50]):
                await socket.send(twilio_media(number, pcm))
            await until(lambda: logs.entries("CA1"))
            await asyncio.to_thread(server.kill)
            refused = asyncio.create_task(dial(gateway.url, "/twilio", [twilio_start("CA2")]))
            for number, pcm in enumerate(pieces[50:], 50):
                await socket.send(twilio_media(number, pcm))
                await asyncio.sleep(0.02)
            assert (await refused)[0] == 1013
            await asyncio.to_thread(server.start)
            await socket.send('{"event":"stop"}')
            assert [message async for message in socket] == []
        entries = await logs.closed("CA1")
        await logs.aclose()
    assert entries[-1][0] == 160 * len(pieces)
    assert sound_of(entries) == b"".join(pieces)


async def test_the_end_of_a_call_does_not_wait_for_ever(redis_url: str) -> None:
    redis = connect(redis_url)
    peer = ScriptedPeer([twilio_start("CA1"), *[twilio_media(n, bytes(160)) for n in range(9)], '{"event":"stop"}'])
    async with taking(redis_url, end_s=0.3) as incoming:
        hear = peer.hear

        async def full_after_the_start(take: Take) -> bool:
            if incoming.metrics.calls.labels("twilio")._value.get():
                await redis.config_set("maxmemory", 1)
            return await hear(take)

        peer.hear = full_after_the_start  # type: ignore[method-assign]
        try:
            await asyncio.wait_for(incoming.serve("twilio", dialect_of("twilio"), peer, ""), 60)
        finally:
            await redis.config_set("maxmemory", 0)
    assert peer.closed == [(1000, "")]
    await redis.aclose()


async def test_an_erased_call_closes_its_socket(redis_url: str, tmp_path: Path) -> None:
    redis, logs = connect(redis_url), Logs(redis_url)
    with gateway_process(redis_url, tmp_path / "log") as gateway:
        async with open_socket(gateway.url, "/twilio") as socket:
            await socket.send(twilio_start("CA1"))
            await logs.calls(1)
            await redis.execute_command("XADD", "call:{CA1}:audio:0", "9007199254740991-0", "end", "idle")
            with pytest.raises(ConnectionClosed):
                for number in range(2000):
                    await socket.send(twilio_media(number, bytes(160)))
                    await asyncio.sleep(0.02)
    assert socket.close_code == 1008
    assert "nothing came for too long" in (socket.close_reason or "")
    await redis.aclose()
    await logs.aclose()


async def test_words_go_back_to_genesys_before_the_session_is_closed(redis_url: str) -> None:
    sound = [bytes([n % 7 * 30]) * 3200 for n in range(20)]
    close = json.dumps({"version": "2", "id": "s", "type": "close", "seq": 2, "serverseq": 1, "parameters": {}})
    peer = ScriptedPeer([audiohook_open(), *sound, close])
    async with working(redis_url), taking(redis_url) as incoming:
        await incoming.serve("audiohook", dialect_of("audiohook"), peer, "")
    said = [json.loads(text) for text in peer.told]
    assert [message["type"] for message in (said[0], said[-1])] == ["opened", "closed"]
    assert [message["seq"] for message in said] == list(range(1, len(said) + 1))
    entities = [entity for message in said[1:-1] for entity in message["parameters"]["entities"]]
    assert len(entities) == len(said) - 2 > 0
    assert all(entity["data"]["isFinal"] for entity in entities)
    assert entities[0]["data"]["alternatives"][0]["interpretations"][0]["transcript"]


async def test_a_call_whose_producer_sends_nothing_for_long_lives_on(redis_url: str) -> None:
    logs = Logs(redis_url)
    silent = asyncio.Event()

    class OnHold(ScriptedPeer):
        async def hear(self, take: Take) -> bool:
            if not (more := await super().hear(take)):
                await silent.wait()
            return more

    peer = OnHold(['{"call_id":"hold"}', bytes(320)])
    async with taking(redis_url, fill_s=0.2) as incoming:
        serving = asyncio.create_task(incoming.serve("l16", dialect_of("l16"), peer, ""))
        while len(entries := await logs.entries("hold")) < 3:
            await asyncio.sleep(0.02)
        silent.set()
        await serving
    (_, first), (second_at, second), (third_at, third) = entries[:3]
    assert first["pcm"] == second["pcm"] == third["pcm"] == bytes(320)
    assert second_at >= 160 + 1600 - 160 and third_at - second_at >= 1600 - 160
    await logs.aclose()


async def test_sound_moves_the_moment_at_which_a_call_is_idle_never_too_little_nor_by_much(redis_url: str) -> None:
    idle_s, moments = 1.0, list[tuple[float, float, float]]()
    loop = asyncio.get_running_loop()

    class Talking(ScriptedPeer):
        async def hear(self, take: Take) -> bool:
            for number in range(40):
                began = loop.time()
                if not take([twilio_media(number, bytes(160))] if self.opened else [twilio_start("CA1")]):
                    self.opened = True
                    return True
                moments.append((began, loop.time(), anyio.current_effective_deadline()))
                await asyncio.sleep(0.01)
            return False

        opened = False

    async with taking(redis_url, idle_s=idle_s) as incoming:
        await incoming.serve("twilio", dialect_of("twilio"), Talking([]), "")
    assert len(moments) == 40
    assert all(began + idle_s <= deadline <= done + 1.1 * idle_s for began, done, deadline in moments)


@pytest.mark.parametrize("dtmf", [True, False])
async def test_keys_are_told_unless_that_is_switched_off(redis_url: str, dtmf: bool) -> None:
    logs = Logs(redis_url)
    key = json.dumps({"event": "dtmf", "dtmf": {"track": "inbound_track", "digit": "7"}})
    async with taking(redis_url, dtmf=dtmf) as incoming:
        peer = ScriptedPeer([twilio_start("CA1"), twilio_media(0, bytes(160)), key])
        await incoming.serve("twilio", dialect_of("twilio"), peer, "")
    found = [fields["dtmf"] for _, fields in await logs.closed("CA1") if "dtmf" in fields]
    assert found == ([b"7"] if dtmf else [])
    await logs.aclose()
