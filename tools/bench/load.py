"""Plays live calls as a telephony system would: real-time pace, staggered starts, one producing process for all.

call 0   start |---- ramp ----|-- warm --|=== measured ===| all end ... last CallEnded
call 1       start |----------|----------|================|
"""

import asyncio
import heapq
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from speakerline.shared.client.forget import forget
from speakerline.shared.client.producer import OutgoingCall, Producer
from speakerline.tools.bench.arithmetic import CallTimings, Lags, lags, left_out
from speakerline.tools.bench.listening import Listener
from speakerline.tools.bench.memory import CallMemory, call_memory
from speakerline.tools.bench.sound import CallSound, Kind, announcement
from speakerline.tools.bench.system import PARTS, System
from speakerline.tools.bench.usage import Usage, busy_s, usage

WARM_S = 6.0
"""The first window of 5 s is complete, and all speakers have been met."""
TAIL_S = 1.0
"""All calls hang up at once, which no telephone system sees: the events of their ends must not count."""
SELF = "bench"
"""The measuring process itself: producer and subscriber."""


@dataclass(slots=True)
class Trial:
    """What came of some calls.

    cost: CPU seconds an audio second by part, from the first frame to the last CallEnded, idle use taken off. cores:
    CPU seconds a second within the measured interval; others: those of programs that do not belong to it. late_s: how
    late the frames were sent, against the clock. degraded: the number of `Degraded` events."""

    calls: int
    frame_ms: int
    audio_s: float
    lags: Lags
    cost: dict[str, float]
    cores: dict[str, float]
    rss_bytes: dict[str, int]
    memory: CallMemory
    others: float
    late_s: list[float]
    degraded: int


@dataclass(slots=True)
class _Live:
    number: int
    start_s: float
    outgoing: OutgoingCall
    sound: CallSound
    timings: CallTimings


class Load:
    """Calls from one producer, read by one subscriber."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._producer = Producer(system.url)
        self._listener = Listener(system.url)
        self._trials = 0

    async def __aenter__(self) -> "Load":
        self._listener.start()
        await self.recover()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._producer.aclose()
        await self._listener.stop()

    async def recover(self) -> None:
        """One call: stages that stayed behind do less, also for new calls, until they have been in time for 5 s."""
        await self.trial(1, 1)

    async def trial(
        self,
        calls: int,
        measure_s: float,
        frame_ms: int = 100,
        kind: Kind = Kind.SAMPLE,
        each: Callable[[CallTimings, float, float], None] | None = None,
    ) -> Trial:
        """So many calls at once, measured for `measure_s` after everything runs.

        each: called with the timings of each call and the measured interval."""
        self._trials += 1
        ids = [f"bench-{self._trials}-{number}" for number in range(calls)]
        ramp_s = min(6.0, 0.5 + calls / 25)
        before, began_s = self._usages(), time.monotonic()
        from_s = began_s + ramp_s + WARM_S
        playing = asyncio.create_task(self._play(ids, frame_ms, ramp_s, from_s + measure_s + TAIL_S, kind))
        await asyncio.sleep(from_s - time.monotonic())
        first, first_busy_s = self._usages(), busy_s()
        await asyncio.sleep(from_s + measure_s - time.monotonic())
        last, last_busy_s = self._usages(), busy_s()
        memory = await call_memory(self._system.redis, ids[:10])
        live, late_s = await playing
        await self._listener.until_ended([call.timings for call in live])
        after, ended_s = self._usages(), time.monotonic()
        found = Lags()
        for call in live:
            found.add(lags(call.timings, from_s, from_s + measure_s))
            if each is not None:
                each(call.timings, from_s, from_s + measure_s)
        for call_id in ids:
            self._listener.forget(call_id)
        await forget(self._system.url, *ids)
        cores = {part: (last[part].cpu_s - first[part].cpu_s) / measure_s for part in last}
        audio_s = sum(len(call.timings.sent_s) for call in live) * frame_ms / 1000
        return Trial(
            calls,
            frame_ms,
            audio_s,
            found,
            self._cost(before, after, ended_s - began_s, audio_s),
            cores,
            {part: use.rss_bytes for part, use in last.items()},
            memory,
            max(0.0, (last_busy_s - first_busy_s) / measure_s - sum(cores.values())),
            late_s,
            sum(left_out(call.timings, from_s) for call in live),
        )

    def _usages(self) -> dict[str, Usage]:
        return {**self._system.usages(), SELF: usage(os.getpid(), with_children=False)}

    def _cost(
        self, before: dict[str, Usage], after: dict[str, Usage], elapsed_s: float, audio_s: float
    ) -> dict[str, float]:
        idle = self._system.idle_cores
        return {
            part: max(0.0, after[part].cpu_s - before[part].cpu_s - idle[part] * elapsed_s) / audio_s for part in PARTS
        }

    async def _play(
        self, ids: list[str], frame_ms: int, ramp_s: float, until_s: float, kind: Kind
    ) -> tuple[list[_Live], list[float]]:
        """All calls until the clock says `until_s`, then their hang-up. Gives them, and how late each frame was."""
        due: list[tuple[float, int]] = []
        live: list[_Live] = []
        began_s, late_s = time.monotonic(), list[float]()
        for number in range(len(ids)):
            heapq.heappush(due, (began_s + ramp_s * number / len(ids), number))
        while due and due[0][0] < until_s:
            at_s, number = heapq.heappop(due)
            await asyncio.sleep(max(0.0, at_s - time.monotonic()))
            if number == len(live):
                live.append(await self._begin(ids[number], number, at_s, frame_ms, kind))
            else:
                call = live[number]
                call.outgoing.send(call.sound.frame())
                call.timings.sent_s.append(time.monotonic())
                late_s.append(call.timings.sent_s[-1] - at_s)
            frames = len(live[number].timings.sent_s)
            heapq.heappush(due, (live[number].start_s + (frames + 1) * frame_ms / 1000, number))
        await asyncio.gather(*(call.outgoing.end() for call in live))
        return live, late_s

    async def _begin(self, call_id: str, number: int, start_s: float, frame_ms: int, kind: Kind) -> _Live:
        timings = self._listener.expect(call_id, frame_ms)
        outgoing = await self._producer.start(announcement(call_id))
        return _Live(number, start_s, outgoing, CallSound(number, frame_ms, kind), timings)
