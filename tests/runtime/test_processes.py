"""Processes that are killed, stopped, ended: what happens to their calls. Timelines must be those without faults."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from speakerline.shared.runtime.connection import connect, pairs
from tests.redis_server import RedisServer
from tests.runtime.playing import a_call, frames_of, play, producing, timeline
from tests.runtime.processes import ALL_STAGES, FAST, WorkerProcess, wait_for
from tests.runtime.reference import numbered, timeline_of
from tests.runtime.toy_stages import FATAL, POISON

Start = Callable[..., WorkerProcess]
LEASE_S = FAST["lease_s"]
STAGES = len(ALL_STAGES)


@pytest.fixture
def start(redis_url: str, tmp_path: Path) -> Iterator[Start]:
    started: list[WorkerProcess] = []

    def one(**options: Any) -> WorkerProcess:
        started.append(WorkerProcess(redis_url, tmp_path / f"worker-{len(started)}.log", **options))
        return started[-1]

    yield one
    for process in started:
        process.close()


async def play_calls(url: str, count: int, seconds: float) -> dict[str, list[bytes]]:
    """Several calls in real time; the timelines that they must have."""
    length = int(seconds * 10)
    calls = [(a_call(f"call-{number}"), frames_of(number, length)) for number in range(count)]
    async with producing(url) as producer:
        await asyncio.gather(*(play(producer, call, frames, 0.1) for call, frames in calls))
    return {call.call_id: await asyncio.to_thread(timeline_of, call, numbered(frames)) for call, frames in calls}


async def assert_identical(url: str, expected: dict[str, list[bytes]]) -> None:
    for call_id, events in expected.items():
        assert await timeline(url, call_id) == events, call_id


def busier(*processes: WorkerProcess) -> WorkerProcess:
    """Who has taken the most calls: new calls may all go to one."""
    return max(processes, key=taken)


def taken(process: WorkerProcess) -> int:
    """How often it has taken a call."""
    return len(process.logged("call taken"))


async def test_a_killed_owners_calls_go_on_with_another_after_the_lease(redis_url: str, start: Start) -> None:
    first, second = start(), start()
    first.wait_until_up()
    second.wait_until_up()
    playing = asyncio.create_task(play_calls(redis_url, 6, 2.2))
    await asyncio.to_thread(wait_for, lambda: taken(first) + taken(second) >= 6 * STAGES)
    victim = busier(first, second)
    other = first if victim is second else second
    before = len(other.logged("call taken"))
    victim.kill()
    await asyncio.to_thread(wait_for, lambda: len(other.logged("call taken")) > before, 60, "takeover")
    await assert_identical(redis_url, await playing)


async def test_a_zombie_that_wakes_up_after_its_lease_damages_nothing(redis_url: str, start: Start) -> None:
    first, second = start(), start()
    first.wait_until_up()
    second.wait_until_up()
    playing = asyncio.create_task(play_calls(redis_url, 6, 3.0))
    await asyncio.to_thread(wait_for, lambda: taken(first) + taken(second) >= 6 * STAGES)
    zombie = busier(first, second)
    zombie.signal(signal.SIGSTOP)
    await asyncio.sleep(LEASE_S * 3)
    zombie.signal(signal.SIGCONT)
    await assert_identical(redis_url, await playing)
    assert any(line["why"] in ("lost", "fenced") for line in zombie.logged("call let go"))


async def test_a_planned_stop_hands_over_at_once(redis_url: str, start: Start) -> None:
    slow_lease = {"lease_s": 30.0}
    first = start(options=slow_lease).wait_until_up()
    playing = asyncio.create_task(play_calls(redis_url, 4, 2.2))
    await asyncio.to_thread(wait_for, lambda: taken(first) >= 4 * STAGES)
    second = start(options=slow_lease).wait_until_up()
    assert await asyncio.to_thread(first.stop) == 0
    await asyncio.to_thread(wait_for, lambda: taken(second) >= 4 * STAGES, 15, "handover long before the lease ends")
    await assert_identical(redis_url, await playing)


async def test_a_frame_that_kills_the_process_becomes_a_dead_letter_and_the_call_goes_on(
    redis_url: str, start: Start
) -> None:
    frames = frames_of(0, 30, {12: FATAL})
    call = a_call("deadly")
    others = {f"other-{number}": frames_of(number, 30) for number in range(1, 3)}
    vads = [start(stages=("vad",)) for _ in range(2)]
    rest = start(stages=ALL_STAGES[1:])
    async with producing(redis_url) as producer:
        await play(producer, call, frames)
        for call_id, sound in others.items():
            await play(producer, a_call(call_id), sound)
        deadline = time.monotonic() + 100
        reader = asyncio.create_task(timeline(redis_url, "deadly", 100))
        while not reader.done() and time.monotonic() < deadline:
            vads = [process if process.alive else start(stages=("vad",)) for process in vads]
            await asyncio.sleep(0.1)
    assert await reader == await asyncio.to_thread(timeline_of, call, numbered(frames))
    for call_id, sound in others.items():
        expected = await asyncio.to_thread(timeline_of, a_call(call_id), numbered(sound))
        assert await timeline(redis_url, call_id) == expected
    redis = connect(redis_url)
    ((_, flat),) = await redis.execute_command("XRANGE", "call:{deadly}:dead", "-", "+")
    await redis.aclose()
    letter = pairs(flat)
    assert [letter[name] for name in (b"stage", b"log", b"id")] == [b"vad", b"audio:0", b"10400-0"]
    assert letter[b"reason"] == b"vad failed on it 3 times"
    assert rest.alive


async def test_a_poison_entry_becomes_a_gap_and_a_dead_letter_and_disturbs_no_other_call(
    redis_url: str, start: Start
) -> None:
    start().wait_until_up()
    calls = {number: frames_of(number, 30, {7: POISON, 21: POISON} if number == 0 else None) for number in range(3)}
    async with producing(redis_url) as producer:
        await asyncio.gather(*(play(producer, a_call(f"c{number}"), frames) for number, frames in calls.items()))
    for number, frames in calls.items():
        expected = await asyncio.to_thread(timeline_of, a_call(f"c{number}"), numbered(frames))
        assert await timeline(redis_url, f"c{number}") == expected
    redis = connect(redis_url)
    assert await redis.xlen("call:{c0}:dead") == 2
    assert await redis.xlen("call:{c1}:dead") == 0
    await redis.aclose()


async def test_a_worker_outlives_redis_being_killed_and_restarted_on_its_log(
    new_redis_server: Callable[..., RedisServer], tmp_path: Path
) -> None:
    server = new_redis_server(aof=True)
    workers = [WorkerProcess(server.url, tmp_path / f"{number}.log").wait_until_up() for number in range(2)]
    try:
        playing = asyncio.create_task(play_calls(server.url, 4, 3.2))
        for _ in range(2):
            await asyncio.sleep(1.0)
            server.kill()
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.start)
        await assert_identical(server.url, await playing)
        assert all(worker.alive for worker in workers)
    finally:
        for worker in workers:
            worker.close()
