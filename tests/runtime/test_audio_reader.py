"""The sound of a call by time: what comes back is what was sent, and zero where nothing was."""

import random

import numpy as np

from speakerline.shared.audio.pcm import decode, to_float32
from speakerline.shared.contract.v1 import Encoding
from speakerline.shared.runtime.audio_reader import KEEP_S, RedisAudio
from speakerline.shared.runtime.connection import Shard
from tests.runtime.playing import a_call

KEY = "call:{c}:audio:0"


async def write(redis: Shard, end: int, pcm: bytes) -> None:
    await redis.execute_command("XADD", KEY, f"{end}-0", "pcm", pcm)


def floats(pcm: bytes) -> list[float]:
    answer: list[float] = to_float32(decode(pcm, Encoding.MULAW)).tolist()
    return answer


async def test_any_stretch_in_any_order_is_what_was_sent(redis: Shard) -> None:
    rng = random.Random(1)
    sound = bytes(rng.randrange(256) for _ in range(20 * 8000))
    at = 0
    while at < len(sound):
        size = rng.choice((80, 160, 800, 8000))
        await write(redis, min(at + size, len(sound)), sound[at : at + size])
        at += size
    audio = RedisAudio(redis, a_call("c"))
    for _ in range(60):
        start = rng.randrange(len(sound) - 100)
        end = min(len(sound), start + rng.choice((1, 100, 8000, 40_000)))
        assert (await audio.read(0, start, end)).tolist() == floats(sound[start:end])


async def test_a_frame_that_is_too_large_is_no_sound(redis: Shard) -> None:
    """To no stage: vad says that it is a gap."""
    frame = bytes(range(1, 161))
    await write(redis, 160, frame)
    await write(redis, 1_000_161, bytes(1_000_001))
    assert (await RedisAudio(redis, a_call("c")).read(0, 0, 320)).tolist() == floats(frame) + [0.0] * 160


async def test_a_hole_is_zero_however_long(redis: Shard) -> None:
    frame = bytes(range(1, 161))
    hole = 2 * KEEP_S * 8000
    await write(redis, 160, frame)
    await write(redis, 160 + hole + 160, frame)
    audio = RedisAudio(redis, a_call("c"))
    before = await audio.read(0, 0, 320)
    assert before.tolist() == floats(frame) + [0.0] * 160
    after = await audio.read(0, 80, 160 + hole + 160)
    assert after.tolist() == floats(frame)[80:] + [0.0] * hole + floats(frame)


async def test_what_is_no_audio_is_zero(redis: Shard) -> None:
    await redis.execute_command("XADD", KEY, "160-0", "other", "field")
    audio = RedisAudio(redis, a_call("c"))
    assert not np.any(await audio.read(0, 0, 160))


async def test_sound_that_comes_later_is_found_later(redis: Shard) -> None:
    frame = bytes(range(1, 161))
    audio = RedisAudio(redis, a_call("c"))
    assert not np.any(await audio.read(0, 0, 160))
    await write(redis, 160, frame)
    assert (await audio.read(0, 0, 160)).tolist() == floats(frame)


async def test_memory_is_bounded(redis: Shard) -> None:
    audio = RedisAudio(redis, a_call("c"))
    for second in range(1, 60):
        await write(redis, second * 8000, bytes(8000))
        await audio.read(0, (second - 1) * 8000, second * 8000)
    assert len(audio._channels[0]._samples) <= (KEEP_S + 2) * 8000
