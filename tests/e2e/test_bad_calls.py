"""The table of bad announcements, and of calls that do not end: refused with the reason, or ended for the producer."""

import asyncio
import json
from typing import Any

import pytest

from speakerline.shared.client.producer import Producer, ProducerError
from speakerline.shared.codec import InvalidEvent, write_call
from speakerline.shared.contract.v1 import CallEnded, Encoding, EndReason
from speakerline.shared.runtime.worker import WorkerOptions
from tests.e2e.beside import healthy_call_beside
from tests.e2e.conftest import SHORT_S, NewSystem, Undisturbed
from tests.e2e.decoded import bodies
from tests.e2e.sample_call import announcement, frames, pcm
from tests.e2e.system import System

MULAW = Encoding.MULAW
FRAMES = frames(pcm(MULAW, SHORT_S), MULAW, 1000)

GOOD = write_call(announcement("bad", MULAW)).decode()

BAD_IDS = [
    pytest.param("", id="an empty call id"),
    pytest.param("with braces{}", id="a call id with braces"),
    pytest.param("a call", id="a call id with a space"),
    pytest.param("a\ncall", id="a call id with a line break"),
    pytest.param("gespräch", id="a call id beyond ASCII"),
    pytest.param("x" * 10_000, id="a call id of 10,000 characters"),
]


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


async def refusals(system: System) -> list[dict[bytes, bytes]]:
    """Once there is one."""
    for _ in range(200):
        entries = await system.redis.execute_command("XRANGE", "calls:refused", "-", "+")
        if entries:
            return [dict(zip(flat[::2], flat[1::2], strict=True)) for _, flat in entries]
        await asyncio.sleep(0.05)
    raise AssertionError("nothing was refused within 10 s")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param(["event", "{call"], "Invalid JSON", id="text that is no JSON"),
        pytest.param(["event", "[]"], "should be an object", id="JSON that is no object"),
        pytest.param(["event", b"\xff\xfe\x00"], "Invalid JSON", id="bytes that are no text"),
        pytest.param(["event", ""], "Invalid JSON", id="an empty announcement"),
        pytest.param(["call", GOOD], "Invalid JSON", id="an announcement in another field"),
        pytest.param(["event", "{}"], "call_id of 0 characters", id="an announcement of nothing"),
        pytest.param(
            ["event", changed("ENCODING_MULAW", "ENCODING_MP3")], "encoding", id="an encoding of a newer version"
        ),
        pytest.param(["event", changed('"encoding":"ENCODING_MULAW",', "")], "encoding", id="no encoding"),
        pytest.param(["event", changed("8000", "44100")], "sample_rate 44100: expected 8000 or 16000", id="44.1 kHz"),
        pytest.param(["event", changed("8000", '"fast"')], "sample_rate", id="a rate that is no number"),
        pytest.param(
            ["event", changed('"channels":1', '"channels":20')], "channels 20: expected 1 to 8", id="20 channels"
        ),
        pytest.param(["event", changed('"channels":1', '"channels":-1')], "channels", id="-1 channels"),
    ],
)
async def test_bad_announcements_are_kept_with_the_reason(
    system: System, undisturbed: Undisturbed, fields: list[Any], reason: str
) -> None:
    async with healthy_call_beside(system, undisturbed):
        await system.redis.execute_command("XADD", "calls", "*", *fields)
        (refused,) = await refusals(system)
        assert reason in refused[b"reason"].decode()


@pytest.mark.parametrize("call_id", BAD_IDS)
async def test_bad_ids_are_refused_on_the_wire(system: System, undisturbed: Undisturbed, call_id: str) -> None:
    async with healthy_call_beside(system, undisturbed):
        await system.redis.execute_command("XADD", "calls", "*", "event", named(call_id))
        (refused,) = await refusals(system)
        assert "expected 1 to 200 printable ASCII characters without spaces or braces" in refused[b"reason"].decode()
        assert len(refused[b"reason"]) < 300


@pytest.mark.parametrize("call_id", BAD_IDS)
async def test_bad_ids_are_refused_by_the_client(redis_url: str, call_id: str) -> None:
    producer = Producer(redis_url)
    with pytest.raises(InvalidEvent, match="expected 1 to 200 printable ASCII characters without spaces or braces"):
        await producer.start(announcement(call_id, MULAW))
    await producer.aclose()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"encoding": Encoding.UNSPECIFIED}, "encoding .*: expected ENCODING_MULAW", id="no encoding"),
        pytest.param({"sample_rate": 44100}, "sample_rate 44100: expected 8000 or 16000", id="44.1 kHz"),
        pytest.param({"channels": 9}, "channels 9: expected 1 to 8", id="9 channels"),
        pytest.param(
            {"expected_speakers": 3, "max_speakers": 2}, "expected_speakers 3: more than max", id="3 of 2 speakers"
        ),
    ],
)
async def test_bad_announcements_are_refused_by_the_client(
    redis_url: str, change: dict[str, Any], message: str
) -> None:
    producer = Producer(redis_url)
    call = announcement("bad", MULAW)
    for name, value in change.items():
        setattr(call, name, value)
    with pytest.raises(InvalidEvent, match=message):
        await producer.start(call)
    await producer.aclose()


async def test_two_producers_of_one_call_are_told_apart_by_the_client(system: System, undisturbed: Undisturbed) -> None:
    first, second = Producer(system.url, "exchange"), Producer(system.url, "intruder")
    async with healthy_call_beside(system, undisturbed):
        call = await first.start(announcement("bad", MULAW))
        with pytest.raises(ProducerError, match="call 'bad' already exists: another producer sends it"):
            await second.start(announcement("bad", MULAW))
        for _, sound in FRAMES:
            call.send(sound)
        with pytest.raises(ProducerError, match="channel 1: call 'bad' has 0 to 0"):
            call.send(FRAMES[0][1], channel=1)
        await call.end()
    assert await system.timeline("bad") == undisturbed(MULAW, SHORT_S)
    await first.aclose()
    await second.aclose()


async def test_the_client_puts_frames_in_order_and_leaves_repeats_out(system: System, undisturbed: Undisturbed) -> None:
    small = frames(pcm(MULAW, SHORT_S), MULAW, 20)
    swapped = [frame for pair in zip(small[1::2], small[::2], strict=True) for frame in pair]
    timeline = await system.play(announcement("bad", MULAW), [[frame for frame in swapped for _ in range(2)]])
    assert timeline == undisturbed(MULAW, SHORT_S)


async def test_sound_before_the_announcement_counts(system: System, undisturbed: Undisturbed) -> None:
    call = system.wire(announcement("bad", MULAW))
    await call.open_logs()
    await call.frames(FRAMES)
    await call.close()
    await call.call_out()
    assert await system.timeline("bad") == undisturbed(MULAW, SHORT_S)


@pytest.mark.parametrize("sent", [pytest.param(10, id="after some sound"), pytest.param(0, id="before any sound")])
@pytest.mark.parametrize("channels", [1, 2], ids=["mono", "stereo"])
async def test_a_call_that_never_ends_is_closed(
    new_system: NewSystem, redis_url: str, sent: int, channels: int
) -> None:
    system = await new_system(redis_url, WorkerOptions(idle_close_s=0.6, lease_s=0.6))
    call = system.wire(announcement("bad", MULAW, channels))
    await call.announce()
    await call.frames(FRAMES[:sent])
    assert bodies(await system.timeline("bad"), CallEnded) == [CallEnded(end_ms=sent * 1000, reason=EndReason.IDLE)]
    assert "equal or smaller" in await call.frame(*FRAMES[sent])


async def test_a_call_without_logs_is_closed(new_system: NewSystem, redis_url: str) -> None:
    system = await new_system(redis_url, WorkerOptions(idle_close_s=0.6, lease_s=0.6))
    await system.wire(announcement("bad", MULAW)).call_out()
    assert bodies(await system.timeline("bad"), CallEnded) == [CallEnded(end_ms=0, reason=EndReason.IDLE)]


async def test_a_log_that_is_no_stream_is_refused(system: System, undisturbed: Undisturbed) -> None:
    async with healthy_call_beside(system, undisturbed):
        call = system.wire(announcement("bad", MULAW))
        await system.redis.set(call.audio(), "hello")
        await call.call_out()
        (refused,) = await refusals(system)
        assert "the log audio:0 is a string: expected a stream" in refused[b"reason"].decode()


def named(call_id: str) -> bytes:
    """An announcement that our own client would not write."""
    return json.dumps({**json.loads(GOOD), "call_id": call_id}).encode()
