"""What a full or read-only Redis still does: no new calls and no new sound, but all work that makes room."""

from typing import Any

import pytest
from redis.exceptions import ResponseError

from speakerline.shared.client.forget import forget
from speakerline.shared.codec import write_call
from speakerline.shared.keys import (
    CALLS,
    REFUSED,
    REWRITE_DUE,
    REWRITE_PAUSE,
    REWRITE_RUN,
    audio_key,
    forgotten_key,
    loads_key,
    meta_key,
    stage_key,
)
from speakerline.shared.pipeline import ARCHIVE_READER
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard, connect, is_outage
from speakerline.shared.runtime.ownership import Ownership
from tests.redis_server import RedisServer
from tests.runtime.playing import a_call

AUDIO, FORGOTTEN = audio_key("c", 0), forgotten_key("c")
CALL = write_call(a_call("c"))
OF_PRODUCERS = {"amend", "append", "insert", "start"}


@pytest.fixture
async def redis(redis_server: RedisServer) -> Any:
    client = connect(redis_server.url)
    yield client
    for setting in ("maxmemory", "min-replicas-to-write"):
        await client.config_set(setting, 0)
    await client.execute_command("REPLICAOF", "NO", "ONE")
    await client.aclose()


async def fill(redis: Shard) -> None:
    await redis.config_set("maxmemory", 1)


async def lose_the_primary(redis: Shard) -> None:
    await redis.execute_command("REPLICAOF", "127.0.0.1", "1")


async def lose_the_replicas(redis: Shard) -> None:
    await redis.config_set("min-replicas-to-write", 1)


def seen(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the scripts that run from now on."""
    names, run, run_all = set(), scripts.run, scripts.run_all

    async def noted(redis: Shard, name: str, *rest: Any) -> Any:
        names.add(name)
        return await run(redis, name, *rest)

    async def all_noted(redis: Shard, name: str, runs: Any) -> list[Any]:
        names.add(name)
        return await run_all(redis, name, runs)

    monkeypatch.setattr(scripts, "run", noted)
    monkeypatch.setattr(scripts, "run_all", all_noted)
    return names


async def test_every_script_of_the_workers_does_its_work_in_a_full_redis(
    redis: Shard, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await scripts.run(redis, "start", [CALLS, meta_key("c"), FORGOTTEN, AUDIO], CALL, "producer", "attempt")
    assert started == b"STARTED"
    await redis.execute_command("XADD", CALLS, "*", "event", "no call")
    await redis.hset(meta_key("withdrawn"), "producer", "producer")
    await fill(redis)
    names = seen(monkeypatch)
    owner, peer = Ownership(redis, "vad", 0.0), Ownership(redis, "vad", 0.0)
    await owner.join()
    call, other = await owner.take(2, set())
    await owner.refuse(other, "it is none", 50)
    assert await redis.xlen(REFUSED) == 1
    ((fields, _, _),) = await owner.open([(call, a_call("c"))], 50, range(2))
    assert b"token" in fields
    assert await owner.beat() == {call.entry: 1}
    (call,) = await peer.take(2, set())
    await peer.open([(call, a_call("c"))], 50, range(2))
    stage = stage_key("c", "vad")
    assert await scripts.run(redis, "try", [stage], call.fence, 1) == 1
    assert await scripts.run(redis, "forgive", [stage], 9) == 0
    output = (1, 3, "100-0", "", 2, "event", "{}")
    commit = (call.fence, 0, "", 0, *output, 0, 0, 0, 0, 0, 0)
    assert await scripts.run(redis, "commit", [stage, meta_key("c"), "call:{c}:speech"], *commit) == b"DONE"
    archived = stage_key("c", ARCHIVE_READER)
    assert await scripts.run(redis, "recorded", [meta_key("c"), archived], "low:audio:0", 0) == 1
    assert await scripts.run(redis, "mark_idle", [stage, AUDIO], call.fence, "0-1") == 1
    assert await scripts.run(redis, "close_idle", [AUDIO, stage], call.fence, "0-2") == 1
    assert await scripts.run(redis, "orphan", [meta_key("c"), stage], 50) == 0
    lease = ("vad", peer.me, call.entry, 2)
    assert await scripts.run(redis, "close_silent", [CALLS, audio_key("c", 1)], *lease, "unheard") == 1
    assert await scripts.run(redis, "heard", [CALLS, stage, AUDIO], call.entry, 1) == [1]
    await scripts.run(redis, "wake", [peer.wake_key], 60)
    await peer.waiting()
    loads = [loads_key("vad"), CALLS]
    assert await scripts.run(redis, "weigh", loads, "vad", owner.me, "{}", 60_000, 60) == [0]
    assert await scripts.run(redis, "weigh", loads, "vad", peer.me, "{}", 60_000, 60) == [
        0,
        owner.me.encode(),
        b"{}",
        0,
    ]
    assert await peer.release_all() == 1
    (call,) = await peer.take(2, set())
    await peer.park(call.entry)
    assert (await peer.waiting()).parked == 1
    assert (await forget(redis_url, "c")).deleted > 0
    assert await redis.get(FORGOTTEN) == b"producer"
    assert (await forget(redis_url, "withdrawn")).deleted == 1
    due = [REWRITE_DUE, REWRITE_PAUSE]
    assert [await scripts.run(redis, "due", due, 60, erased) for erased in ("1", "1", "")] == [
        b"NOW",
        b"LATER",
        b"LATER",
    ]
    assert await scripts.run(redis, "rewritten", [REWRITE_RUN], "run") == b"OK"
    assert names == set(scripts._SOURCES) - OF_PRODUCERS, "every script has a line above"


@pytest.mark.parametrize(
    ("trouble", "answer"),
    [
        pytest.param(fill, "command not allowed when used memory > 'maxmemory'", id="a full Redis"),
        pytest.param(lose_the_primary, "against a read only replica", id="a replica without its primary"),
        pytest.param(lose_the_replicas, "Not enough good replicas", id="a primary without its replicas"),
    ],
)
async def test_what_a_redis_refuses_for_a_while_is_an_outage_for_producers(
    redis: Shard, trouble: Any, answer: str
) -> None:
    await redis.execute_command("XADD", AUDIO, "0-1", "start", "1")
    await trouble(redis)
    with pytest.raises(ResponseError, match=answer) as new_call:
        await scripts.run(redis, "start", [CALLS, meta_key("c"), FORGOTTEN, AUDIO], CALL, "producer", "attempt")
    frame = ("800-0", 2, "pcm", "x")
    (new_sound,) = await scripts.run(redis, "append", [AUDIO], "producer", 1, "low:audio:0", 1000, len(frame), *frame)
    assert answer in str(new_sound)
    assert is_outage(new_call.value) and is_outage(new_sound)
