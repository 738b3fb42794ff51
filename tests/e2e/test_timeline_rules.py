"""What every subscriber may rely on, whatever was said: docs/timeline.md as statements about real calls."""

import asyncio

import pytest

from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.contract.v1 import CallEnded, Encoding, EndReason, TimelineEvent
from speakerline.shared.timeline.timeline import Timeline
from tests.e2e.conftest import SHORT_S, Undisturbed
from tests.e2e.decoded import body, decoded
from tests.e2e.sample_call import announcement, pcm, trickle
from tests.e2e.system import System

STEP_MS = 10


@pytest.fixture(scope="module", params=[Encoding.MULAW, Encoding.S16LE], ids=["8 kHz mu-law", "16 kHz linear"])
def events(request: pytest.FixtureRequest, undisturbed: Undisturbed) -> list[TimelineEvent]:
    return decoded(undisturbed(request.param))


def test_events_are_numbered_from_1_without_a_hole(events: list[TimelineEvent]) -> None:
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


def test_the_position_never_goes_back(events: list[TimelineEvent]) -> None:
    positions = [event.at_ms for event in events]
    assert positions == sorted(positions)


def test_a_call_begins_with_its_announcement_and_ends_with_its_end(events: list[TimelineEvent]) -> None:
    kinds = [type(body(event)).__name__ for event in events]
    assert kinds[0] == "CallStarted"
    assert kinds[-2:] == ["CallSummary", "CallEnded"]
    assert kinds.count("CallStarted") == kinds.count("CallEnded") == 1


def test_the_end_tells_the_length_of_the_sound_and_why_it_ended(events: list[TimelineEvent]) -> None:
    assert body(events[-1]) == CallEnded(end_ms=30_000, reason=EndReason.HANGUP)


def test_every_turn_is_settled_and_of_a_known_speaker_in_the_end(events: list[TimelineEvent]) -> None:
    timeline = folded(events)
    assert timeline.turns
    assert all(timeline.settled(turn) for turn in timeline.turns.values())
    assert {turn.speaker_id for turn in timeline.turns.values()} <= {"", *timeline.speakers.by_id}
    assert not timeline.open_speech


def test_what_is_finalized_does_not_change_any_more(events: list[TimelineEvent]) -> None:
    timeline = Timeline("CALL")
    finalized: list[tuple[int, list[str]]] = [(0, [])]
    for event in events:
        timeline.apply(event)
        if timeline.finalized_through_ms > finalized[-1][0]:
            finalized.append((timeline.finalized_through_ms, lane(timeline, timeline.finalized_through_ms)))
    assert len(finalized) > 1
    for through_ms, shown in finalized:
        assert shown == lane(timeline, through_ms), f"changed before {through_ms} ms"


def test_a_snapshot_after_any_event_and_the_rest_give_the_whole(events: list[TimelineEvent]) -> None:
    whole = folded(events).snapshot()
    for seq in range(1, len(events)):
        late = Timeline.from_snapshot(folded(events[:seq]).snapshot())
        for event in events[seq:]:
            late.apply(event)
        assert late.snapshot() == whole


async def test_who_joins_during_the_call_misses_nothing_and_gets_nothing_twice(system: System) -> None:
    call = system.wire(announcement("joined", Encoding.MULAW))
    await call.announce()
    playing = asyncio.create_task(trickle(call, Encoding.MULAW, speed=12))
    subscriber, joined = Subscriber(system.url), [Timeline("joined")]
    while not joined[-1].ended:
        now = await subscriber.timeline("joined")
        if now.seq > joined[-1].seq:
            joined.append(now)
        await asyncio.sleep(0.05)
    assert len(joined) > 3, "the snapshots were not taken during the call"
    await playing
    whole = folded(await system.events("joined")).snapshot()
    whole.epochs = (await subscriber.timeline("joined")).place.epochs
    for timeline in joined:
        async for event in subscriber.follow("joined", timeline.seq, timeline.epoch):
            assert event.seq == timeline.seq + 1
            timeline.apply(event)
        assert timeline.snapshot() == whole
    await subscriber.aclose()


async def test_the_firehose_carries_every_event_of_every_call(system: System) -> None:
    sound = pcm(Encoding.MULAW, SHORT_S)
    for name in ("left", "right"):
        call = system.wire(announcement(name, Encoding.MULAW))
        await call.announce()
        await call.frame(len(sound), sound)
        await call.close()
    timelines = {name: await system.timeline(name) for name in ("left", "right")}
    told: dict[str, list[bytes]] = {"left": [], "right": []}
    for _, flat in await system.redis.execute_command("XRANGE", "timeline", "-", "+"):
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        name = fields[b"call_id"].decode()
        told[name].append(fields[b"event"].replace(fields[b"call_id"], b"CALL"))
    assert told == timelines


def folded(events: list[TimelineEvent]) -> Timeline:
    timeline = Timeline(events[0].call_id)
    for event in events:
        timeline.apply(event)
    return timeline


def lane(timeline: Timeline, through_ms: int) -> list[str]:
    """Who is shown in every 10 ms up to there: sorted names, joined."""
    shown: list[set[str]] = [set() for _ in range(through_ms // STEP_MS)]
    for turn in timeline.turns.values():
        for step in range(turn.start_ms // STEP_MS, min(turn.end_ms // STEP_MS, len(shown))):
            shown[step].add(timeline.speakers.resolve(turn.speaker_id))
    return ["+".join(sorted(speakers)) for speakers in shown]
