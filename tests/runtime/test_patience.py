"""However many calls are silent, they cost Redis little, and their first sound is heard all the same."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from speakerline.shared.codec import read_call
from speakerline.shared.keys import audio_key
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import PIPELINE, VAD
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.ending import end
from speakerline.shared.runtime.lobby import CHECKED, NEWEST, Lobby
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.ownership import Ownership
from speakerline.shared.runtime.patience import READERS, Patience
from speakerline.shared.runtime.reading import ReadSet
from tests.runtime.announcing import announce
from tests.runtime.playing import FAST_OPTIONS, a_call, frames_of, producing, timeline, until, working
from tests.runtime.processes import FAST
from tests.runtime.reference import numbered, timeline_of

FIRST, SECOND = READERS
MANY = 4 * NEWEST
FRAMES = frames_of(1, 20)
MOST_WORDS = 2 * max(len(spec.inputs) for spec in PIPELINE) * NEWEST + 30
"""Of a read: a key and an id for each log, and some more."""


class Waiting:
    """The part of a vad's worker that waits for the first sound of calls."""

    def __init__(self, redis: Shard) -> None:
        self._ownership = Ownership(redis, VAD.name, 60.0)
        metrics = Metrics(CollectorRegistry()).for_stage(VAD.name)
        self.lobby = Lobby(redis, VAD, self._ownership, WorkerOptions(**FAST), metrics, Log())
        self.patience = Patience(redis, self.lobby, FIRST, self._stir)
        self.told = asyncio.Event()

    async def take(self) -> None:
        await self._ownership.join()
        claims = await self._ownership.take(MANY, self.lobby.entries)
        await self.lobby.receive([(claim, read_call(claim.announcement)) for claim in claims])

    async def _stir(self) -> None:
        self.told.set()

    async def check(self) -> None:
        await self.lobby.check(self.lobby.entries, await self._ownership.beat())


@pytest.fixture
async def waiting(redis: Shard) -> Waiting:
    for number in range(MANY):
        await announce(redis, a_call(f"silent-{number}"))
    waiting = Waiting(redis)
    await waiting.take()
    assert waiting.lobby.silent == MANY
    return waiting


async def sound(redis: Shard, call_id: str) -> None:
    await redis.execute_command("XADD", audio_key(call_id, 0), "800-0", "pcm", FRAMES[0])


async def test_the_loop_reads_the_logs_of_the_newest_alone(waiting: Waiting) -> None:
    apart = waiting.lobby.set_apart(1, 0.0)
    assert len(waiting.lobby.watched) == NEWEST
    assert len(apart) == MANY - NEWEST
    assert not apart.keys() & waiting.lobby.watched.keys()
    assert audio_key("silent-0", 0).encode() in apart


async def test_calls_that_have_been_silent_for_long_are_in_longer_reads_alone(waiting: Waiting) -> None:
    assert len(waiting.lobby.set_apart(FIRST.number, FIRST.silent_s)) == MANY - NEWEST
    assert not waiting.lobby.set_apart(SECOND.number, SECOND.silent_s), "not yet"
    assert len(waiting.lobby.set_apart(SECOND.number, 0.0)) == MANY - NEWEST
    assert not waiting.lobby.set_apart(FIRST.number, FIRST.silent_s)
    assert len(waiting.lobby.watched) == NEWEST


async def test_after_an_outage_a_read_that_hears_of_none_begins_anew(waiting: Waiting, redis: Shard) -> None:
    reading = asyncio.create_task(waiting.patience.read_forever())
    await until(lambda: _blocked(redis))
    (before,) = await _blocked(redis)
    waiting.patience.restart()

    async def began_anew() -> bool:
        return any(client != before for client in await _blocked(redis))

    await until(began_anew)
    await end([reading])


async def test_few_calls_need_no_read_of_their_own(redis: Shard) -> None:
    waiting = Waiting(redis)
    for number in range(NEWEST):
        await announce(redis, a_call(f"silent-{number}"))
    await waiting.take()
    assert not waiting.lobby.set_apart(1, 0.0)
    assert len(waiting.lobby.watched) == NEWEST


async def test_a_heartbeat_asks_some_and_asks_all_in_turn(waiting: Waiting, redis: Shard) -> None:
    before = await _asked(redis)
    await waiting.check()
    assert await _asked(redis) - before == CHECKED
    for number in range(MANY):
        await sound(redis, f"silent-{number}")
    for _ in range(-(-MANY // CHECKED)):
        await waiting.check()
    assert waiting.lobby.silent == 0


async def test_what_comes_on_a_log_that_is_read_apart_is_found(waiting: Waiting, redis: Shard) -> None:
    reading = asyncio.create_task(waiting.patience.read_forever())
    await sound(redis, "silent-0")
    await waiting.told.wait()
    await end([reading])
    assert (waiting.lobby.silent, waiting.lobby.stirred) == (MANY - 1, 1)


async def test_a_log_that_is_none_is_found_although_it_fails_the_read_of_all(waiting: Waiting, redis: Shard) -> None:
    await redis.set(audio_key("silent-0", 0), "no stream")
    await waiting.patience.read()
    assert (waiting.lobby.silent, waiting.lobby.stirred) == (MANY - 1, 1)


async def test_a_read_that_fails_is_no_end(waiting: Waiting, redis: Shard) -> None:
    reading = asyncio.create_task(waiting.patience.read_forever())
    await until(lambda: _kill_blocked(redis))
    await sound(redis, "silent-0")
    await waiting.told.wait()
    await end([reading])


async def test_calls_with_sound_are_read_for_without_the_silent_ones(
    redis_url: str, redis: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All stages: none names the logs of old silent calls in every read, and each hears of their first entry."""
    sizes: dict[ReadSet, int] = {}
    command = ReadSet.command

    def counted(reads: ReadSet, block_ms: int) -> list[Any]:
        words = command(reads, block_ms)
        sizes[reads] = len(words)
        return words

    monkeypatch.setattr(ReadSet, "command", counted)
    quick = [replace(reader, silent_s=reader.silent_s / 200, wait_s=reader.wait_s / 20) for reader in READERS]
    monkeypatch.setattr("speakerline.shared.runtime.shard_worker.READERS", quick)
    async with producing(redis_url) as producer, working(redis_url, options=FAST_OPTIONS) as workers:
        outgoing = await producer.start(a_call("late"))
        for number in range(MANY):
            await announce(redis, a_call(f"silent-{number}"))
        await until(lambda: all(worker.shards[0].lobby.silent == MANY + 1 for worker in workers))
        await until(lambda: len(sizes) == len(workers) and all(size <= MOST_WORDS for size in sizes.values()))
        for pcm in FRAMES:
            outgoing.send(pcm)
        await outgoing.end()
        assert await timeline(redis_url, "late") == await _expected("late")
        assert max(sizes.values()) <= MOST_WORDS


async def _blocked(redis: Shard) -> list[str]:
    """Clients that wait."""
    return [client["id"] for client in await redis.client_list() if "b" in client["flags"]]


async def _kill_blocked(redis: Shard) -> bool:
    """Whether a client waited, whose connection is closed now."""
    blocked = await _blocked(redis)
    for client in blocked:
        await redis.execute_command("CLIENT", "KILL", "ID", client)
    return bool(blocked)


async def _asked(redis: Shard) -> int:
    """How many logs were asked for their last entry."""
    told = await redis.info("commandstats")
    return int(told.get("cmdstat_xrevrange", {"calls": 0})["calls"])


async def _expected(call_id: str) -> list[bytes]:
    return await asyncio.to_thread(timeline_of, a_call(call_id), numbered(FRAMES))
