"""What people who watch cost the gateway, and how long they wait: many on one call, and one on a wallboard of many.

The timelines are written as the aggregator commits them. This process reads all streams, so that its own work is in the
delays.
"""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from redis.asyncio import Redis

from speakerline.shared.contract.v1 import CallStarted, SpeakerCreated, Turn
from speakerline.shared.runtime.ending import end
from speakerline.tools.bench.arithmetic import percentile
from speakerline.tools.bench.gateway_process import GatewayProcess, gateway_process, redis_of
from speakerline.tools.bench.told_call import ToldCall
from speakerline.tools.bench.usage import usage
from speakerline.tools.tables import Report, Table

WATCHERS = 1000
EVENTS_A_S = 6
"""Of a real call."""
CALLS_SHOWN = 1000
CHANGED_A_S = 330
"""Calls in which something is told in a second."""
_ID = re.compile(rb"^id: (\d+)-", re.MULTILINE)
_OPEN = re.compile(r"^speakerline_gateway_watchers\{[^}]*\} (\S+)$", re.MULTILINE)


async def measure_watchers(seconds: int, report: Report, say: Callable[[str], None]) -> None:
    """A row each; `seconds` of each are measured."""
    many, board = await _watch_one_call(seconds), await _watch_wallboard(seconds)
    say(f"gateway: {WATCHERS} watchers of a call: p99 {many.ms(99)} ms, {many.share(seconds)} % of a core")
    say(f"gateway: wallboard of {CALLS_SHOWN} calls: {board.share(seconds)} % of a core")
    rows = [
        [f"{WATCHERS} watchers of one call", *many.cells(seconds)],
        [f"a wallboard of {CALLS_SHOWN} calls", *board.cells(seconds)],
    ]
    columns = ["", "% of a core", "p50 ms", "p99 ms", "connections to Redis"]
    note = (
        f"ms: from Redis to the reader. {EVENTS_A_S} events a second of one call; {CHANGED_A_S} of all calls, of which "
        "the wallboard tells once a second."
    )
    report.tables.append(Table("Watchers of a gateway", columns, rows, note))
    report.figures["watchers"] = {"one_call": many.figures(), "wallboard": board.figures()}


@dataclass(slots=True)
class Watched:
    """waits_s: from the writing of an event to its arrival at a reader, for each of both."""

    cpu_s: float = 0.0
    connections: int = 0
    waits_s: list[float] = field(default_factory=list)

    def ms(self, percent: float) -> str:
        return f"{1000 * percentile(self.waits_s, percent):.0f}"

    def share(self, seconds: int) -> str:
        return f"{100 * self.cpu_s / seconds:.1f}"

    def cells(self, seconds: int) -> Sequence[str]:
        return [self.share(seconds), self.ms(50), self.ms(99), str(self.connections)]

    def figures(self) -> dict[str, object]:
        waits = {f"p{percent}": percentile(self.waits_s, percent) for percent in (50, 99)}
        return {"cpu_s": self.cpu_s, "connections": self.connections, "waits_s": waits}


class _Call(ToldCall):
    """One in which a turn grows."""

    async def begin(self) -> None:
        await self.tell((0, CallStarted(self.timeline.call_id, sample_rate=8000)), (0, SpeakerCreated("S1")))

    async def grow(self) -> int:
        """Gives the `seq` of the event."""
        end_ms = self.timeline.at_ms + 200
        await self.tell((end_ms, Turn("t1", speaker_id="S1", end_ms=end_ms, revision=end_ms, provisional=True)))
        return self.timeline.seq


async def _watch_one_call(seconds: int) -> Watched:
    watched, told = Watched(), dict[int, float]()
    async with gateway_process() as gateway, redis_of(gateway) as redis:
        call = _Call(redis, "watched")
        await call.begin()

        def arrived(data: bytes) -> None:
            now = time.monotonic()
            watched.waits_s.extend(now - told[int(seq)] for seq in _ID.findall(data) if int(seq) in told)

        readers = [asyncio.create_task(_read(gateway, "/calls/watched/events", arrived)) for _ in range(WATCHERS)]
        await _until_watched(gateway, WATCHERS)
        before = usage(gateway.pid).cpu_s
        for _ in range(seconds * EVENTS_A_S):
            due = time.monotonic() + 1 / EVENTS_A_S
            seq = await call.grow()
            told[seq] = time.monotonic()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        watched.cpu_s = usage(gateway.pid).cpu_s - before
        watched.connections = await _connections(redis)
        await end(readers)
    return watched


async def _watch_wallboard(seconds: int) -> Watched:
    watched, told = Watched(), dict[str, float]()
    async with gateway_process() as gateway, redis_of(gateway) as redis:
        names = [f"desk-{number:04}" for number in range(CALLS_SHOWN)]
        calls = [_Call(redis, name) for name in names]
        for call in calls:
            await call.begin()

        def arrived(data: bytes) -> None:
            now = time.monotonic()
            for name in re.findall(rb'"call_id":\s*"([^"]+)"', data):
                if (at := told.pop(name.decode(), None)) is not None:
                    watched.waits_s.append(now - at)

        reader = asyncio.create_task(_read(gateway, "/wallboard", arrived))
        await _until_watched(gateway, 1)
        before = usage(gateway.pid).cpu_s
        for number in range(seconds * CHANGED_A_S):
            due = time.monotonic() + 1 / CHANGED_A_S
            at = number % CALLS_SHOWN
            await calls[at].grow()
            told[names[at]] = time.monotonic()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        watched.cpu_s = usage(gateway.pid).cpu_s - before
        watched.connections = await _connections(redis)
        await end([reader])
    return watched


async def _read(gateway: GatewayProcess, path: str, arrived: Callable[[bytes], None]) -> None:
    """An event stream, piece by piece."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=2**24)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n\r\n".encode())
        while data := await reader.read(2**20):
            arrived(data)
    finally:
        writer.close()


async def _until_watched(gateway: GatewayProcess, count: int) -> None:
    """Until so many streams are open, and those have what was there before."""
    while True:
        open_ = re.findall(r"^speakerline_gateway_watchers\{[^}]*\} (\S+)$", await gateway.metrics(), re.MULTILINE)
        if sum(map(float, open_)) >= count:
            return await asyncio.sleep(2)
        await asyncio.sleep(0.2)


async def _connections(redis: Redis) -> int:
    """Of the gateway."""
    return len(await redis.client_list()) - 1
