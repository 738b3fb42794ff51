"""After `forget` no byte of a call is left: in no key, stream, append-only file or log, nor among the slow commands.

Redis marks deleted entries of a stream and keeps their bytes, so what counts here is what DUMP shows. Beside every call
that is erased lie others that stay, in the same streams and nodes.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from speakerline.shared.client.forget import MARK_S, PIECE, forget
from speakerline.shared.client.producer import ProducerError
from speakerline.shared.codec import write_call
from speakerline.shared.contract.v1 import ChannelMode, SpeakerNamed, Transcript
from speakerline.shared.keys import (
    CALLS,
    FIREHOSE,
    REFUSED,
    REWRITE_DUE,
    REWRITE_PAUSE,
    audio_key,
    meta_key,
    stream_key,
)
from speakerline.shared.logs import JsonLines
from speakerline.shared.pipeline import ASR, CLUSTERING, TURNS, WORDS
from speakerline.shared.runtime import append_only
from speakerline.shared.runtime.commit import FIREHOSE_LENGTH
from speakerline.shared.runtime.connection import Shard, connect
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.ownership import REFUSED_S
from speakerline.shared.runtime.stage import Event, Stage
from tests.redis_server import RedisServer
from tests.runtime.playing import (
    a_call,
    frames_of,
    is_rewritten_after_its_start,
    outliving,
    play,
    producing,
    shard_with,
    timeline,
    until,
    working,
)
from tests.runtime.toy_stages import POISON, STAGES, ToyAsr, ToyClustering, ToyStage

STATES = ("ended", "live", "refused", "waiting")
EVERYWHERE = {"rdbcompression": "no", "slowlog_log_slower_than": "0", "slowlog_max_len": "10000"}
"""Bytes lie as they are, and every command is a slow one."""


def marks(state: str) -> list[bytes]:
    """What is unmistakable of a call: its id, its metadata, a name and a word."""
    return [f"{kind}-of-{state}".encode() for kind in ("callid", "metadata", "name", "word")]


def id_of(state: str) -> str:
    """That of the live call is a tenant's, with a colon as keys have them."""
    return "@acme/callid-of-live:7" if state == "live" else f"callid-of-{state}"


def a_marked_call(state: str, **fields: Any) -> Any:
    return a_call(id_of(state), metadata={"note": f"metadata-of-{state}"}, **fields)


class _Naming(ToyClustering):
    async def on_event(self, event: Event, at_ms: int) -> None:
        await super().on_event(event, at_ms)
        self.publish(Event(TURNS, at_ms, SpeakerNamed("S1", self.call.call_id.replace("callid", "name"), 1.0)))


class _Speaking(ToyAsr):
    def publish(self, *events: Event) -> None:
        for event in events:
            if isinstance(event.body, Transcript):
                event.body.words[0].text = self.call.call_id.replace("callid", "word")
        super().publish(*events)


MARKING: Mapping[str, Stage] = {**STAGES, CLUSTERING.name: ToyStage(_Naming), ASR.name: ToyStage(_Speaking)}


async def everything(redis: Shard, folder: Path) -> dict[str, bytes]:
    """Every byte that Redis holds, by where it lies."""
    keys: list[bytes] = await redis.execute_command("KEYS", "*")
    held = {f"key {key.decode()}": key + (await redis.dump(key) or b"") for key in keys}
    held["slow commands"] = str(await redis.slowlog_get(10_000)).encode()
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".log":
            held[f"file {path.name}"] = path.read_bytes()
    return held


async def places_of(state: str, redis: Shard, folder: Path) -> dict[str, list[bytes]]:
    """Where which marks of a call are found."""
    found = {}
    for place, held in (await everything(redis, folder)).items():
        if seen := [mark for mark in marks(state) if mark in held]:
            found[place] = seen
    return found


async def is_rewritten(redis: Shard) -> bool:
    """Whether the append-only file is rewritten, with nothing left to rewrite."""
    await append_only.rewrite_if_due(redis)
    due = await redis.exists(REWRITE_DUE)
    return not due and not (await redis.info("persistence"))["aof_rewrite_in_progress"]


async def announce(redis: Shard, announcement: bytes, call_id: str) -> None:
    """As a producer in another language does it, with a first frame."""
    await redis.execute_command("XADD", audio_key(call_id, 0), "0-1", "start", "1")
    await redis.execute_command("XADD", audio_key(call_id, 0), "800-0", "pcm", frames_of(1, 1)[0])
    await redis.execute_command("XADD", CALLS, "*", "event", announcement)


async def test_nothing_of_a_forgotten_call_is_left_anywhere(
    new_redis_server: Callable[..., RedisServer], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(append_only, "EVERY_S", 1)
    server = new_redis_server(aof=True, **EVERYWHERE)
    redis = connect(server.url)
    frames = frames_of(1, 60, {9: POISON})
    async with producing(server.url) as producer, producing(server.url) as other:
        async with working(server.url, stages=MARKING):
            kept = await other.start(a_marked_call("kept"))
            for pcm in frames[:30]:
                kept.send(pcm)
            await play(producer, a_marked_call("ended"), frames)
            assert await timeline(server.url, "callid-of-ended")
            live = await producer.start(a_marked_call("live", channels=2, channel_mode=ChannelMode.SEPARATE))
            for pcm in frames[:40]:
                live.send(pcm, 0)
                live.send(pcm, 1)
            await until(lambda: redis.exists(stream_key(id_of("live"), WORDS)))
            wrong = json.loads(write_call(a_marked_call("refused"))) | {"encoding": "word-of-refused"}
            await announce(redis, json.dumps(wrong).encode(), "callid-of-refused")
            await redis.execute_command("XADD", CALLS, "*", "event", b"name-of-refused callid-of-refused")
            await until(lambda: _is(redis.xlen(REFUSED), 2))
            for state in ("ended", "live"):
                found = await places_of(state, redis, server.folder)
                assert {mark for seen in found.values() for mark in seen} == set(marks(state)), "the test can see them"
                assert f"key {FIREHOSE}" in found and f"key {CALLS}" in found and "slow commands" in found
            assert f"key {CALLS}" in await places_of("refused", redis, server.folder), "deleted, and still there"
            for state in ("ended", "live", "refused"):
                assert (await forget(server.url, id_of(state))).deleted, state
            with pytest.raises(ProducerError, match="was erased"):
                while True:
                    live.send(frames[40])
                    await asyncio.sleep(0.02)
            for pcm in frames[30:]:
                kept.send(pcm)
            await kept.end()
            assert await timeline(server.url, "callid-of-kept")
        await announce(redis, write_call(a_marked_call("waiting")), "callid-of-waiting")
        await announce(redis, write_call(a_marked_call("kept")), "callid-of-kept-too")
        assert (await forget(server.url, "callid-of-waiting")).deleted
    await until(lambda: is_rewritten(redis))

    assert {state: await places_of(state, redis, server.folder) for state in STATES} == {state: {} for state in STATES}
    assert {mark for seen in (await places_of("kept", redis, server.folder)).values() for mark in seen} == set(
        marks("kept")
    )
    logged = "\n".join(JsonLines().format(record) for record in caplog.records).encode()
    assert [mark for state in (*STATES, "kept") for mark in marks(state) if mark in logged] == []
    await redis.aclose()


@pytest.mark.parametrize(
    ("call_id", "slow", "shown"),
    [
        pytest.param("desk:7", "HGET", b"desk:7", id="its id"),
        pytest.param("a\\b'c\"d", "HGET", b"a\\b'c\"d", id="an id that needs quotes"),
        pytest.param(200 * "x", "HGET", 60 * b"x", id="an id of which Redis keeps the beginning"),
        pytest.param("desk:9", "XADD", b"a note", id="metadata, and of the id nothing"),
    ],
)
@pytest.mark.parametrize("shards", [1, 3])
async def test_slow_commands_show_nothing_of_a_forgotten_call(
    redis_url: str, shards: int, call_id: str, slow: str, shown: bytes
) -> None:
    url = f"{redis_url}?shards={shards}"
    redis = shard_with(url, call_id)
    announced = {"metadata": {"note": 200 * "a note"}, **json.loads(write_call(a_call(call_id)))}
    commands = [
        ("XADD", redis.key(CALLS), "*", "event", json.dumps(announced)),
        ("HGET", redis.key(meta_key(call_id)), "call"),
    ]
    for command in commands:
        await redis.config_set("slowlog-log-slower-than", 0 if command[0] == slow else -1)
        await redis.execute_command(*command)
    await redis.config_set("slowlog-log-slower-than", -1)
    assert shown in await _slow_commands(redis)
    assert (await forget(url, call_id)).deleted
    assert shown not in await _slow_commands(redis)
    await redis.config_set("slowlog-log-slower-than", 10_000)
    await redis.aclose()


async def _slow_commands(redis: Shard) -> bytes:
    return b"\n".join(one["command"] for one in await redis.slowlog_get(9))


async def test_a_power_cut_does_not_bring_an_erased_call_back(new_redis_server: Callable[..., RedisServer]) -> None:
    server = new_redis_server(aof=True, appendfsync="everysec")
    redis = connect(server.url)
    async with working(server.url), producing(server.url) as producer:
        await play(producer, a_call("c"), frames_of(1, 30))
        await timeline(server.url, "c")
        await until(lambda: is_rewritten_after_its_start(redis))
        size = server.log.stat().st_size
        await redis.set(REWRITE_PAUSE, "1")
        forgetting = asyncio.create_task(outliving(lambda: forget(server.url, "c")))
        await until(lambda: redis.exists(REWRITE_DUE))
        server.kill()
        server.cut_log(size)
        await asyncio.to_thread(server.start)
        assert (await forgetting).deleted
        assert await redis.keys("call:*") == []
    await redis.aclose()


def test_the_page_tells_the_numbers_of_the_code() -> None:
    page = (Path(__file__).parents[2] / "docs" / "erasure.md").read_text()
    assert f"in pieces of {PIECE} events" in page
    assert "at most once a minute" in page and append_only.EVERY_S == 60
    assert f"or {FIREHOSE_LENGTH:,} events" in page
    assert page.count("| an hour") == 2 and WorkerOptions().firehose_age_s == WorkerOptions().ttl_s == 3600
    assert page.count("| a day |") == 2 and MARK_S == REFUSED_S == 86_400


async def _is(answer: Any, expected: object) -> bool:
    return bool(await answer == expected)
