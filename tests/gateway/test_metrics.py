"""Every metric of the gateway moves when what it counts happens."""

import pytest
from websockets.exceptions import ConnectionClosed

from speakerline.shared.client import shared_read
from speakerline.shared.runtime.connection import connect
from tests.client.spoken_call import aggregating, spoken
from tests.client.test_shared_read import publish
from tests.gateway.calling import Logs, open_socket, twilio_media, twilio_start
from tests.gateway.running import listening, running
from tests.runtime.playing import until


async def test_a_call_moves_the_metrics_of_sockets_and_sound(redis_url: str) -> None:
    logs, twilio = Logs(redis_url), {"dialect": "twilio"}
    async with running(redis_url) as gateway:
        async with open_socket(gateway.socket_url, "/twilio") as socket:
            await socket.send(twilio_start("CA1"))
            await until(lambda: gateway.counted("sockets", **twilio) == gateway.counted("calls_total", **twilio) == 1)
            for number in (0, 1, 1, 2, 12, 13, 14):
                await socket.send(twilio_media(number, bytes(160)))
            await socket.send('{"event":"stop"}')
            await logs.closed("CA1")
            await until(lambda: gateway.counted("closed_sockets_total", **twilio, code="1000") == 1)
            await until(lambda: gateway.counted("sockets", **twilio) == 0)
        assert gateway.counted("frames_total", **twilio) == 7
        assert gateway.counted("late_frames_total", **twilio) == 1
        assert gateway.counted("lost_seconds_total", **twilio) == pytest.approx(0.18)
        await until(lambda: gateway.counted("frame_seconds_count") >= 1)
        assert gateway.counted("frame_seconds_count") <= 6, "frames that wait together count once"
    await logs.aclose()


async def test_a_watcher_moves_the_metrics_of_watchers(redis_url: str) -> None:
    async with running(redis_url) as gateway, aggregating(redis_url), spoken(redis_url, "a") as call:
        await call.say("one")
        async with listening(gateway.client, "/calls/a/events") as blocks:
            assert await anext(blocks)
            await until(lambda: gateway.counted("watchers", kind="sse") == 1)
            await call.end()
            assert [block async for block in blocks]
        await until(lambda: gateway.counted("watchers", kind="sse") == 0)
        assert gateway.counted("lag_seconds_count") >= 3


async def test_a_watcher_that_is_too_slow_is_cut_off_and_counted(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_read, "LONGEST_QUEUE", 2)
    redis = connect(redis_url)
    async with running(redis_url) as gateway:
        path = "/calls/a/events?wait=true"
        async with open_socket(gateway.socket_url, path) as socket, listening(gateway.client, path) as blocks:
            await until(lambda: [gateway.counted("watchers", kind=kind) for kind in ("sse", "websocket")] == [1, 1])
            await publish(redis, ["a"], [1])
            assert await socket.recv()
            assert await anext(blocks)
            await publish(redis, ["a"], range(2, 100))
            with pytest.raises(ConnectionClosed):
                while True:
                    await socket.recv()
            assert socket.close_code == 4408
            assert len([block async for block in blocks]) < 99
        assert gateway.counted("slow_watchers_total") == 2
    await redis.aclose()
