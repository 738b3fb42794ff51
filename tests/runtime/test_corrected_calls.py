"""Calls that operators correct while workers are killed: each correction is taken once, at its place in the log."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

from speakerline.shared import codec
from speakerline.shared.contract.v1 import Correction, NameSpeaker
from speakerline.shared.keys import meta_key, stage_key, stream_key
from speakerline.shared.pipeline import CLUSTERING, OPERATOR
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard, connect
from speakerline.shared.runtime.log import Logged, read_event
from tests.runtime.playing import a_call, frames_of, play, producing, timeline
from tests.runtime.processes import ALL_STAGES, WorkerProcess, wait_for
from tests.runtime.reference import numbered, timeline_of

CALLS = [f"c{number}" for number in range(3)]
FRAMES = 50
KILLS = 4


async def correct(redis: Shard, call_id: str, name: str) -> bytes:
    """What an operator says in a call, whatever becomes of it."""
    keys = [meta_key(call_id), stream_key(call_id, OPERATOR), stage_key(call_id, CLUSTERING.name)]
    said = codec.write(OPERATOR, Correction(name, name_speaker=NameSpeaker("S1", name)))
    answer = await scripts.run(redis, "insert", keys, name, said, 1000, 64)
    return bytes(answer if isinstance(answer, bytes) else answer[0])


async def keep_correcting(redis: Shard, playing: "asyncio.Task[None]") -> dict[str, int]:
    """Until the calls have been sent; how many corrections of each were accepted."""
    rng, accepted, number = random.Random(7), dict.fromkeys(CALLS, 0), 0
    while not playing.done():
        call_id, number = rng.choice(CALLS), number + 1
        accepted[call_id] += await correct(redis, call_id, f"k{number}") == b"INSERTED"
        await asyncio.sleep(rng.uniform(0.0, 0.08))
    return accepted


async def send(url: str) -> None:
    async with producing(url) as producer:
        calls = [(a_call(call_id), frames_of(number, FRAMES)) for number, call_id in enumerate(CALLS)]
        await asyncio.gather(*(play(producer, call, frames, 0.1) for call, frames in calls))


async def corrections_of(redis: Shard, call_id: str) -> Sequence[Logged]:
    entries = await redis.execute_command("XRANGE", stream_key(call_id, OPERATOR), "-", "+")
    return [read_event(OPERATOR, raw_id, flat) for raw_id, flat in entries]


async def test_every_correction_is_taken_once_at_its_place_though_workers_are_killed(
    redis_url: str, tmp_path: Path
) -> None:
    others = WorkerProcess(redis_url, tmp_path / "others.log", tuple(set(ALL_STAGES) - {CLUSTERING.name}))
    victims = [WorkerProcess(redis_url, tmp_path / "victim-0.log", (CLUSTERING.name,)).wait_until_up()]
    redis = connect(redis_url)
    try:
        others.wait_until_up()
        playing = asyncio.create_task(send(redis_url))
        correcting = asyncio.create_task(keep_correcting(redis, playing))
        for number in range(1, KILLS + 1):
            await asyncio.to_thread(wait_for, lambda: victims[-1].logged("call taken") or playing.done())
            await asyncio.sleep(0.5)
            await asyncio.to_thread(victims[-1].kill)
            log = tmp_path / f"victim-{number}.log"
            victims.append(WorkerProcess(redis_url, log, (CLUSTERING.name,)).wait_until_up())
        accepted = await correcting
        await playing
        for number, call_id in enumerate(CALLS):
            told = await timeline(redis_url, call_id)
            taken = await corrections_of(redis, call_id)
            assert len(taken) == accepted[call_id] > 0
            frames = numbered(frames_of(number, FRAMES))
            expected = await asyncio.to_thread(timeline_of, a_call(call_id), frames, corrections=taken)
            assert told == expected, call_id
            assert told != await asyncio.to_thread(timeline_of, a_call(call_id), frames), "they make a difference"
    finally:
        for process in (others, *victims):
            process.close()
        await redis.aclose()
