"""Calls go on where their shard goes: to a replica after a crash or as planned, or to another node of the cluster.

Redis replicates after it has answered, so a crash may take what was written last. Producers send the last seconds again
after every break, and everything else follows from the sound: so the timelines are those of a run without faults."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.tools.cli.redis_option import check_redis
from speakerline.tools.failure import Failure
from tests.redis_cluster import RedisCluster
from tests.redis_sentinel import RedisGroup
from tests.runtime.playing import a_call, frames_of, outliving, play, producing, shard_with, timeline, until, working
from tests.runtime.processes import FAST
from tests.runtime.reference import numbered, timeline_of

CALM = WorkerOptions(**{**FAST, "lease_s": 5.0})
"""A lease that a busy machine holds: calls stay with their owners wherever their shard goes."""
SHARDS = 4
CALLS = 6
FRAMES = 80
PACE_S = 0.05


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    with RedisCluster(SHARDS) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def watched() -> Iterator[RedisGroup]:
    with RedisGroup() as group:
        yield group


class Played:
    """Calls that are sent while something happens, and who watches them."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.frames = {f"{name}-{number}": frames_of(number, FRAMES) for number in range(CALLS)}

    async def until_heard(self) -> None:
        """Until all calls are under way."""
        for call_id in self.frames:
            redis = shard_with(self.url, call_id)
            await until(partial(outliving, partial(redis.xlen, redis.key(f"call:{{{call_id}}}:timeline"))))
            await redis.aclose()

    async def problems(self) -> list[str]:
        """The calls whose timelines are not those of a run without faults."""
        found = []
        for call_id, frames in self.frames.items():
            expected = await asyncio.to_thread(timeline_of, a_call(call_id), numbered(frames))
            if await timeline(self.url, call_id) != expected:
                found.append(call_id)
        return found


@asynccontextmanager
async def playing(url: str, name: str) -> AsyncIterator[Played]:
    """Yields once all calls are under way; then they are played to their end, and watched to it."""
    played = Played(url, name)
    async with working(url, options=CALM), producing(url, patience_s=60) as producer, Subscriber(url) as subscriber:

        async def watch(call_id: str) -> bool:
            last = [event async for event in subscriber.follow(call_id)][-1]
            return last.call_ended is not None or (last.restarted is not None and last.restarted.ended)

        watching = [asyncio.create_task(watch(call_id)) for call_id in played.frames]
        sending = [
            asyncio.create_task(play(producer, a_call(call_id), frames, PACE_S))
            for call_id, frames in played.frames.items()
        ]
        await played.until_heard()
        yield played
        await asyncio.gather(*sending)
        assert await played.problems() == []
        assert all(await asyncio.gather(*watching)), "who watches hears of the end"


async def test_a_primary_of_a_cluster_dies(cluster: RedisCluster) -> None:
    async with playing(cluster.url, "killed"):
        killed = await asyncio.to_thread(cluster.primary_of, 0)
        await asyncio.to_thread(cluster.fail_over, killed)
    await asyncio.to_thread(cluster.bring_back, killed)


async def test_a_replica_of_a_cluster_takes_over_as_planned(cluster: RedisCluster) -> None:
    async with playing(cluster.url, "planned"):
        await asyncio.to_thread(cluster.hand_over, await asyncio.to_thread(cluster.primary_of, 1))


async def test_shards_are_moved_to_other_nodes_of_the_cluster(cluster: RedisCluster) -> None:
    async with playing(cluster.url, "moved"):
        for shard in range(SHARDS):
            await asyncio.to_thread(cluster.move, shard)


async def test_the_primary_that_sentinel_watches_dies(watched: RedisGroup) -> None:
    async with playing(watched.url, "killed"):
        killed = await asyncio.to_thread(watched.primary_of, 0)
        await asyncio.to_thread(watched.fail_over, killed)
    await asyncio.to_thread(watched.bring_back, killed)


async def test_sentinel_changes_the_primary_as_planned(watched: RedisGroup) -> None:
    async with playing(watched.url, "planned"):
        await asyncio.to_thread(watched.hand_over, await asyncio.to_thread(watched.primary_of, 0))


async def test_commands_look_at_all_shards_of_a_cluster(cluster: RedisCluster) -> None:
    await check_redis(cluster.url)


async def test_a_node_of_a_cluster_that_is_spoken_to_as_a_single_redis_is_told(cluster: RedisCluster) -> None:
    with pytest.raises(Failure, match=r"it is a node of a cluster: expected redis\+cluster://"):
        await check_redis(cluster.nodes[0].url)


async def test_a_single_redis_is_no_cluster(redis_url: str) -> None:
    with pytest.raises(Failure, match="cluster support disabled"):
        await check_redis(redis_url.replace("redis://", "redis+cluster://") + "?shards=2")


async def test_a_name_that_sentinel_does_not_know(watched: RedisGroup) -> None:
    with pytest.raises(Failure, match="No master found for 'other'"):
        await check_redis(watched.url.replace("/calls/", "/other/"))
