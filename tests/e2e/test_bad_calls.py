"""The table of bad announcements, and of calls that do not end: refused with the reason, or ended for the producer."""

import asyncio
import json
from functools import partial
from typing import Any

import pytest

from speakerline.shared.client.producer import Producer, ProducerError
from speakerline.shared.codec import InvalidEvent, write_call
from speakerline.shared.contract.v1 import CallEnded, Encoding, EndReason
from speakerline.shared.keys import REFUSED
from speakerline.shared.runtime.worker import WorkerOptions
from tests.e2e.beside import healthy_call_beside
from tests.e2e.conftest import SHORT_S, NewSystem
from tests.e2e.decoded import bodies
from tests.e2e.sample_call import announcement, frames, pcm
from tests.e2e.system import Models, System
from tests.redis_server import RedisServer

MULAW = Encoding.MULAW
FRAMES = frames(pcm(MULAW, SHORT_S), MULAW, 1000)

GOOD = write_call(announcement("bad", MULAW)).decode()

BAD_IDS = {
    "an empty call id": "",
    "a call id with braces": "with braces{}",
    "a call id with a space": "a call",
    "a call id with a line break": "a\ncall",
    "a call id beyond ASCII": "gespräch",
    "a call id of 10,000 characters": "x" * 10_000,
}


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def named(call_id: str) -> str:
    """An announcement that our own client would not write."""
    return json.dumps({**json.loads(GOOD), "call_id": call_id})


ID = "expected 1 to 200 printable ASCII characters without spaces or braces"
ANNOUNCEMENTS: dict[str, tuple[tuple[Any, Any], str]] = {
    "text that is no JSON": (("event", "{call"), "Invalid JSON"),
    "JSON that is no object": (("event", "[]"), "should be an object"),
    "bytes that are no text": (("event", b"\xff\xfe\x00"), "Invalid JSON"),
    "an empty announcement": (("event", ""), "Invalid JSON"),
    "an announcement in another field": (("call", GOOD), "Invalid JSON"),
    "an announcement of nothing": (("event", "{}"), "call_id of 0 characters"),
    "an encoding of a newer version": (("event", changed("ENCODING_MULAW", "ENCODING_MP3")), "encoding"),
    "no encoding": (("event", changed('"encoding":"ENCODING_MULAW",', "")), "encoding"),
    "44.1 kHz": (("event", changed("8000", "44100")), "sample_rate 44100: expected 8000 or 16000"),
    "a rate that is no number": (("event", changed("8000", '"fast"')), "sample_rate"),
    "20 channels": (("event", changed('"channels":1', '"channels":20')), "channels 20: expected 1 to 8"),
    "-1 channels": (("event", changed('"channels":1', '"channels":-1')), "channels"),
    **{name: (("event", named(call_id)), ID) for name, call_id in BAD_IDS.items()},
}
"""What is put into `calls`, and a part of the reason why it is refused."""


@pytest.fixture(scope="module")
def reasons(models: Models, beginning: list[bytes]) -> dict[str, str]:
    """Why each of them is refused, where all come during one healthy call."""

    async def played(url: str) -> dict[str, str]:
        async with System(url, models) as system, healthy_call_beside(system, beginning):
            add = partial(system.redis.execute_command, "XADD", "calls", "*")
            names = {await add(*fields): name for name, (fields, _) in ANNOUNCEMENTS.items()}
            refused = await refusals(system, len(names))
        return {names[one[b"entry"]]: one[b"reason"].decode() for one in refused}

    with RedisServer() as server:
        return asyncio.run(played(server.url))


async def refusals(system: System, count: int) -> list[dict[bytes, bytes]]:
    """Once there are so many."""
    for _ in range(200):
        entries = await system.redis.execute_command("XRANGE", REFUSED, "-", "+")
        if len(entries) >= count:
            return [dict(zip(flat[::2], flat[1::2], strict=True)) for _, flat in entries]
        await asyncio.sleep(0.05)
    raise AssertionError(f"expected {count} refusals within 10 s: {entries}")


@pytest.mark.parametrize("name", ANNOUNCEMENTS)
def test_bad_announcements_are_kept_with_the_reason(reasons: dict[str, str], name: str) -> None:
    _, expected = ANNOUNCEMENTS[name]
    assert expected in reasons[name]
    assert len(reasons[name]) < 300


def test_each_is_refused_once(reasons: dict[str, str]) -> None:
    assert reasons.keys() == ANNOUNCEMENTS.keys()


@pytest.mark.parametrize("call_id", BAD_IDS.values(), ids=BAD_IDS)
async def test_bad_ids_are_refused_by_the_client(redis_url: str, call_id: str) -> None:
    producer = Producer(redis_url)
    with pytest.raises(InvalidEvent, match=ID):
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


async def test_two_producers_of_one_call_are_told_apart_by_the_client(system: System, beginning: list[bytes]) -> None:
    first, second = Producer(system.url, "exchange"), Producer(system.url, "intruder")
    async with healthy_call_beside(system, beginning):
        call = await first.start(announcement("bad", MULAW))
        with pytest.raises(ProducerError, match="call 'bad' already exists, begun by another producer"):
            await second.start(announcement("bad", MULAW))
        for _, sound in FRAMES:
            call.send(sound)
        with pytest.raises(ProducerError, match="channel 1: call 'bad' has 0 to 0"):
            call.send(FRAMES[0][1], channel=1)
        await call.end()
    assert await system.timeline("bad") == beginning
    await first.aclose()
    await second.aclose()


async def test_the_client_puts_frames_in_order_and_leaves_repeats_out(system: System, beginning: list[bytes]) -> None:
    small = frames(pcm(MULAW, SHORT_S), MULAW, 20)
    swapped = [frame for pair in zip(small[1::2], small[::2], strict=True) for frame in pair]
    timeline = await system.play(announcement("bad", MULAW), [[frame for frame in swapped for _ in range(2)]])
    assert timeline == beginning


async def test_sound_before_the_announcement_counts(system: System, beginning: list[bytes]) -> None:
    call = system.wire(announcement("bad", MULAW))
    await call.open_logs()
    await call.frames(FRAMES)
    await call.close()
    await call.call_out()
    assert await system.timeline("bad") == beginning


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


async def test_a_log_that_is_no_stream_is_refused(system: System, beginning: list[bytes]) -> None:
    async with healthy_call_beside(system, beginning):
        call = system.wire(announcement("bad", MULAW))
        await system.redis.set(call.audio(), "hello")
        await call.call_out()
        (refused,) = await refusals(system, 1)
        assert "the log audio:0 is a string: expected a stream" in refused[b"reason"].decode()
