"""A call without media is told to be idle by an entry of its log, and goes on when media comes back."""

from typing import Any

import pytest

from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard, connect
from speakerline.shared.runtime.log import read_frame
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.service_settings import ServiceSettings
from speakerline.shared.runtime.stage import AudioIdle
from tests.runtime.playing import a_call, frames_of, producing, timeline, until, working
from tests.runtime.processes import FAST

AUDIO, OTHER, STAGE = "call:{c}:audio:0", "call:{c}:audio:1", "call:{c}:stage:vad"
IDLE = WorkerOptions(**{**FAST, "idle_s": 0.3})


@pytest.fixture
async def redis(redis_url: str) -> Any:
    client = connect(redis_url)
    await client.hset(STAGE, "token", 3)
    yield client
    await client.aclose()


async def frame(redis: Shard, log: str, entry: str) -> None:
    await redis.execute_command("XADD", log, entry, "pcm", "x")


async def mark(redis: Shard, *read: str, token: int = 3) -> int:
    return int(await scripts.run(redis, "mark_idle", [STAGE, *[AUDIO, OTHER][: len(read)]], token, *read))


async def entries(redis: Shard, log: str) -> list[str]:
    return [raw_id.decode() for raw_id, _ in await redis.execute_command("XRANGE", log, "-", "+")]


async def test_the_owner_says_so_once_behind_the_last_entry(redis: Shard) -> None:
    await frame(redis, AUDIO, "800-0")
    assert await mark(redis, "800-0") == 1
    assert await entries(redis, AUDIO) == ["800-0", "800-1"]
    assert await mark(redis, "800-1") == 0
    ((raw_id, flat),) = await redis.execute_command("XREVRANGE", AUDIO, "+", "-", "COUNT", 1)
    assert read_frame(0, raw_id, flat, 1.0).entry == AudioIdle(0, 800)


async def test_of_several_logs_one_that_is_open_takes_it(redis: Shard) -> None:
    await redis.execute_command("XADD", AUDIO, f"{LAST_POSITION}-0", "end", "hangup")
    await frame(redis, OTHER, "1600-0")
    assert await mark(redis, f"{LAST_POSITION}-0", "1600-0") == 1
    assert await entries(redis, OTHER) == ["1600-0", "1600-1"]
    assert await mark(redis, f"{LAST_POSITION}-0", "1600-1") == 0


@pytest.mark.parametrize(
    ("read", "token"),
    [
        pytest.param(("800-0", "800-0"), 3, id="something came on the other channel"),
        pytest.param(("800-0", "1600-0"), 2, id="a worker that owns the call no more"),
    ],
)
async def test_nobody_says_so_of_a_call_that_is_not_quiet(redis: Shard, read: tuple[str, str], token: int) -> None:
    await frame(redis, AUDIO, "800-0")
    await frame(redis, OTHER, "1600-0")
    assert await mark(redis, *read, token=token) == 0
    assert await entries(redis, AUDIO) == ["800-0"]


async def test_media_that_comes_back_goes_on_in_the_same_call(redis_url: str, redis: Shard) -> None:
    async with working(redis_url, options=IDLE), producing(redis_url) as producer:
        call = await producer.start(a_call("d"))
        for pcm in frames_of(1, 5):
            call.send(pcm)
        await until(lambda: _has_mark(redis))
        call.press("5")
        await call.drain()
        found = await redis.execute_command("XRANGE", "call:{d}:audio:0", "4000", "4000")
        assert [flat[0] for _, flat in found] == [b"sent_at", b"idle", b"sent_at"]
        assert b"dtmf" in found[-1][1]
        for pcm in frames_of(2, 5):
            call.send(pcm)
        await call.end()
        assert await timeline(redis_url, "d")
    assert call.late_frames == 0


async def test_keys_that_are_pressed_in_a_quiet_call_are_all_there_once(redis: Shard) -> None:
    """Wherever they fall among the entries that say that it is quiet, and however often they are sent."""

    async def press(*keys: int) -> None:
        pressed = [word for key in keys for word in (f"800-{key}", 2, "dtmf", key)]
        words = ["p", 1, "low:audio:0", 10_000, len(pressed), *pressed]
        assert await scripts.run(redis, "append", [AUDIO], *words) == [[b"OK", len(keys), 0]]

    await frame(redis, AUDIO, "800-0")
    await frame(redis, OTHER, "1600-0")
    assert await mark(redis, "800-0", "1600-0") == 1
    await press(1)
    await press(1, 2, 3)
    assert await mark(redis, "800-4", "1600-0") == 1
    await press(4, 5)
    await press(1, 2, 3, 4, 5)
    found = await redis.execute_command("XRANGE", AUDIO, "800-1", "800")
    assert [flat[-1] if b"dtmf" in flat else flat[0] for _, flat in found] == [
        b"idle",
        b"1",
        b"2",
        b"3",
        b"idle",
        b"4",
        b"5",
    ]


async def _has_mark(redis: Shard) -> bool:
    newest = await redis.execute_command("XREVRANGE", "call:{d}:audio:0", "+", "-", "COUNT", 1)
    return bool(newest) and b"idle" in newest[0][1]


async def test_a_producer_tells_a_frame_that_is_there_from_one_that_came_too_late(redis: Shard) -> None:
    async def append(*ends: int) -> list[Any]:
        frames = [word for end in ends for word in (f"{end}-0", 2, "pcm", "x")]
        (reply,) = await scripts.run(redis, "append", [AUDIO], "p", 1, "low:audio:0", 10_000, len(frames), *frames)
        return list(reply)

    await redis.execute_command("XADD", AUDIO, "0-1", "start", "1")
    assert await append(800, 1600, 2400) == [b"OK", 3, 0]
    assert await append(800, 1200, 1600, 3200) == [b"OK", 4, 1]
    await redis.execute_command("XTRIM", AUDIO, "MINID", "1600")
    assert await append(800) == [b"OK", 1, 0], "it had come, and was used"


def test_a_call_ends_long_after_it_fell_silent() -> None:
    settings = ServiceSettings()
    assert (settings.idle_s, settings.idle_close_s) == (60, 7200)
