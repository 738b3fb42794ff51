"""Operators correct a call over HTTP: what they say is on its timeline, once, whatever breaks in between."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from speakerline.services.clustering.stage import ClusteringCall, ClusteringStage
from speakerline.services.gateway.auth.principal import Principal, Role
from speakerline.services.gateway.auth.settings import AuthSettings
from speakerline.shared.client.forget import forget
from speakerline.shared.contract import v1
from speakerline.shared.contract.v1 import CallStarted, Correction, TimelineEvent
from speakerline.shared.runtime.stage import AudioReader, Entry, Event, Step
from speakerline.shared.timeline.timeline import Timeline
from tests.clustering.made_calls import calibration
from tests.gateway.heard_call import HeardCall, heard
from tests.gateway.running import Running, running
from tests.gateway.test_auth import keys_in
from tests.runtime.playing import until

MERGE = {"correction_id": "k1", "merge_speakers": {"speaker_id": "S2", "into_speaker_id": "S1"}}


async def say(gateway: Running, said: Mapping[str, Any], call_id: str = "c") -> Any:
    answer = await gateway.client.post(f"/calls/{call_id}/corrections", json=said)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def refused(gateway: Running, said: Any, call_id: str = "c", **request: Any) -> tuple[int, str]:
    answer = await gateway.client.post(f"/calls/{call_id}/corrections", json=said, **request)
    return answer.status_code, answer.json()["detail"]


def folded(events: list[TimelineEvent], call_id: str = "c") -> Timeline:
    timeline = Timeline(call_id)
    for event in events:
        timeline.apply(event)
    return timeline


async def shown(call: HeardCall) -> Timeline:
    return folded(await call.timeline(), call.id)


async def told_of(call: HeardCall, correction_id: str) -> Correction:
    """The correction, once it is on the timeline."""
    await until(lambda: _is_told(call, correction_id))
    return (await shown(call)).corrections[correction_id]


async def _is_told(call: HeardCall, correction_id: str) -> bool:
    return correction_id in (await shown(call)).corrections


def whose(timeline: Timeline) -> set[str]:
    return {timeline.speakers.resolve(turn.speaker_id) for turn in timeline.turns.values()}


async def test_a_correction_is_on_the_timeline_with_all_that_follows(redis_url: str) -> None:
    async with heard(redis_url) as call, running(redis_url) as gateway:
        await call.hear(20_000)
        answer = await say(gateway, {**MERGE, "by": "Ann"})
        assert answer["correction_id"] == "k1" and answer["at_ms"] >= 20_000
        await call.hear(21_000)
        said = await told_of(call, "k1")
        assert (said.by, said.refused, said.corrected_at[-1]) == ("Ann", "", "Z")
        assert whose(await shown(call)) == {"S1"}
        turn = next(iter((await shown(call)).turns.values()))
        await say(gateway, {"correction_id": "k2", "undo": {"correction_id": "k1"}})
        await say(gateway, {"correction_id": "k3", "name_speaker": {"speaker_id": "S1", "name": "Ann Miller"}})
        await say(gateway, {"correction_id": "k4", "assign_role": {"speaker_id": "S1", "role": "agent"}})
        await say(gateway, {"correction_id": "k5", "reassign_turn": {"turn_id": turn.turn_id}})
        await call.hear(30_000)
        await call.end(30_000)
        timeline = await shown(call)
        assert whose(timeline) == {"S1", "S2", "S3"}
        assert timeline.turns[turn.turn_id].speaker_id == "S3"
        assert timeline.speakers.label("S1") == "Ann Miller" and timeline.speakers.by_id["S1"].role == "agent"
        assert (await gateway.json("/calls/c/timeline"))["corrections"][-1]["reassign_turn"]["from_speaker_id"] == "S1"


async def test_the_same_logs_give_the_same_timeline_again(redis_url: str) -> None:
    async with heard(redis_url) as call, running(redis_url) as gateway:
        await call.hear(15_000)
        turn = list((await shown(call)).turns.values())[1]
        await asyncio.gather(
            say(gateway, {"correction_id": "a", "reassign_turn": {"turn_id": turn.turn_id, "speaker_id": "S1"}}),
            say(gateway, {"correction_id": "b", "name_speaker": {"speaker_id": "S1", "name": "Ann"}}),
            call.hear(22_000),
        )
        await say(gateway, {"correction_id": "c", "undo": {"correction_id": "a"}})
        await call.hear(40_000)
        await call.end(40_000)
        told = await call.timeline()
        assert {"a", "b", "c"} == folded(told).corrections.keys()
        assert [one.to_json() for one in await call.replayed()] == [one.to_json() for one in told]


class Unlucky(ClusteringStage):
    """A worker that dies between a correction and its commit, so often: what it knew is lost."""

    deaths = 0

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> ClusteringCall:
        opened = super().open(call, parts, audio)
        push, snapshot, stage, corrected = opened.push, opened.snapshot, self, False

        async def pushed(entries: list[Entry], through_ms: int, quiet_ms: int) -> Step:
            nonlocal corrected
            corrected = any(isinstance(one, Event) and isinstance(one.body, Correction) for one in entries)
            return await push(entries, through_ms, quiet_ms)

        def snapped() -> Mapping[str, bytes]:
            if corrected and stage.deaths < 2:
                stage.deaths += 1
                raise ConnectionError("killed")
            return snapshot()

        opened.push, opened.snapshot = pushed, snapped  # type: ignore[method-assign, assignment]
        return opened


async def test_a_worker_that_dies_between_a_correction_and_its_commit_applies_it_once(redis_url: str) -> None:
    stage = Unlucky(calibration())
    async with heard(redis_url, clustering=stage) as call, running(redis_url) as gateway:
        await call.hear(20_000)
        await say(gateway, MERGE)
        await call.hear(30_000)
        await call.end(30_000)
        told = await call.timeline()
        assert stage.deaths == 2
        assert (
            sum(one.correction is not None for one in told) == sum(one.speaker_merged is not None for one in told) == 1
        )
        assert [one.to_json() for one in await call.replayed()] == [one.to_json() for one in told]


async def test_a_request_that_comes_twice_is_one_correction(redis_url: str) -> None:
    async with heard(redis_url) as call, running(redis_url) as gateway:
        await call.hear(20_000)
        answers = await asyncio.gather(*(say(gateway, MERGE) for _ in range(5)))
        assert len({answer["at_ms"] for answer in answers}) == 1
        await call.hear(21_000)
        await told_of(call, "k1")
        assert await say(gateway, MERGE) == answers[0], "also when it has been applied"
        other = {"correction_id": "k1", "split_speaker": {"speaker_id": "S2"}}
        assert await refused(gateway, other) == (
            400,
            "correction_id 'k1' was used for something else: expected a new one",
        )
        assert sum(one.correction is not None for one in await call.timeline()) == 1


async def test_two_operators_who_say_different_things_at_once_both_are_heard_in_one_order(redis_url: str) -> None:
    async with heard(redis_url) as call, running(redis_url) as gateway:
        await call.hear(20_000)
        names = ["Ann", "Bea", "Cleo", "Dora"]
        said = [
            {"correction_id": f"k{name}", "by": name, "name_speaker": {"speaker_id": "S1", "name": name}}
            for name in names
        ]
        await asyncio.gather(*(say(gateway, one) for one in said))
        await call.hear(22_000)
        timeline = await shown(call)
        order = list(timeline.corrections.values())
        assert sorted(one.by for one in order) == names
        assert timeline.speakers.label("S1") == order[-1].by, "the last one counts"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            {"correction_id": "x", "name_speaker": {"speaker_id": "S9", "name": "A"}},
            "speaker 'S9': expected one of the",
        ),
        ({"correction_id": "x", "reassign_turn": {"turn_id": "T99"}}, "turn 'T99': expected one of the call's turns"),
        (
            {"correction_id": "x", "reassign_turn": {"turn_id": "T1", "speaker_id": "S1"}},
            "turn T1 is S1's already: expected another speaker",
        ),
        ({"correction_id": "x", "undo": {"correction_id": "y"}}, "correction 'y': expected one that holds"),
        ({**MERGE, "merge_speakers": {"speaker_id": "S1", "into_speaker_id": "S1"}}, "S1 is S1 already"),
        ({**MERGE, "correction_id": ""}, "correction_id '': expected 1 to 100 characters"),
        ({"correction_id": "x"}, "no act: expected one of name_speaker, merge_speakers, split_speaker"),
        ({"correction_id": "x", "merge_speaker": {}}, "no act: expected one of"),
        ({"correction_id": "x", "undo": {}, "split_speaker": {}}, "text: Value error"),
        ({"correction_id": 7}, "correction_id"),
        ([], "text: "),
        (
            {"correction_id": "x", "name_speaker": {"speaker_id": "S1", "name": "a\nb"}},
            "name 'a\\nb': expected at most 100 printable characters",
        ),
    ],
)
async def test_what_cannot_be_corrected_is_refused_with_the_reason(redis_url: str, said: Any, why: str) -> None:
    async with heard(redis_url) as call, running(redis_url) as gateway:
        await call.hear(10_000)
        status, detail = await refused(gateway, said)
        assert (status, detail[: len(why)]) == (400, why)
        assert not await call.redis.exists("call:{c}:operator")


async def test_what_clustering_finds_wrong_is_told_on_the_timeline(redis_url: str) -> None:
    async with heard(redis_url) as call, running(redis_url) as gateway:
        await call.hear(10_000)
        await say(gateway, {"correction_id": "x", "split_speaker": {"speaker_id": "S1"}})
        await call.hear(11_000)
        assert (await told_of(call, "x")).refused.startswith("S1: expected one whom an operator merged")


async def test_a_call_that_is_not_there_is_not_corrected(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        assert await refused(gateway, MERGE, "nobody") == (404, "no such call")


async def test_a_call_that_has_ended_is_corrected_on_top_of_what_was_said_while_it_ran(redis_url: str) -> None:
    async with heard(redis_url) as call, running(redis_url) as gateway:
        await call.hear(10_000)
        await say(gateway, {"correction_id": "live", "name_speaker": {"speaker_id": "S1", "name": "Ann"}})
        await call.end(10_000)
        await say(gateway, {"correction_id": "later", "name_speaker": {"speaker_id": "S1", "name": "Bea"}})
        named = {
            one["speaker_id"]: one["name"] for one in (await gateway.json("/calls/c"))["speakers"] if "name" in one
        }
        assert named == {"S1": "Bea"}
        await say(gateway, {"correction_id": "undo", "undo": {"correction_id": "later"}})
        assert (await gateway.json("/calls/c"))["speakers"][0]["name"] == "Ann"


async def test_an_erased_call_holds_no_correction_and_takes_none(redis_url: str) -> None:
    async with heard(redis_url) as call, running(redis_url) as gateway:
        await call.hear(10_000)
        await say(gateway, {"correction_id": "k", "name_speaker": {"speaker_id": "S1", "name": "Zanzibar"}})
        await call.hear(12_000)
        await told_of(call, "k")
        await forget(redis_url, "c")
        assert (await refused(gateway, MERGE))[0] == 404
        for key in await call.redis.keys("*"):
            assert b"Zanzibar" not in (await call.redis.dump(key) or b""), key
        assert not await call.redis.exists("call:{c}:operator")


async def test_only_operators_of_the_call_s_own_tenant_correct_it(redis_url: str, tmp_path: Path) -> None:
    operate, watch = frozenset({Role.OPERATE, Role.WATCH}), frozenset({Role.WATCH})
    file, (acme, other, watcher) = keys_in(
        tmp_path, Principal("acme", operate), Principal("bolt", operate), Principal("acme", watch)
    )
    async with heard(redis_url, "@acme/c") as call, running(redis_url, auth=AuthSettings(keys=str(file))) as gateway:
        await call.hear(20_000)
        for key, status in (("", 401), (watcher, 403), (other, 404), (acme, 202)):
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            answer = await gateway.client.post("/calls/c/corrections", json={**MERGE, "by": "X"}, headers=headers)
            assert answer.status_code == status, answer.text
        await call.hear(21_000)
        assert (await told_of(call, "k1")).by == "a test", "whom the key names, not what the client says"


def test_every_act_of_the_contract_is_one_that_is_checked() -> None:
    from speakerline.shared.timeline.corrections import ACTS

    fields = v1.Correction.__dataclass_fields__.values()
    assert tuple(one.name for one in fields if one.metadata["betterproto"].group == "act") == ACTS
