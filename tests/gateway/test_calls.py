"""Calls as they stand: listed, read, exported, erased."""

import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from redis.asyncio import Redis

from speakerline.shared.redaction import call_digest
from tests.client.spoken_call import aggregating, spoken
from tests.gateway.running import Running, running
from tests.runtime.playing import a_call, producing

ID = "2026-01-31/agent#7?x=%2F"


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Running]:
    async with running(redis_url) as started:
        yield started


async def test_running_calls_are_listed_and_ended_ones_can_still_be_read(redis_url: str, gateway: Running) -> None:
    async with aggregating(redis_url), spoken(redis_url, "a") as call, spoken(redis_url, "b"):
        await call.say("hello")
        assert [one["call_id"] for one in (await gateway.json("/calls"))["calls"]] == ["a", "b"]
        head = await gateway.json("/calls/a")
        assert (head["call"]["sample_rate"], head["seq"]) == (8000, 2)
        assert not {"ended", "transcripts"} & head.keys()
        await call.end()
        head = await gateway.json("/calls/a")
        assert (head["ended"], head["end_reason"], head["call_summary"]["words"]) == (True, "END_REASON_HANGUP", 1)


async def test_a_digest_of_logs_and_metrics_leads_to_the_page_of_its_running_call(
    redis_url: str, gateway: Running
) -> None:
    async with aggregating(redis_url), spoken(redis_url, "other"), spoken(redis_url, ID) as call:
        await call.say("hello")
        answer = await gateway.client.get(f"/digests/{call_digest(ID)}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"../call.html?id={quote(ID, safe='')}")
        assert (await gateway.client.get(f"/digests/{call_digest('none')}")).status_code == 404
        assert (await gateway.client.get("/digests/desk-7")).status_code == 400


async def test_an_id_may_hold_a_slash_a_question_mark_and_an_escape(redis_url: str, gateway: Running) -> None:
    async with aggregating(redis_url), spoken(redis_url, ID) as call:
        await call.say("hello")
        path = f"/calls/{quote(ID, safe='')}"
        assert (await gateway.json(path))["call_id"] == ID
        assert (await gateway.json(f"{path}/timeline"))["call"]["call_id"] == ID
        assert (await gateway.client.get(f"{path}/export/txt")).text.endswith("hello\n")


async def test_the_timeline_is_the_snapshot_that_the_events_go_on_from(redis_url: str, gateway: Running) -> None:
    async with aggregating(redis_url), spoken(redis_url, "a") as call:
        await call.say("hello", "world")
        timeline = await gateway.json("/calls/a/timeline")
        words = [word["text"] for one in timeline["transcripts"] for word in one["words"]]
        assert (timeline["seq"], words, len(timeline["epochs"])) == (3, ["hello", "world"], 1)
        assert "revision" in timeline["transcripts"][0] and "mixed" not in timeline["transcripts"][0]


async def test_a_long_timeline_is_compressed_for_those_who_take_that(redis_url: str, gateway: Running) -> None:
    async with aggregating(redis_url), spoken(redis_url, "a") as call:
        path = "/calls/a/timeline"
        assert "content-encoding" not in (await gateway.client.get(path)).headers
        await call.say(*("hello",) * 500)
        packed = await gateway.client.get(path)
        whole = await gateway.client.get(path, headers={"Accept-Encoding": "identity"})
        assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
        assert "content-encoding" not in whole.headers
        assert packed.json() == whole.json()
        assert int(packed.headers["content-length"]) < len(whole.content) / 4


async def test_a_call_that_no_stage_has_taken_is_known_by_its_announcement(redis_url: str, gateway: Running) -> None:
    async with producing(redis_url) as producer:
        await producer.start(a_call("a"))
        head = await gateway.json("/calls/a")
        assert (head["call"]["call_id"], "seq" in head) == ("a", False)


@pytest.mark.parametrize(
    ("file", "kind", "begins"),
    [
        ("txt", "text/plain", "00:00.1  unknown  hello\n"),
        ("srt", "application/x-subrip", "1\n00:00:00,100 -->"),
        ("vtt", "text/vtt", "WEBVTT"),
        ("ctm", "text/plain", "a 1 0.100 0.100 hello"),
        ("stm", "text/plain", "a 1 unknown 0.100 0.200 hello"),
        ("rttm", "text/plain", ""),
        ("seglst", "application/json", "[\n"),
        ("json", "application/json", '{\n  "call_id": "a"'),
    ],
)
async def test_a_running_call_is_exported_as(
    redis_url: str, gateway: Running, file: str, kind: str, begins: str
) -> None:
    async with aggregating(redis_url), spoken(redis_url, "a") as call:
        await call.say("hello")
        answer = await gateway.client.get(f"/calls/a/export/{file}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
        assert answer.text.startswith(begins), answer.text
        if kind == "application/json":
            assert json.loads(answer.text)
        assert f'"a.{"seglst.json" if file == "seglst" else file}"' in answer.headers["content-disposition"]


async def test_an_erased_call_is_gone(redis_url: str, gateway: Running, redis: Redis) -> None:
    async with aggregating(redis_url), spoken(redis_url, "a") as call:
        await call.say("hello")
        answer = (await gateway.client.delete("/calls/a")).json()
        assert answer["deleted"] > 0
        assert (await gateway.client.get("/calls/a")).status_code == 404
        assert (await gateway.client.delete("/calls/a")).status_code == 404
        assert not [key for key in await redis.keys("*") if b"{a}" in key]


@pytest.mark.parametrize("path", ["/calls/x", "/calls/x/timeline", "/calls/x/export/srt", "/calls/x/events"])
async def test_an_unknown_call_is_not_found(gateway: Running, path: str) -> None:
    answer = await gateway.client.get(path)
    assert (answer.status_code, answer.json()) == (404, {"detail": "no such call"})


async def test_an_id_that_no_call_can_have_is_refused_with_what_is_expected(gateway: Running) -> None:
    answer = await gateway.client.get("/calls/a%20b")
    assert answer.status_code == 400
    assert "expected 1 to 200 printable ASCII characters" in answer.json()["detail"]
