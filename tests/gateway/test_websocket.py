"""Sockets that are read in heaps: messages are those of the usual parser, however the bytes are cut."""

import asyncio
import os
import random
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from speakerline.services.gateway.pacer import LONGEST_S, TICK_S, Pacer
from speakerline.services.gateway.websocket import ALL, PacedWebSocket

HEAD = (
    b"GET /l16 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
LARGEST = 70_000


class Wire:
    """The transport of a socket; remembers. What is written to `far` waits for whom asks for its socket."""

    def __init__(self) -> None:
        self.far, self._near = socket.socketpair()
        self._near.setblocking(False)
        self.sent = b""
        self.reads = True
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> socket.socket | None:
        return self._near if name == "socket" else None


class Socket:
    """A PacedWebSocket whose application takes all that comes: one by one, or what is there at once."""

    def __init__(self, pacer: Pacer | None = None, early: bytes = b"", at_once: bool = False) -> None:
        config = uvicorn.Config(
            self._application, ws_max_size=LARGEST, ws_per_message_deflate=False, log_config=None, interface="asgi3"
        )
        config.load()
        self._protocol = PacedWebSocket(pacer or Pacer(), config=config, server_state=ServerState(), app_state={})
        self.wire, self.messages, self._early, self._at_once = Wire(), list[Any](), early, at_once
        self.receptions = 0
        """How often the application was given something."""

    async def open(self) -> "Socket":
        self._protocol.connection_made(self.wire)  # type: ignore[arg-type]
        self._protocol.data_received(HEAD)
        if self._early:
            self._protocol.data_received(self._early)
        await settle()
        assert b" 101 " in self.wire.sent
        return self

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        receive_all = scope["extensions"][ALL]["receive"]
        while not self.messages or not isinstance(self.messages[-1], int):
            self.messages += map(told, await receive_all() if self._at_once else [await receive()])
            self.receptions += 1

    async def take(self, *pieces: bytes) -> list[Any]:
        """What the application has of all pieces."""
        for piece in pieces:
            self._protocol.data_received(piece)
            await settle()
        return self.messages


def told(event: Any) -> Any:
    """The message, or the code of the end."""
    if not isinstance(event, dict):
        return event
    return event["code"] if event["type"] == "websocket.disconnect" else event.get("text", event.get("bytes"))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def frame(data: bytes, opcode: Opcode = Opcode.BINARY, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


SAID: list[tuple[list[bytes], str | bytes]] = [
    ([frame(b"")], b""),
    ([frame(b"x" * 125)], b"x" * 125),
    ([frame("größer".encode(), Opcode.TEXT)], "größer"),
    ([frame(b"y" * 126)], b"y" * 126),
    ([frame(b"z" * 65_536)], b"z" * 65_536),
    ([frame(b"in ", fin=False), frame(b"", Opcode.PING), frame(b"parts", Opcode.CONT)], b"in parts"),
    ([frame(b"", Opcode.PONG), frame(os.urandom(300))], b""),
]


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("seed", range(20))
async def test_messages_are_those_that_were_sent_however_their_bytes_are_cut(seed: int, at_once: bool) -> None:
    rng = random.Random(seed)
    said = [rng.choice(SAID[:-1]) for _ in range(12)]
    data = b"".join(part for parts, _ in said for part in parts)
    cuts = sorted(rng.choices(range(len(data)), k=rng.choice((0, 1, 30))))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    socket = await Socket(at_once=at_once).open()
    assert await socket.take(*pieces) == [message for _, message in said]
    assert socket.wire.sent.count(b"\x8a\x00") == sum(len(parts) == 3 for parts, _ in said)  # pongs


async def test_what_brings_no_message_leaves_the_rest_to_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends pings without end is read as fast as others have their turn."""
    socket, reads = await Socket().open(), list[int]()

    def pings(_: object) -> bytes:
        reads.append(1)
        return frame(b"", Opcode.PING)

    monkeypatch.setattr("speakerline.services.gateway.websocket.read_now", pings)
    assert await socket.take(frame(b"hello")) == [b"hello"]
    assert (len(reads), socket.wire.reads) == (1, True)
    assert await socket.take(frame(b"again")) == [b"hello", b"again"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(frame(bytes(LARGEST + 1)), 1009, id="a message that is too large"),
        pytest.param(frame(bytes(LARGEST + 1))[:20], 1009, id="the beginning of a message that is too large"),
        pytest.param(Frame(Opcode.TEXT, b"bare").serialize(mask=False), 1002, id="a message without a mask"),
        pytest.param(frame(b"\xff\xfe", Opcode.TEXT), 1007, id="a text that is none"),
        pytest.param(frame(b"a", fin=False) + frame(b"b"), 1002, id="a message within another"),
        pytest.param(frame(b"\x03\xe8", Opcode.CLOSE), 1000, id="a close"),
    ],
)
async def test_what_breaks_the_protocol_ends_the_socket_with_the_code_for_it(data: bytes, code: int) -> None:
    socket = await Socket().open()
    assert await socket.take(frame(b"before"), data) == [b"before", code]
    assert socket.wire.closed


async def test_messages_before_the_answer_to_the_handshake_are_not_lost() -> None:
    whole = frame(b"early") + frame(b"x" * 50)
    socket = await Socket(early=whole[:20]).open()
    assert await socket.take(whole[20:], frame(b"late")) == [b"early", b"x" * 50, b"late"]


async def test_messages_of_one_read_can_be_taken_at_once() -> None:
    socket = await Socket(at_once=True).open()
    said = frame(b"a") + frame(b"b") + frame(b"c") + frame(b"\x03\xe8", Opcode.CLOSE)
    assert await socket.take(said) == [b"a", b"b", b"c", 1000]
    assert socket.receptions == 1


class Timers:
    """A loop whose time is set; remembers what is to be done when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.set: list[tuple[float, Any, int]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, do: Any, tick: int) -> None:
        self.set.append((when, do, tick))


def test_few_sockets_are_read_at_once() -> None:
    pacer, read = Pacer(), list[str]()
    pacer.sockets = 3
    pacer.ask(lambda: read.append("a"))
    assert read == ["a"]


def test_many_sockets_are_read_together_at_the_tick_before_they_may_wait_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pacer, read, loop = Pacer(), list[str](), Timers()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    pacer.sockets = 25
    for loop.now, name in ((1.0, "a"), (1.004, "b"), (1.006, "c")):
        pacer.ask(lambda name=name: read.append(name))  # type: ignore[misc]
    assert [when for when, _, _ in loop.set] == pytest.approx([1.02, 1.03])
    for _, do, tick in loop.set:
        do(tick)
        read.append("-")
    assert read == ["a", "b", "-", "c", "-"]


def test_no_socket_waits_longer_than_half_of_what_a_frame_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    pacer, loop = Pacer(), Timers()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    pacer.sockets = 100_000
    pacer.ask(lambda: None)
    ((when, _, _),) = loop.set
    assert LONGEST_S - TICK_S < when <= LONGEST_S


async def test_a_socket_that_can_not_be_read_keeps_no_other_waiting() -> None:
    pacer, read, told = Pacer(), asyncio.Event(), list[dict[str, Any]]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def fails() -> None:
        raise ValueError("a fault")

    pacer.sockets = 25
    for one in (fails, read.set):
        pacer.ask(one)
    await asyncio.wait_for(read.wait(), 60)
    assert [str(context["exception"]) for context in told] == ["a fault"]


async def asking() -> tuple[Socket, list[Callable[[], None]]]:
    """A socket, and what it asks the pacer to call."""
    pacer, asked = Pacer(), list[Callable[[], None]]()
    pacer.ask = asked.append  # type: ignore[method-assign, assignment]
    return await Socket(pacer).open(), asked


async def test_a_socket_is_not_read_while_its_application_has_enough() -> None:
    socket, asked = await asking()
    await socket.take(frame(b"a") + frame(b"b"))
    assert socket.messages == [b"a", b"b"] and not socket.wire.reads
    (read,) = asked
    read()
    assert socket.wire.reads


async def test_what_is_there_when_the_pacer_reads_is_taken_without_the_loop() -> None:
    socket, asked = await asking()
    await socket.take(frame(b"a"))
    socket.wire.far.send(frame(b"b") + frame(b"c"))
    asked.pop()()
    await settle()
    assert socket.messages == [b"a", b"b", b"c"] and not socket.wire.reads


async def test_where_a_part_of_a_message_is_there_the_loop_reads_the_rest() -> None:
    socket, asked = await asking()
    await socket.take(frame(b"a"))
    whole = frame(b"b")
    socket.wire.far.send(whole[:3])
    asked.pop()()
    assert socket.wire.reads
    assert await socket.take(whole[3:]) == [b"a", b"b"]


async def test_the_end_of_a_socket_is_left_to_the_loop() -> None:
    socket, asked = await asking()
    await socket.take(frame(b"a"))
    socket.wire.far.close()
    asked.pop()()
    assert socket.wire.reads
