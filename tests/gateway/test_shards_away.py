"""What the gateway shows while one of two shards is away: the calls of the other, and which shard is missing."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.client.spoken_call import aggregating, spoken
from tests.gateway.running import HANG_S, Running, listening, running
from tests.redis_server import RedisServer
from tests.runtime.test_shards import one_on_each

THERE, AWAY = one_on_each(2)


@pytest.fixture
def servers(new_redis_server: Callable[..., RedisServer]) -> list[RedisServer]:
    return [new_redis_server(aof=True), new_redis_server(aof=True)]


@pytest.fixture
def url(servers: list[RedisServer]) -> str:
    return ",".join(server.url for server in servers)


class Wall:
    """What a wallboard shows, and whether all of it was told anew."""

    def __init__(self, told: AsyncIterator[Any]) -> None:
        self._told = told
        self.rows: dict[str, dict[str, Any]] = {}
        self.away: list[int] = []
        self.wholes = 0

    async def until(self, true: Callable[["Wall"], bool]) -> None:
        """Read on until it shows that."""
        while not true(self):
            told = json.loads((await anext(self._told)).data or "{}")
            if told.get("whole"):
                self.rows, self.away, self.wholes = {}, [], self.wholes + 1
            self.rows |= {row["call_id"]: row for row in told.get("rows", [])}
            self.away = told.get("away", self.away)
            assert ("away" in told) == (told.get("shards") == 2)

    def texts(self) -> dict[str, str]:
        return {call_id: row.get("text", "") for call_id, row in self.rows.items()}

    def stale(self) -> list[str]:
        """Calls whose rows may be old."""
        return [call_id for call_id, row in self.rows.items() if row.get("away")]


@asynccontextmanager
async def wallboard(gateway: Running) -> AsyncIterator[Wall]:
    async with listening(gateway.client, "/wallboard") as blocks:
        yield Wall(blocks)


@pytest.fixture(params=["killed", "stopped"])
def leaves(request: pytest.FixtureRequest, servers: list[RedisServer]) -> Iterator[tuple[Callable[[], None], Any]]:
    """How the Redis of `AWAY` goes away, and how it comes back: connections are refused, or nothing answers."""
    kill = request.param == "killed"
    yield (servers[1].kill, servers[1].start) if kill else (servers[1].pause, servers[1].resume)
    if servers[1].running:
        servers[1].resume()


async def test_rows_of_the_other_shard_go_on_and_those_of_the_missing_one_come_back(
    url: str, leaves: tuple[Callable[[], None], Any]
) -> None:
    leave, come_back = leaves
    async with running(url) as gateway, aggregating(url), spoken(url, THERE) as there, spoken(url, AWAY) as away:
        await asyncio.gather(there.say("hello"), away.say("hello"))

        async def look() -> None:
            async with wallboard(gateway) as wall:
                await wall.until(lambda wall: wall.texts() == {THERE: "hello", AWAY: "hello"})
                leave()
                await wall.until(lambda wall: wall.away == [1])
                await there.say("still")
                await wall.until(lambda wall: wall.texts() == {THERE: "still", AWAY: "hello"})
                await wall.until(lambda wall: wall.stale() == [AWAY])
                listed = await gateway.json("/calls")
                assert ([call["call_id"] for call in listed["calls"]], listed["away"]) == ([THERE], [1])
                await asyncio.to_thread(come_back)
                await wall.until(lambda wall: not wall.away)
                await away.say("again")
                await wall.until(lambda wall: wall.texts() == {THERE: "still", AWAY: "again"})
                assert wall.stale() == []
                assert wall.wholes == 1
                assert "away" not in await gateway.json("/calls")

        await asyncio.wait_for(look(), HANG_S)


async def test_who_begins_to_look_while_a_shard_is_away_sees_its_calls_when_it_is_back(
    url: str, servers: list[RedisServer]
) -> None:
    async with running(url) as gateway, aggregating(url), spoken(url, THERE) as there, spoken(url, AWAY) as away:
        await asyncio.gather(there.say("hello"), away.say("quiet"))
        servers[1].kill()

        async def look() -> None:
            async with wallboard(gateway) as wall:
                await wall.until(lambda wall: wall.away == [1] and wall.texts() == {THERE: "hello"})
                await there.say("still")
                await wall.until(lambda wall: wall.texts() == {THERE: "still"})
                await asyncio.to_thread(servers[1].start)
                await wall.until(lambda wall: not wall.away and wall.texts() == {THERE: "still", AWAY: "quiet"})
                await away.say("again")
                await wall.until(lambda wall: wall.texts()[AWAY] == "again")

        await asyncio.wait_for(look(), HANG_S)


async def test_a_gateway_is_ready_and_names_the_shard_that_is_away(url: str, servers: list[RedisServer]) -> None:
    async with running(url) as gateway, spoken(url, AWAY):
        assert (await gateway.client.get("/readyz")).text == "ready"
        servers[1].kill()
        ready = await gateway.client.get("/readyz")
        assert (ready.status_code, ready.text.splitlines()[0]) == (200, "ready")
        assert ready.text.splitlines()[1].startswith("shard 1: Redis does not answer: ")
        servers[0].kill()
        gone = await gateway.client.get("/readyz")
        assert (gone.status_code, gone.text.startswith("Redis does not answer: ")) == (503, True)
        assert (await gateway.client.get("/calls")).status_code == 503
        assert (await gateway.client.get("/healthz")).text == "alive"


async def test_a_call_that_may_be_on_the_missing_shard_is_not_called_unknown(
    url: str, servers: list[RedisServer]
) -> None:
    async with running(url) as gateway:
        servers[1].kill()
        assert (await gateway.client.get(f"/digests/{'0' * 12}")).status_code == 503
        assert (await gateway.client.get(f"/calls/{AWAY}")).status_code == 503
        assert (await gateway.client.get(f"/calls/{THERE}")).status_code == 404
