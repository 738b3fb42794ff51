"""Helpers: producers that call a gateway over its sockets, and the logs that Redis has of their calls."""

import asyncio
import base64
import json
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.runtime.connection import connect as connect_redis

HANG_S = 60


def twilio_start(call_id: str, tracks: Sequence[str] = ("inbound",), **custom: str) -> str:
    media_format = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    start = {"callSid": call_id, "tracks": list(tracks), "mediaFormat": media_format, "customParameters": custom}
    return json.dumps({"event": "start", "start": start, "streamSid": "MZ1"})


def twilio_media(number: int, pcm: bytes, track: str = "inbound") -> str:
    """A piece of 20 ms."""
    payload = base64.b64encode(pcm).decode()
    return json.dumps({"event": "media", "media": {"track": track, "timestamp": str(20 * number), "payload": payload}})


async def dial(url: str, path: str, messages: Sequence[str | bytes], **options: Any) -> tuple[int | None, str]:
    """Send the messages and wait until the gateway closes; gives code and reason."""
    async with open_socket(url, path, **options) as socket:
        try:
            for message in messages:
                await socket.send(message)
            async for _ in socket:
                pass
        except ConnectionClosed:
            pass
        return socket.close_code, socket.close_reason or ""


def open_socket(url: str, path: str, **options: Any) -> connect:
    return connect(url.replace("http", "ws", 1) + path, open_timeout=HANG_S, **options)


async def replies(socket: ClientConnection) -> list[Any]:
    """Everything until the gateway closes, as JSON."""
    return [json.loads(message) async for message in socket]


class Logs:
    """The logs of calls, as Redis has them."""

    def __init__(self, redis_url: str) -> None:
        self._redis: Redis = connect_redis(redis_url)

    async def announced(self) -> list[dict[str, Any]]:
        entries = await self._redis.execute_command("XRANGE", "calls", "-", "+")
        return [json.loads(flat[1]) for _, flat in entries]

    async def entries(self, call_id: str, channel: int = 0) -> list[tuple[int, dict[str, bytes]]]:
        """Position and fields of each entry but the one that opens the log."""
        found = await self._redis.execute_command("XRANGE", f"call:{{{call_id}}}:audio:{channel}", "-", "+")
        return [
            (int(raw.split(b"-")[0]), {k.decode(): v for k, v in zip(flat[::2], flat[1::2], strict=True)})
            for raw, flat in found[1:]
        ]

    async def closed(self, call_id: str, channel: int = 0) -> list[tuple[int, dict[str, bytes]]]:
        """The entries before the closing one, once that is there."""
        for _ in range(HANG_S * 20):
            entries = await self.entries(call_id, channel)
            if entries and entries[-1][0] == LAST_POSITION:
                return entries[:-1]
            await asyncio.sleep(0.05)
        raise AssertionError(f"{call_id} is not closed")

    async def calls(self, count: int) -> list[dict[str, Any]]:
        """What was announced, once there are so many."""
        for _ in range(HANG_S * 20):
            if len(found := await self.announced()) >= count:
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"fewer than {count} calls")

    async def keys(self, pattern: str) -> list[str]:
        return sorted([key.decode() async for key in self._redis.scan_iter(pattern)])

    async def aclose(self) -> None:
        await self._redis.aclose()
