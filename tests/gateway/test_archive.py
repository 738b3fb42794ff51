"""Calls that Redis has let go, by the routes of the gateway: found, read as live ones are, erased."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from redis.asyncio import Redis

from speakerline.shared.archive.settings import ArchiveSettings
from speakerline.shared.archive.sound import SoundFolder
from speakerline.shared.runtime.connection import connect
from tests.archive.archived_calls import a_call, keep, record, store_of
from tests.archive.running import Database, running_archive, sqlite_url
from tests.client.spoken_call import aggregating, spoken
from tests.gateway.running import Running, running


@asynccontextmanager
async def gateway_of(redis_url: str, database_url: str, sound_url: str = "") -> AsyncIterator[Running]:
    async with running(redis_url, archive=ArchiveSettings(database_url, sound_url)) as gateway:
        yield gateway


async def let_go(redis_url: str) -> None:
    """As Redis does an hour after a call."""
    redis: Redis = connect(redis_url)
    await redis.delete(*await redis.keys("call:*"))
    await redis.aclose()


async def test_a_call_reads_the_same_after_redis_has_let_it_go(redis_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path))
    paths = ("/calls/desk", "/calls/desk/timeline", "/calls/desk/export/json", "/calls/desk/export/srt")
    async with running_archive(redis_url, database.url), gateway_of(redis_url, database.url) as gateway:
        async with aggregating(redis_url), spoken(redis_url, "desk") as call:
            await call.say("hello", "world")
            await call.end()
            await database.ended("desk")
        live = [(await gateway.client.get(path)).text for path in paths]
        await let_go(redis_url)
        assert [(await gateway.client.get(path)).text for path in paths] == live
        (found,) = (await gateway.json("/archive/calls", q="world"))["calls"]
        assert (found["call_id"], found["words"], found["ended"]) == ("desk", 2, True)
        erased = (await gateway.client.delete("/calls/desk")).json()
        assert erased["deleted"] > 0 and not erased["left"]
        assert [(await gateway.client.get(path)).status_code for path in paths] == [404] * 4
        assert (await gateway.json("/archive/calls"))["calls"] == []
        assert (await gateway.client.delete("/calls/desk")).status_code == 404
    database.close()


async def test_of_an_id_that_came_twice_each_call_can_be_read(redis_url: str, tmp_path: Path) -> None:
    store = store_of(sqlite_url(tmp_path))
    keep(store, a_call("desk", 1000, "older"), a_call("desk", 2000, "newer"), a_call("@acme/desk", 3000, "theirs"))
    async with gateway_of(redis_url, sqlite_url(tmp_path)) as gateway:
        found = (await gateway.json("/archive/calls"))["calls"]
        assert [one["began_at"] for one in found] == ["1970-01-01T00:00:02.000Z", "1970-01-01T00:00:01.000Z"]
        for one, word in zip(found, ("newer", "older"), strict=True):
            assert word in (await gateway.client.get(f"/calls/desk/export/txt?archived={one['archived']}")).text
        assert "newer" in (await gateway.client.get("/calls/desk/export/txt")).text
        answer = await gateway.client.get("/calls/other/timeline", params={"archived": found[0]["archived"]})
        assert answer.status_code == 404
        for path, name in (("/calls/desk/timeline", "archived"), ("/archive/calls", "before")):
            answers = [await gateway.client.get(path, params={name: number}) for number in (2**63 - 1, 2**63, 10**19)]
            assert [one.status_code for one in answers] == [400] * 3, name
        first = await gateway.json("/archive/calls", limit=1)
        assert [one["archived"] for one in first["calls"]] == [first["next"]] == [found[0]["archived"]]
        second = await gateway.json("/archive/calls", limit=1, before=first["next"])
        assert ([one["archived"] for one in second["calls"]], second["next"]) == ([found[1]["archived"]], "")
    store.engine.dispose()


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("q=-music", 400, "expected a word to look for"),
        ("from=yesterday", 400, "from: expected a valid date"),
        ("before=x", 400, "before: expected pattern"),
        ("limit=0", 400, "limit: expected greater than or equal to 1"),
    ],
)
async def test_a_wrong_question_is_refused_with_what_is_expected(
    redis_url: str, tmp_path: Path, query: str, status: int, detail: str
) -> None:
    store_of(sqlite_url(tmp_path)).engine.dispose()
    async with gateway_of(redis_url, sqlite_url(tmp_path)) as gateway:
        answer = await gateway.client.get(f"/archive/calls?{query}")
        assert (answer.status_code, detail in answer.text) == (status, True), answer.text


RANGES = [("bytes=1000-1999", 1000, 2000), ("bytes=399999-", 399_999, 400_044), ("bytes=-3", 400_041, 400_044)]


async def test_sound_is_a_file_that_a_browser_seeks_in(redis_url: str, tmp_path: Path) -> None:
    store, sound_url = store_of(sqlite_url(tmp_path)), str(tmp_path / "sound")
    keep(store, call := a_call("desk", 1000, "hello"), a_call("silent", 2000, "hello"))
    left, right = (np.arange(200_000) % 999).astype(np.int16), np.full(100_000, 7, np.int16)
    record(store, SoundFolder(sound_url), call, left, right)
    async with gateway_of(redis_url, sqlite_url(tmp_path), sound_url) as gateway:
        whole = await gateway.client.get("/calls/desk/sound")
        assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/wav")
        assert whole.headers["accept-ranges"] == "bytes" and len(whole.content) == 400_044
        samples = np.frombuffer(whole.content[44:], "<i2")
        assert (samples[:100_000] == left[:100_000] + 7).all() and (samples[100_000:] == left[100_000:]).all()
        for wanted, first, last in RANGES:
            part = await gateway.client.get("/calls/desk/sound", headers={"Range": wanted})
            assert (part.status_code, part.content) == (206, whole.content[first:last])
            assert part.headers["content-range"] == f"bytes {first}-{last - 1}/400044"
        for wanted in ("bytes=400044-", "bytes=9-8", "bytes=-0", "lines=1-2"):
            assert (await gateway.client.get("/calls/desk/sound", headers={"Range": wanted})).status_code == 416
        alone = (await gateway.client.get("/calls/desk/sound?channel=1")).content
        assert (np.frombuffer(alone[44:], "<i2")[:100_000] == 7).all()
        facts = await gateway.json("/calls/desk/recording")
        assert facts["lost"] == [{"channel": 1, "start_ms": 12_500, "end_ms": 25_000}]
        assert (facts["duration_ms"], facts["channels"], facts["closed"]) == (25_000, 2, True)
        for path in ("/calls/silent/sound", "/calls/silent/recording", "/calls/desk/sound?channel=2", "/calls/x/sound"):
            assert (await gateway.client.get(path)).status_code == 404
        found = (await gateway.json("/archive/calls"))["calls"]
        assert {one["call_id"]: one["recorded"] for one in found} == {"desk": True, "silent": False}
    store.engine.dispose()


async def test_an_archive_that_is_not_there_is_told(redis_url: str, tmp_path: Path) -> None:
    async with running(redis_url) as gateway:
        answer = await gateway.client.get("/archive/calls")
        assert answer.status_code == 404 and "SPEAKERLINE_ARCHIVE_URL" in answer.text
    async with gateway_of(redis_url, sqlite_url(tmp_path)) as gateway:
        answer = await gateway.client.get("/archive/calls")
        assert (answer.status_code, answer.json()["detail"]) == (503, "the archive is away: try again")
        assert (await gateway.client.get("/calls/x")).status_code == 503
