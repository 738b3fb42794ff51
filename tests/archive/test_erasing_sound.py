"""After `forget` no byte of a recorded call is left: in Redis, in SQLite, among the files of sound, at the gateway."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from speakerline.services.aggregator.stage import AggregatorStage
from speakerline.services.archive import recorder, turn
from speakerline.services.archive.channel_sound import Piece
from speakerline.services.archive.erasing import erase
from speakerline.services.archive.metrics import ArchiveMetrics
from speakerline.services.archive.recorder import Recorder
from speakerline.services.archive.sound_rows import OpenRecording, SoundRows
from speakerline.services.archive.store import NotOurs, Store
from speakerline.shared.archive.settings import ArchiveSettings
from speakerline.shared.archive.sound import SoundFolder
from speakerline.shared.arrays import Int16s
from speakerline.shared.audio.flac import from_flac
from speakerline.shared.audio.pcm import decode
from speakerline.shared.client.forget import forget
from speakerline.shared.contract.v1 import Encoding
from speakerline.shared.keys import ARCHIVE
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import AGGREGATOR
from speakerline.shared.runtime import append_only
from speakerline.shared.runtime.connection import Shard, connect
from tests.archive.archived_calls import a_call, keep, record, store_of
from tests.archive.object_store import objects_url
from tests.archive.running import Database, running_archive, sqlite_url
from tests.archive.test_sound import closed
from tests.client.test_erasure import (
    EVERYWHERE,
    MARKING,
    a_marked_call,
    is_rewritten,
    marks,
    places_of,
)
from tests.gateway.running import Running, running
from tests.redis_server import RedisServer
from tests.runtime.playing import frames_of, is_rewritten_after_its_start, play, producing, until, working

STAGES = {**MARKING, AGGREGATOR.name: AggregatorStage()}
FRAMES = {"vanished": frames_of(1, 60), "kept": frames_of(2, 60)}
ROUTES = ("", "/timeline", "/export/txt", "/recording", "/sound")


@pytest.fixture
def server(new_redis_server: Callable[..., RedisServer], monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    monkeypatch.setattr(append_only, "EVERY_S", 1)
    monkeypatch.setattr(recorder, "EVERY_S", 0.05)
    return new_redis_server(aof=True, **EVERYWHERE)


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Shard]:
    connection = connect(server.url)
    yield connection
    await connection.aclose()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(sqlite_url(tmp_path))
    yield opened
    opened.close()


def found(folder: Path, state: str) -> dict[str, list[bytes]]:
    """Which marks of a call, and words as the index has them, are in which files, or in their names."""
    wanted = [*marks(state), f"word of {state}".encode()]
    files = {path: str(path.relative_to(folder)).encode() + path.read_bytes().lower() for path in every_file(folder)}
    return {path.name: seen for path, held in files.items() if (seen := [mark for mark in wanted if mark in held])}


def every_file(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def sound_of(state: str) -> Int16s:
    return decode(b"".join(FRAMES[state]), Encoding.MULAW)


def has_sound(folder: Path, state: str) -> bool:
    """Whether a file has the first second of the call, as FLAC or as it was sent."""
    first = sound_of(state)[:8000]
    contents = [path.read_bytes() for path in every_file(folder)]
    decoded = [from_flac(content) for content in contents if content.startswith(b"fLaC")]
    return any(np.array_equal(one[:8000], first) for one in decoded) or any(FRAMES[state][1] in one for one in contents)


async def answers(gateway: Running, state: str) -> set[int]:
    """What all routes answer that show the call; no copy of it may be kept by who asks."""
    paths = [f"/calls/callid-of-{state}{route}" for route in ROUTES]
    found = [await gateway.client.get(path) for path in paths]
    listed = await gateway.client.get("/archive/calls", params={"q": f"word-of-{state}"})
    assert {one.headers["cache-control"] for one in [*found, listed]} == {"no-store"}
    return {one.status_code for one in found} | {200 if listed.json()["calls"] else 404}


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return tmp_path / "sound"


@pytest.fixture(params=[str, objects_url], ids=["in a folder", "in an object store"])
def sound_url(request: pytest.FixtureRequest, sound: Path) -> str:
    return str(request.param(sound))


async def test_no_store_holds_anything_of_an_erased_call_that_was_recorded(
    server: RedisServer, redis: Shard, database: Database, tmp_path: Path, sound: Path, sound_url: str
) -> None:
    async with (
        running_archive(server.url, database.url, sound_url=sound_url),
        running(server.url, archive=ArchiveSettings(database.url, sound_url)) as gateway,
    ):
        await until(lambda: redis.exists(ARCHIVE))  # from now on sound waits for it
        async with producing(server.url) as producer, working(server.url, stages=STAGES):
            await until(lambda: is_rewritten_after_its_start(redis))  # what is trimmed from now on stays in the file
            for state, frames in FRAMES.items():
                await play(producer, a_marked_call(state), frames)
                assert await database.ended(f"callid-of-{state}")
                await closed(database, f"callid-of-{state}")
        for state in FRAMES:
            assert found(tmp_path, state) and await places_of(state, redis, server.folder), "the test can see them"
            assert has_sound(sound, state) and has_sound(server.folder, state)
            assert await answers(gateway, state) == {200}
        erased = await forget(server.url, "callid-of-vanished")
        assert erased.deleted and not erased.left
        await until(lambda: is_rewritten(redis))
        assert found(tmp_path, "vanished") == await places_of("vanished", redis, server.folder) == {}
        assert not has_sound(sound, "vanished") and not has_sound(server.folder, "vanished")
        assert has_sound(sound, "kept") and len(list(sound.iterdir())) == 1
        assert await answers(gateway, "vanished") == {404}
        assert await answers(gateway, "kept") == {200}
    assert found(tmp_path, "vanished") == {}


async def test_a_call_that_is_erased_while_it_is_recorded_leaves_no_file(
    server: RedisServer, redis: Shard, database: Database, tmp_path: Path, sound: Path, sound_url: str
) -> None:
    async with running_archive(server.url, database.url, sound_url=sound_url):
        await until(lambda: redis.exists(ARCHIVE))
        async with producing(server.url) as producer, working(server.url, stages=STAGES):
            call = await producer.start(a_marked_call("vanished"), buffer_s=60.0)
            for pcm in frames_of(1, 250):
                call.send(pcm)
            await until(lambda: _any(sound.rglob("*.flac")))
            assert (await forget(server.url, "callid-of-vanished")).deleted
            assert every_file(sound) == []
            await play(producer, a_marked_call("kept"), FRAMES["kept"])
            await closed(database, "callid-of-kept")  # so the recorder has been at work since
    assert len(list(sound.iterdir())) == 1 and has_sound(sound, "kept")
    assert found(tmp_path, "vanished") == {}


async def test_while_its_sound_can_not_be_reached_a_call_waits_for_its_erasure_and_others_do_not(
    server: RedisServer, redis: Shard, database: Database, tmp_path: Path, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "ERASE_AGAIN_S", 0.1)
    monkeypatch.setattr(recorder, "PAUSE_S", 0.1)
    url, away = objects_url(sound), sound / "away"
    archive = ArchiveSettings(database.url, url)
    async with (
        running_archive(server.url, database.url, sound_url=url, archive_words_days=1, archive_sound_days=1),
        running(server.url, archive=archive) as gateway,
        producing(server.url) as producer,
        working(server.url, stages=STAGES),
    ):
        await until(lambda: redis.exists(ARCHIVE))
        await play(producer, a_marked_call("vanished"), FRAMES["vanished"])
        await closed(database, "callid-of-vanished")
        away.touch()
        assert (await gateway.client.get("/calls/callid-of-vanished/sound")).status_code == 503
        erasing = asyncio.create_task(forget(server.url, "callid-of-vanished"))
        await play(producer, a_marked_call("kept"), FRAMES["kept"])
        assert await database.ended("callid-of-kept") and database.snapshot("callid-of-vanished")
        away.unlink()
        await closed(database, "callid-of-kept")
        assert (await erasing).deleted
        await until(lambda: _none(database, "callid-of-vanished"))
    assert found(tmp_path, "vanished") == {}
    assert not has_sound(sound, "vanished") and has_sound(sound, "kept")


@pytest.mark.parametrize("erased", [True, False])
def test_a_writer_that_was_taken_for_dead_leaves_sound_of_no_erased_call(
    database: Database, sound: Path, sound_url: str, erased: bool
) -> None:
    """It was stopped while it wrote a file, and goes on after another one has taken over."""
    store, folder = store_of(database.url), SoundFolder(sound_url)
    keep(store, call := a_call("c", 1000, "hello"))
    record(store, folder, call, sound_of("kept"))
    late = Recorder(Shard(), SoundRows(store), folder, asyncio.Lock(), ArchiveMetrics(CollectorRegistry()), Log())
    another = Store(store.engine)
    another.take_over("another")
    if erased:
        erase(another, "c", "1-2", lambda folders: folder.remove(*folders))
    row = OpenRecording(call.archive_id, "c", "f", 8000, Encoding.MULAW, 1)
    with pytest.raises(NotOurs):
        late._keep_file(row, 0, Piece(48_000, sound_of("vanished")), "f/0-48000.flac")
    store.engine.dispose()
    assert len(every_file(sound)) == (0 if erased else 2)


async def _none(database: Database, call_id: str) -> bool:
    return database.snapshot(call_id) is None


async def _any(paths: Iterator[Path]) -> bool:
    return next(paths, None) is not None
