"""The wallboard: events folded into rows, and rows told to whoever looks."""

import asyncio
import json
from typing import Any

from speakerline.services.gateway.wallboard.row import LONGEST_TEXT, Row
from speakerline.shared.client.forget import forget
from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import timeline_event
from speakerline.shared.keys import stage_key
from speakerline.shared.pipeline import AGGREGATOR
from speakerline.shared.runtime.connection import connect
from speakerline.shared.timeline.timeline import Timeline
from tests.client.spoken_call import aggregating, spoken
from tests.gateway.running import HANG_S, listening, running
from tests.runtime.playing import a_call


def words(*texts: str, start_ms: int = 0) -> v1.Transcript:
    said = [v1.Word(text, start_ms, start_ms + 100) for text in texts]
    return v1.Transcript(f"w{start_ms}", 1, 0, start_ms, start_ms + 100, words=said)


BODIES: list[Any] = [
    a_call("@acme/c", metadata={"queue": "sales"}, channels=2),
    v1.Speech("s1", 1, v1.SpeechState.OPENED, 100),
    v1.SpeakerCreated("S1"),
    v1.SpeakerCreated("S2"),
    v1.Turn("t1", 1, "S2", 1, 100, 900),
    words("hello", start_ms=100),
    words("world", start_ms=800),
    words("late", start_ms=300),
    v1.SpeakerMerged("S2", "S1"),
    v1.SpeakerNamed("S1", "Ann Miller", 0.9),
    v1.Gap(0, 1000, 1500, v1.GapReason.LOST),
    v1.Degraded(1500, 2000, "asr", "interim"),
    v1.CallSummary(2000, [v1.SpeakerSummary("S1", talk_ratio=0.75)], overlap_ms=120, interruptions=1),
]
SHOWN = {
    "call_id": "c",
    "at_ms": 1200,
    "metadata": {"queue": "sales"},
    "channels": 2,
    "speakers": [{"speaker_id": "S1", "name": "Ann Miller", "talk_ratio": 0.75}],
    "recent": [(0, 100, 900)],
    "spoken_through_ms": 900,
    "talking": [1],
    "speaker_id": "S1",
    "text": "world",
    "gap_through_ms": 1500,
    "degraded_through_ms": 2000,
    "overlap_ms": 120,
    "interruptions": 1,
}


def row_of(bodies: list[Any]) -> Row:
    row = Row("@acme/c")
    for seq, body in enumerate(bodies, 1):
        row.take(timeline_event("@acme/c", seq, 100 * (seq - 1), body))
    return row


def test_a_row_tells_who_talks_what_was_said_and_what_was_lost() -> None:
    row = row_of(BODIES)
    assert (row.tenant, row.shown()) == ("acme", SHOWN)


def test_a_row_from_a_snapshot_is_that_of_its_events() -> None:
    timeline = Timeline("@acme/c")
    for seq, body in enumerate(BODIES, 1):
        timeline.apply(timeline_event("@acme/c", seq, 100 * (seq - 1), body))
    assert Row.from_snapshot(timeline.snapshot()).shown() == SHOWN


def test_the_turns_of_the_last_minute_are_told_as_they_stand() -> None:
    row = Row("c")
    said: list[tuple[int, Any]] = [
        (0, v1.SpeakerCreated("S1")),
        (0, v1.SpeakerCreated("S2")),
        (9_000, v1.Turn("gone", 1, "S1", 1, 2_000, 9_000)),
        (20_000, v1.Turn("cut", 1, "S1", 1, 9_000, 20_000)),
        (70_000, v1.Turn("late", 1, "S1", 1, 65_000, 70_000)),
        (70_000, v1.Turn("late", 2, "S2", 1, 66_000, 70_000)),
        (70_000, v1.Turn("late", 1, "S1", 1, 65_000, 71_000)),
        (70_000, v1.Turn("new", 1, "", 1, 71_000, 71_500)),
        (72_000, v1.Turn("withdrawn", 3, "S1", 1, 71_000, 72_000)),
        (72_000, v1.TurnWithdrawn("withdrawn", 3)),
        (72_000, v1.TurnWithdrawn("new", 0)),
    ]
    for seq, (at_ms, body) in enumerate(said, 1):
        row.take(timeline_event("c", seq, at_ms, body))
    assert row.shown()["recent"] == [(0, 12_000, 20_000), (1, 66_000, 70_000), (-1, 71_000, 71_500)]


def test_an_ended_call_talks_no_more() -> None:
    row = row_of([*BODIES, v1.CallEnded(2000, v1.EndReason.HANGUP)])
    shown = row.shown()
    assert (row.ended, shown["end_reason"], "talking" in shown) == (True, "END_REASON_HANGUP", False)


def test_long_words_are_cut_to_their_end() -> None:
    text = row_of([a_call("@acme/c"), words("a" * 200, "end")]).shown()["text"]
    assert (len(text), text[-4:]) == (LONGEST_TEXT, " end")


async def test_who_looks_gets_all_rows_and_then_what_changes(redis_url: str) -> None:
    calls = spoken(redis_url, "a"), spoken(redis_url, "b"), spoken(redis_url, "@acme/c")
    async with running(redis_url) as gateway, aggregating(redis_url), calls[0] as a, calls[1] as b, calls[2] as other:
        await asyncio.gather(a.say("hello"), b.say("hello"), other.say("secret"))

        async def look() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            async with listening(gateway.client, "/wallboard") as blocks:
                async for block in blocks:
                    found += [json.loads(block.data)] if block.data else []
                    if len(found) == 1:
                        await b.say("again")
                        await other.say("secret")
                        await b.end()
                    if any(row.get("ended") for told in found for row in told.get("rows", [])):
                        break
            return found

        told = await asyncio.wait_for(look(), HANG_S)
    assert told[0]["whole"]
    assert [(row["call_id"], row["text"]) for row in told[0]["rows"]] == [("a", "hello"), ("b", "hello")]
    assert {row["call_id"] for one in told[1:] for row in one["rows"]} <= {"a", "b"}
    assert [row["text"] for row in told[-1]["rows"] if row["call_id"] == "b"] == ["again"]
    assert "secret" not in json.dumps(told)


async def test_an_erased_call_leaves_the_board(redis_url: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("speakerline.services.gateway.wallboard.board.QUIET_S", 0.0)
    async with running(redis_url) as gateway, aggregating(redis_url), spoken(redis_url, "a") as call:
        await call.say("hello")

        async def look() -> Any:
            async with listening(gateway.client, "/wallboard") as blocks:
                async for block in blocks:
                    told = json.loads(block.data or "{}")
                    if told.get("whole"):
                        await forget(redis_url, "a")
                    if told.get("gone"):
                        return told["gone"]
            return None

        assert await asyncio.wait_for(look(), HANG_S) == ["a"]


async def test_a_call_whose_timeline_can_not_be_read_keeps_no_other_off_the_board(redis_url: str) -> None:
    """It is there as one that has begun; asked for by itself, it is refused in a sentence."""
    redis, calls = connect(redis_url), (spoken(redis_url, "bad"), spoken(redis_url, "good"))
    async with running(redis_url) as gateway, aggregating(redis_url), calls[0] as bad, calls[1] as good:
        await asyncio.gather(bad.say("secret"), good.say("hello"))
        await redis.hset(stage_key("bad", AGGREGATOR.name), "part:head", '{"seq":"many"}')
        async with listening(gateway.client, "/wallboard") as blocks:
            told = json.loads(await anext(block.data async for block in blocks if block.data))
        assert [(row["call_id"], row.get("text")) for row in told["rows"]] == [("bad", None), ("good", "hello")]
        answer = await gateway.client.get("/calls/bad/timeline")
        assert answer.status_code == 500
        assert answer.json()["detail"].startswith("part head of 14 bytes of a timeline is damaged")
    await redis.aclose()
