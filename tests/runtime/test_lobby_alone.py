"""The lobby of a worker by itself: which silent calls it keeps, gives up and lets in."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from speakerline.shared.codec import read_call
from speakerline.shared.keys import CALLS, audio_key
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import VAD
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.lobby import Lobby
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.ownership import Ownership
from tests.runtime.announcing import announce
from tests.runtime.playing import a_call, frames_of
from tests.runtime.processes import FAST

FRAMES = frames_of(1, 20)


class Lobbyist:
    """The part of a vad's worker that takes calls and keeps the silent ones."""

    def __init__(self, redis: Shard, **options: float) -> None:
        self.ownership = Ownership(redis, VAD.name, 60.0)
        metrics = Metrics(CollectorRegistry()).for_stage(VAD.name)
        made = WorkerOptions(**{**FAST, **options})
        self.lobby = Lobby(redis, VAD, self.ownership, made, metrics, Log())

    async def take(self) -> list[str]:
        """Those that are to be opened."""
        await self.ownership.join()
        claims = await self.ownership.take(10, self.lobby.entries)
        heard = await self.lobby.receive([(claim, read_call(claim.announcement)) for claim in claims])
        return [call.call_id for _, call in heard]

    async def check(self) -> None:
        await self.lobby.check(self.lobby.entries, await self.ownership.beat())

    async def leave(self, room: int, most: int = 16) -> list[str]:
        return [call.call_id for _, call in await self.lobby.leave(room, most)]


async def sound(redis: Shard, call_id: str) -> None:
    await redis.execute_command("XADD", audio_key(call_id, 0), "800-0", "pcm", FRAMES[0])


async def test_sound_that_no_read_told_of_is_found_at_the_next_heartbeat(redis: Shard) -> None:
    worker = Lobbyist(redis)
    await announce(redis, a_call("c"))
    assert await worker.take() == []
    await sound(redis, "c")
    await worker.check()
    assert await worker.leave(1) == ["c"]
    assert worker.lobby.entries == set()


async def test_a_silent_call_that_another_worker_took_over_is_dropped(redis: Shard) -> None:
    first, second = Lobbyist(redis), Lobbyist(redis)
    await announce(redis, a_call("c"))
    await first.take()
    await first.ownership.release_all()
    assert await second.take() == []
    await first.check()
    assert (len(first.lobby.entries), len(second.lobby.entries)) == (0, 1)


async def test_silence_during_an_outage_does_not_count(redis: Shard) -> None:
    worker = Lobbyist(redis, idle_close_s=0.2)
    await announce(redis, a_call("c"))
    await worker.take()
    await asyncio.sleep(0.3)
    worker.lobby.restart()
    await worker.check()
    assert await redis.xlen(audio_key("c", 0)) == 0
    await asyncio.sleep(0.3)
    await worker.check()
    assert await redis.xlen(audio_key("c", 0)) == 1, "closed"


async def test_calls_with_sound_leave_before_those_that_were_closed(redis: Shard) -> None:
    worker = Lobbyist(redis, silent_calls=1)
    for call_id in ("closed", "live"):
        await announce(redis, a_call(call_id))
    await worker.take()
    await sound(redis, "live")
    await worker.check()
    assert [await worker.leave(2, 1) for _ in range(3)] == [["live"], ["closed"], []]


async def test_no_more_calls_leave_than_there_is_room_for(redis: Shard) -> None:
    worker = Lobbyist(redis)
    for number in range(5):
        await announce(redis, a_call(f"c{number}"))
    await worker.take()
    for number in range(4):
        await sound(redis, f"c{number}")
    await worker.check()
    assert len(await worker.leave(3, 2)) == 2
    assert len(await worker.leave(1)) == 1
    assert (await worker.ownership.waiting()).count == 1, "the fourth is free for others"
    assert len(worker.lobby.entries) == 1, "the fifth is silent"


@pytest.mark.parametrize("spoiled", ["the call has sound", "the lease is lost", "another worker took it over"])
async def test_only_a_silent_call_of_ones_own_is_closed(redis: Shard, spoiled: str) -> None:
    worker = Lobbyist(redis, idle_close_s=0.0)
    await announce(redis, a_call("c"))
    await worker.ownership.join()
    (claim,) = await worker.ownership.take(1, set())
    token = claim.token
    if spoiled == "the call has sound":
        await sound(redis, "c")
    elif spoiled == "the lease is lost":
        await worker.ownership.release_all()
    else:
        token += 1
    keys = [CALLS, audio_key("c", 0)]
    words = (VAD.name, worker.ownership.me, claim.entry, token, "idle")
    before = await redis.xlen(audio_key("c", 0))
    assert await scripts.run(redis, "close_silent", keys, *words) == 0
    assert await redis.xlen(audio_key("c", 0)) == before
