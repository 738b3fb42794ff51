"""Asr on a real Redis, beside toys: finals are those of an undisturbed run, whoever dies."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.keys import audio_key
from speakerline.shared.pipeline import ASR, PIPELINE
from speakerline.shared.runtime.connection import connect
from tests.asr.toy_worker import stages
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, until, working
from tests.runtime.processes import WorkerProcess, wait_for
from tests.runtime.reference import numbered, run_pipeline

OTHERS = tuple(spec.name for spec in PIPELINE if spec is not ASR)
Start = Callable[..., WorkerProcess]


@pytest.fixture
def start(redis_url: str, tmp_path: Path) -> Iterator[Start]:
    started: list[WorkerProcess] = []

    def one(*names: str) -> WorkerProcess:
        log = tmp_path / f"worker-{len(started)}.log"
        started.append(WorkerProcess(redis_url, log, names, module="tests.asr.toy_worker"))
        return started[-1]

    yield one
    for process in started:
        process.close()


async def finals_of(url: str, call_id: str) -> dict[str, Any]:
    """JSON of every final transcript on the timeline, by its id, once that is closed."""
    told = [json.loads(event).get("transcript", {}) for event in await timeline(url, call_id, 60)]
    finals = [one for one in told if one.get("final")]
    assert len({one["transcript_id"] for one in finals}) == len(finals), "none comes twice"
    return {one["transcript_id"]: one for one in finals}


async def expected(call: CallStarted, frames: list[bytes]) -> dict[str, Any]:
    """The same of a run without Redis and interims, as the timeline has them: without revisions."""
    events = (await run_pipeline(stages(interims=False), call, numbered(frames)))["words"]
    told = [json.loads(event)["transcript"] for event in events]
    return {one["transcript_id"]: {name: one[name] for name in one if name != "revision"} for one in told}


async def test_words_on_redis_are_those_of_a_run_without_it(redis_url: str) -> None:
    call, frames = a_call("quiet"), frames_of(1, 300)
    async with working(redis_url, stages=stages()), producing(redis_url) as producer:
        await play(producer, call, frames, 0.003)
        found = await finals_of(redis_url, "quiet")
    assert found == await expected(call, frames)
    assert len(found) > 1


async def test_sound_is_let_go_when_it_was_decoded(redis_url: str) -> None:
    call, frames = a_call("long"), frames_of(2, 900)
    async with working(redis_url, stages=stages(interims=False)), producing(redis_url) as producer:
        outgoing = await producer.start(call)
        for pcm in frames:
            outgoing.send(pcm)
        await outgoing.drain()
        redis = connect(redis_url)

        async def trimmed() -> bool:
            return await redis.xlen(audio_key("long", 0)) < 600

        assert await until(trimmed, 30)
        await redis.aclose()
        await outgoing.end()
        await finals_of(redis_url, "long")


async def test_a_worker_that_is_killed_while_it_decodes_changes_no_final(redis_url: str, start: Start) -> None:
    calls = {f"c{number}": frames_of(number, 200) for number in range(3)}
    start(*OTHERS).wait_until_up()
    victims = [start(ASR.name).wait_until_up() for _ in range(2)]

    async def kill() -> None:
        for victim in victims:
            await asyncio.sleep(0.6)
            start(ASR.name)
            victim.kill()

    async with producing(redis_url) as producer:
        await asyncio.gather(kill(), *(play(producer, a_call(key), sound, 0.01) for key, sound in calls.items()))
    for key, frames in calls.items():
        assert await finals_of(redis_url, key) == await expected(a_call(key), frames)
    assert not any(victim.alive for victim in victims)


async def test_a_stop_hands_open_windows_over(redis_url: str, start: Start) -> None:
    call, frames = a_call("handed"), frames_of(4, 200)
    start(*OTHERS).wait_until_up()
    first = start(ASR.name).wait_until_up()
    async with producing(redis_url) as producer:
        playing = asyncio.create_task(play(producer, call, frames, 0.01))
        await asyncio.to_thread(wait_for, lambda: first.logged("call taken"))
        start(ASR.name).wait_until_up()
        assert await asyncio.to_thread(first.stop) == 0
        await playing
    assert await finals_of(redis_url, "handed") == await expected(call, frames)
