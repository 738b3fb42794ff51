"""One long call, as fast as the stages take it: what grows with its length."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from speakerline.shared.client.forget import forget
from speakerline.shared.client.producer import Producer
from speakerline.shared.contract.v1 import TimelineEvent
from speakerline.tools.bench.listening import Listener
from speakerline.tools.bench.memory import CallMemory, call_memory
from speakerline.tools.bench.sound import CallSound, announcement
from speakerline.tools.bench.system import PARTS, STAGES, System
from speakerline.tools.failure import Failure
from speakerline.tools.tables import Report, Table

FRAME_MS = 1000
QUICK_MINUTES = (1, 3)
FULL_MINUTES = (1, 5, 15, 30, 60)
SETTLE_S = 1.0
"""Without a new event for this long, and near the end of what they were given, the stages have done all of it."""
NEAR_MS = 20_000
"""Beyond the last event there may be so much silence."""
GIVEN_UP_S = 300.0


@dataclass(frozen=True, slots=True)
class Mark:
    """How things stand after so much audio; `cost` since the mark before."""

    minutes: int
    memory: CallMemory
    rss_bytes: dict[str, int]
    cost: dict[str, float]
    speed: float


async def measure_long_call(system: System, minutes: Sequence[int], report: Report, say: Callable[[str], None]) -> None:
    """Stops at each mark until everything is done, and looks."""
    producer, listener = Producer(system.url), Listener(system.url)
    listener.start()
    marks: list[Mark] = []
    try:
        call_id = "bench-long"
        timings, sound = listener.expect(call_id, FRAME_MS), CallSound(0, FRAME_MS)
        outgoing = await producer.start(announcement(call_id))
        before, before_s, sent = system.usages(), time.monotonic(), 0
        for mark in minutes:
            while sent < mark * 60_000 // FRAME_MS:
                outgoing.send(sound.frame())
                sent += 1
                await outgoing.drain()
            took_s = await _settled(timings.events, before_s, mark * 60_000 - NEAR_MS)
            after = system.usages()
            audio_s = (mark - (marks[-1].minutes if marks else 0)) * 60
            memory = await call_memory(system.redis, [call_id])
            resident = {part: use.rss_bytes for part, use in after.items()}
            cost = {part: (after[part].cpu_s - before[part].cpu_s) / audio_s for part in PARTS}
            marks.append(Mark(mark, memory, resident, cost, audio_s / took_s))
            say(f"{mark} minutes: {memory.total / 1024:.0f} KiB in Redis, {marks[-1].speed:.0f} times real time")
            before, before_s = after, time.monotonic()
        await outgoing.end()
        await listener.until_ended([timings])
        await forget(system.url, call_id)
    finally:
        await producer.aclose()
        await listener.stop()
    report.tables.append(length_table(marks))
    report.figures["long_call"] = {
        mark.minutes: {
            "redis_bytes": mark.memory.total,
            "redis_state_bytes": mark.memory.state,
            "rss_bytes": mark.rss_bytes,
            "cost_cpu_s_per_audio_s": mark.cost,
            "times_real_time": mark.speed,
        }
        for mark in marks
    }


async def _settled(events: Sequence[tuple[float, TimelineEvent]], from_s: float, at_ms: int) -> float:
    """Wait until the timeline has come to `at_ms`, and no event comes any more. Gives the seconds until the last one.

    Raises Failure where that takes too long."""
    while time.monotonic() < from_s + GIVEN_UP_S:
        newest_s, reached_ms = (events[-1][0], events[-1][1].at_ms) if events else (from_s, -1)
        quiet_s = time.monotonic() - newest_s
        if quiet_s >= SETTLE_S and reached_ms >= at_ms:
            return max(0.001, newest_s - from_s)
        await asyncio.sleep(max(0.1, SETTLE_S - quiet_s))
    raise Failure(f"the timeline has not come to {at_ms} ms within {GIVEN_UP_S:.0f} s")


def length_table(marks: Sequence[Mark]) -> Table:
    rows = [
        ["Redis, KiB: state of the stages", *(f"{mark.memory.state / 1024:.0f}" for mark in marks)],
        ["Redis, KiB: sound and events", *(f"{(mark.memory.audio + mark.memory.events) / 1024:.0f}" for mark in marks)],
        ["Redis, KiB: the timeline", *(f"{mark.memory.timeline / 1024:.0f}" for mark in marks)],
        *([f"{stage}, MiB resident", *(f"{mark.rss_bytes[stage] / 2**20:.0f}" for mark in marks)] for stage in STAGES),
        *([f"{part}, CPU ms per audio second", *(f"{mark.cost[part] * 1000:.2f}" for mark in marks)] for part in PARTS),
        ["speed, times real time", *(f"{mark.speed:.0f}" for mark in marks)],
    ]
    return Table(
        "Growth with the length of one call, played as fast as it is taken",
        ["", *(f"{mark.minutes} min" for mark in marks)],
        rows,
        "CPU and speed: of the audio since the column before.",
    )
