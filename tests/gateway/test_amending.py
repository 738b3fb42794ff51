"""Operators correct calls that have ended: in Redis, and in the archive once Redis has let them go."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from speakerline.services.gateway import amending
from speakerline.shared.client.forget import forget
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.contract import v1
from speakerline.shared.runtime.connection import connect
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.bench.told_call import ToldCall
from tests.archive.running import Database, running_archive, sqlite_url
from tests.gateway.running import Running, running
from tests.gateway.test_archive import gateway_of, let_go
from tests.gateway.test_corrections import MERGE, refused, say
from tests.timeline.conversation import transcript, words_of
from tests.timeline.events import turn

NAMED = {"correction_id": "n1", "name_speaker": {"speaker_id": "S1", "name": "Zanzibar"}}
MOVED = {"correction_id": "t1", "reassign_turn": {"turn_id": "t2"}}


async def an_ended_call(redis_url: str, call_id: str = "c") -> None:
    redis: Redis = connect(redis_url)
    await ToldCall(redis, call_id).tell(
        (0, v1.CallStarted(call_id=call_id, sample_rate=8000, channels=1)),
        *((0, v1.SpeakerCreated(speaker_id=one)) for one in ("S1", "S2")),
        (6000, turn("t1", "S1", 0, 2000)),
        (6000, turn("t2", "S2", 2500, 4000)),
        (6000, transcript("w1", *words_of("S1", "thanks for calling", 200, speaker_confidence=0.9))),
        (6000, transcript("w2", *words_of("S2", "I need help", 2600, speaker_confidence=0.9))),
        (6000, v1.CallSummary(duration_ms=6000)),
        (6000, v1.CallEnded(6000, v1.EndReason.HANGUP)),
    )
    await redis.aclose()


async def as_it_stands(gateway: Running, call_id: str = "c") -> dict[str, Any]:
    found: dict[str, Any] = await gateway.json(f"/calls/{call_id}/timeline")
    return found


def speakers(call: dict[str, Any]) -> dict[str, str]:
    return {one["speaker_id"]: one.get("name", "") for one in call["speakers"] if not one.get("merged_into")}


async def test_an_ended_call_is_corrected_at_once_and_taken_back(redis_url: str) -> None:
    await an_ended_call(redis_url)
    async with running(redis_url) as gateway:
        before = await as_it_stands(gateway)
        assert await say(gateway, {**NAMED, "by": "Ann"}) == {"correction_id": "n1", "at_ms": 6000}
        await say(gateway, MOVED)
        await say(gateway, MERGE)
        call = await as_it_stands(gateway)
        assert speakers(call) == {"S1": "Zanzibar", "S3": ""}
        assert [one["speaker_id"] for one in call["turns"]] == ["S1", "S3"]
        assert {word["speaker_id"] for one in call["transcripts"] for word in one["words"]} == {"S1", "S3"}
        assert call["corrections"][0]["by"] == "Ann" and call["corrections"][0]["after_end"]
        assert "Zanzibar" in (await gateway.client.get("/calls/c/export/txt")).text
        for number, said in enumerate((NAMED, MERGE, MOVED)):
            await say(gateway, {"correction_id": f"u{number}", "undo": {"correction_id": said["correction_id"]}})
        call = await as_it_stands(gateway)
        for name, value in before.items():
            if name in ("speakers", "turns", "transcripts"):
                mine = [{**one, "revision": 1} for one in call[name] if one.get("speaker_id") != "S3"]
                assert mine == [{**one, "revision": 1} for one in value]


async def test_whoever_reads_it_from_the_beginning_sees_it_corrected(redis_url: str) -> None:
    await an_ended_call(redis_url)
    async with running(redis_url) as gateway, Subscriber(redis_url) as subscriber:
        halfway = Timeline("c")
        async for event in subscriber.follow("c"):
            halfway.apply(event)
        await say(gateway, NAMED)
        for timeline in (Timeline("c"), halfway):
            async for event in subscriber.follow("c", timeline.seq, timeline.epoch):
                timeline.apply(event)
            assert timeline.snapshot() == await subscriber.snapshot("c")
            assert timeline.speakers.label("S1") == "Zanzibar"


async def test_the_same_correction_twice_is_one_and_many_at_once_all_count(redis_url: str) -> None:
    await an_ended_call(redis_url)
    async with running(redis_url) as gateway:
        names = [
            {"correction_id": f"k{number}", "name_speaker": {"speaker_id": "S1", "name": f"N{number}"}}
            for number in range(6)
        ]
        await asyncio.gather(*(say(gateway, one) for one in [MOVED, *names, MOVED]))
        call = await as_it_stands(gateway)
        assert sorted(one["correction_id"] for one in call["corrections"]) == ["k0", "k1", "k2", "k3", "k4", "k5", "t1"]
        assert (
            speakers(call)["S1"] == call["corrections"][-1].get("name_speaker", {"name": speakers(call)["S1"]})["name"]
        )
        other = {"correction_id": "t1", "reassign_turn": {"turn_id": "t1"}}
        status, detail = await refused(gateway, other)
        assert (status, detail) == (400, "correction_id 't1' was used for something else: expected a new one")


async def test_what_makes_no_sense_is_refused_with_the_reason(redis_url: str) -> None:
    await an_ended_call(redis_url)
    async with running(redis_url) as gateway:
        status, detail = await refused(gateway, {"correction_id": "x", "split_speaker": {"speaker_id": "S1"}})
        assert (status, detail[:46]) == (400, "speaker S1: expected one whom an operator merg")
        assert "corrections" not in await as_it_stands(gateway)


async def test_forget_leaves_nothing_of_it(redis_url: str) -> None:
    await an_ended_call(redis_url)
    async with running(redis_url) as gateway:
        await say(gateway, NAMED)
    await forget(redis_url, "c")
    redis: Redis = connect(redis_url)
    for key in await redis.keys("*"):
        assert b"Zanzibar" not in (await redis.dump(key) or b""), key
    await redis.aclose()


async def test_the_archive_has_the_correction_too_and_takes_more_when_redis_has_let_go(
    redis_url: str, tmp_path: Path
) -> None:
    database = Database(sqlite_url(tmp_path))
    async with running_archive(redis_url, database.url), gateway_of(redis_url, database.url) as gateway:
        await an_ended_call(redis_url)
        await database.ended("c")
        await say(gateway, MOVED)
        await let_go(redis_url)
        await say(gateway, NAMED)
        await say(gateway, {"correction_id": "u", "undo": {"correction_id": "t1"}})
        assert await say(gateway, NAMED) == {"correction_id": "n1", "at_ms": 6000}, "the same again"
        call = await as_it_stands(gateway)
        assert speakers(call)["S1"] == "Zanzibar"
        assert [one["speaker_id"] for one in call["turns"]] == ["S1", "S2"]
        (found,) = (await gateway.json("/archive/calls", speaker="zanzibar"))["calls"]
        assert (found["call_id"], found["lost"]) == ("c", False)
        status, detail = await refused(gateway, {"correction_id": "x", "undo": {"correction_id": "t1"}})
        assert (status, detail[:30]) == (400, "correction 't1': expected one ")
        names = [
            {"correction_id": f"k{number}", "assign_role": {"speaker_id": "S2", "role": f"r{number}"}}
            for number in range(3)
        ]
        await asyncio.gather(*(say(gateway, one) for one in names))
        assert len((await as_it_stands(gateway))["corrections"]) == 6
    database.close()


async def test_a_correction_that_the_archive_takes_late_may_be_sent_again(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(sqlite_url(tmp_path))
    async with gateway_of(redis_url, database.url) as gateway:
        async with running_archive(redis_url, database.url):
            await an_ended_call(redis_url)
            await database.ended("c")
        await let_go(redis_url)
        monkeypatch.setattr(amending, "WAIT_S", 0.0)
        for said in (NAMED, NAMED, MOVED):
            assert await refused(gateway, said) == (503, amending.LATE)
        monkeypatch.undo()
        async with running_archive(redis_url, database.url):
            assert await say(gateway, NAMED) == {"correction_id": "n1", "at_ms": 6000}
            await say(gateway, MOVED)
        assert sorted(one["correction_id"] for one in (await as_it_stands(gateway))["corrections"]) == ["n1", "t1"]
    database.close()


async def test_the_events_of_an_archived_call_are_the_call_as_it_stands(redis_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path))
    async with running_archive(redis_url, database.url), gateway_of(redis_url, database.url) as gateway:
        await an_ended_call(redis_url, "@acme/c")
        await an_ended_call(redis_url)
        await database.ended("c")
        await let_go(redis_url)
        await say(gateway, NAMED)
        told = (await gateway.client.get("/calls/c/events?after=3-e1")).text.split("\n")
        (cursor,) = (line.removeprefix("id: ") for line in told if line.startswith("id: "))
        (data,) = (json.loads(line.removeprefix("data: ")) for line in told if line.startswith("data: "))
        assert data["restarted"] == {**await as_it_stands(gateway), "call_id": "c"}
        assert (await gateway.client.get(f"/calls/c/events?after={cursor}")).status_code == 204
        assert (await gateway.client.get("/calls/nobody/events")).status_code == 404
    database.close()


async def test_without_an_archive_that_works_an_archived_call_is_not_corrected(redis_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path))
    async with running_archive(redis_url, database.url):
        await an_ended_call(redis_url)
        await database.ended("c")
    redis: Redis = connect(redis_url)
    await redis.flushall()
    await redis.aclose()
    async with gateway_of(redis_url, database.url) as gateway:
        assert await refused(gateway, NAMED) == (503, "the archive is away: try again")
        assert await refused(gateway, NAMED, "nobody") == (404, "no such call")
    database.close()
