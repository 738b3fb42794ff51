"""Sockets that are read in heaps: messages are those of the usual parser, however the bytes are cut."""

import asyncio
import os
import random
import socket
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from speakerline.services.gateway.inbox import Message
from speakerline.services.gateway.pacer import LONGEST_S, TICK_S, TOGETHER, Pacer
from speakerline.services.gateway.websocket import HEARING, PacedWebSocket

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
        self.hearings = self.takings = 0
        """How often the application waited, and was given messages meanwhile."""
        self.at_leisure = asyncio.Event()
        """Else the application has something else to do when it was given messages."""
        self.at_leisure.set()

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
        while not self.messages or not isinstance(self.messages[-1], int):
            self.messages.append(told(await (self._hear(scope) if self._at_once else receive())))

    async def _hear(self, scope: Any) -> Any:
        while True:
            self.hearings += 1
            if event := await scope["extensions"][HEARING]["hear"](self._take):
                return event
            await self.at_leisure.wait()

    def _take(self, messages: Sequence[Message]) -> bool:
        self.messages += messages
        self.takings += 1
        return self.at_leisure.is_set()

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


async def test_messages_of_one_read_are_taken_at_once_without_a_turn_of_the_task() -> None:
    socket = await Socket(at_once=True).open()
    for _ in range(3):
        await socket.take(frame(b"aa") + frame(b"bb") + frame(b"cc"))
    assert await socket.take(frame(b"\x03\xe8", Opcode.CLOSE)) == [b"aa", b"bb", b"cc"] * 3 + [1000]
    assert (socket.takings, socket.hearings) == (3, 1)


class Timers:
    """A loop whose time is set; remembers what is to be done when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.set: list[tuple[float, Any, int]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, do: Any, tick: int) -> None:
        self.set.append((when, do, tick))


def test_few_sockets_are_left_to_the_loop() -> None:
    pacer = Pacer()
    pacer.sockets = 3
    assert not pacer.ask(lambda: None)


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


def test_some_that_are_read_together_are_read_together_again_and_the_others_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pacer, loop = Pacer(), Timers()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)

    def read() -> None:
        loop.now += 0.001
        assert pacer.ask(read)

    pacer.sockets, loop.now = 25, 1.0
    for _ in range(TOGETHER + 8):
        pacer.ask(read)
    ((_, do, tick),) = loop.set
    loop.now = 1.021
    do(tick)
    assert [when for when, _, _ in loop.set[1:]] == pytest.approx([1.04, 1.07])
    assert [len(waiting) for waiting in pacer._waiting.values()] == [TOGETHER, 8]
    loop.now = 2.0
    pacer.ask(read)
    assert loop.set[-1][0] == pytest.approx(2.02), "who asks later waits for a tick that is still to come"


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


class Asked(Pacer):
    """Remembers what it is to call."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Callable[[], None]] = []

    def ask(self, read: Callable[[], None]) -> bool:
        self.asked.append(read)
        return True


@pytest.fixture(params=[False, True], ids=["received", "taken"])
async def asking(request: pytest.FixtureRequest) -> tuple[Socket, list[Callable[[], None]]]:
    """A socket, and what it asks the pacer to call."""
    pacer = Asked()
    return await Socket(pacer, at_once=request.param).open(), pacer.asked


Asking = tuple[Socket, list[Callable[[], None]]]


async def test_a_socket_is_not_read_before_the_pacer_says_so_and_once_for_all_that_came(asking: Asking) -> None:
    socket, asked = asking
    parts = frame(b"in ", fin=False) + frame(b"parts", Opcode.CONT)
    await socket.take(frame(b"a") + parts + frame(b"b"))
    assert socket.messages == [b"a", b"in parts", b"b"] and not socket.wire.reads
    (read,) = asked
    read()
    assert socket.wire.reads


async def test_what_is_there_when_the_pacer_reads_is_taken_without_the_loop(asking: Asking) -> None:
    socket, asked = asking
    await socket.take(frame(b"a"))
    socket.wire.far.send(frame(b"b") + frame(b"c"))
    asked.pop()()
    await settle()
    assert socket.messages == [b"a", b"b", b"c"] and not socket.wire.reads


async def test_where_a_part_of_a_message_is_there_the_pacer_reads_the_rest(asking: Asking) -> None:
    socket, asked = asking
    await socket.take(frame(b"a"))
    whole = frame(b"b")
    for part in (whole[:3], whole[3:]):
        socket.wire.far.send(part)
        (read,) = asked
        asked.clear()
        read()
    await settle()
    assert socket.messages == [b"a", b"b"] and not socket.wire.reads


async def test_nothing_is_read_while_the_application_has_enough_and_all_is_taken_later() -> None:
    pacer = Asked()
    socket = await Socket(pacer, at_once=True).open()
    socket.at_leisure.clear()
    await socket.take(frame(b"a"), frame(b"b") + frame(b"c"))
    assert socket.messages == [b"a"] and not socket.wire.reads and not pacer.asked
    socket.at_leisure.set()
    await settle()
    assert socket.messages == [b"a", b"b", b"c"] and len(pacer.asked) == 1


async def test_what_brings_no_message_is_read_on_by_the_pacer(asking: Asking) -> None:
    """Whoever sends pings without end is read no more often than others."""
    socket, asked = asking
    await socket.take(frame(b"a"))
    for _ in range(3):
        socket.wire.far.send(frame(b"", Opcode.PING))
        (read,) = asked
        asked.clear()
        read()
    assert socket.messages == [b"a"] and socket.wire.sent.count(b"\x8a\x00") == 3
    assert len(asked) == 1 and not socket.wire.reads


async def test_the_end_of_a_socket_is_left_to_the_loop(asking: Asking) -> None:
    socket, asked = asking
    await socket.take(frame(b"a"))
    socket.wire.far.close()
    asked.pop()()
    assert socket.wire.reads
