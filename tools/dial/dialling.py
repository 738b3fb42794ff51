"""Sends the messages of a caller over a WebSocket, or over TCP, at the speed of the sound."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from speakerline.shared.audio.pcm import to_int16
from speakerline.shared.runtime.ending import end
from speakerline.tools.dial.callers import Caller, Message
from speakerline.tools.failure import Failure
from speakerline.tools.media.reading import Recording

ANSWER_S = 20.0
"""How long the gateway may take to answer a hello or a goodbye."""

AUDIOSOCKET_PORT = "SPEAKERLINE_INTAKE_AUDIOSOCKET_PORT"

Told = Callable[[dict[str, Any]], None]


class Line(Protocol):
    """A connection to the gateway."""

    async def send(self, message: Message) -> None: ...

    async def finish(self) -> None:
        """Say that nothing more comes, where the protocol has no message for it."""

    async def receive(self) -> str | None:
        """The next text; None when the gateway has closed."""
        ...

    @property
    def problem(self) -> str:
        """Why the gateway closed; empty where the call was over."""
        ...


async def dial(
    url: str,
    caller: Caller,
    recording: Recording,
    realtime: bool,
    key: str,
    connected: Callable[[], None],
    told: Told,
) -> int:
    """Play the recording as the caller does; returns its length in ms. `connected` is called once the gateway is
    reached, and `told` with each of its messages.

    Raises Failure where the gateway can't be reached or refuses the call."""
    async with _line(url, key) as line:
        connected()
        conversation = _Conversation(line, caller, told)
        listening = asyncio.create_task(conversation.listen())
        sent_ms = 0
        try:
            sent_ms = await _play(line, caller, recording, realtime, conversation)
        except (ConnectionClosed, ConnectionError, asyncio.TimeoutError):
            pass  # the gateway has said why
        problem = await conversation.over()
        await end([listening])
    if problem:
        raise Failure(f"{url}: {problem}")
    return sent_ms


class _Conversation:
    """What the gateway says."""

    def __init__(self, line: Line, caller: Caller, told: Told) -> None:
        self._line = line
        self._caller = caller
        self._told = told
        self._kinds: set[str] = set()
        self._news = asyncio.Condition()
        self.closed = False

    async def listen(self) -> None:
        while (text := await self._line.receive()) is not None:
            message = json.loads(text)
            self._caller.heard(message)
            self._told(message)
            await self._note(str(message.get("type", "")))
        self.closed = True
        await self._note("")

    async def wait_for(self, kind: str) -> None:
        """Until the gateway has said this, or has closed."""
        if kind:
            async with self._news:
                done = self._news.wait_for(lambda: kind in self._kinds or self.closed)
                await asyncio.wait_for(done, ANSWER_S)

    async def over(self) -> str:
        """Wait until the gateway has closed; gives why, empty where all is well."""
        try:
            async with self._news:
                await asyncio.wait_for(self._news.wait_for(lambda: self.closed), ANSWER_S)
        except asyncio.TimeoutError:
            return f"did not end the call within {ANSWER_S:g} s"
        return self._line.problem

    async def _note(self, kind: str) -> None:
        async with self._news:
            self._kinds.add(kind)
            self._news.notify_all()


async def _play(line: Line, caller: Caller, recording: Recording, realtime: bool, said: _Conversation) -> int:
    for message in caller.hello():
        await line.send(message)
    await said.wait_for(caller.answered_by)
    loop, position = asyncio.get_running_loop(), 0
    began = loop.time()
    for block in recording.blocks(caller.frame_ms):
        samples = to_int16(np.ascontiguousarray(block, np.float32))
        for message in caller.sound(samples, position):
            await line.send(message)
        position += samples.shape[1]
        if realtime:
            await asyncio.sleep(max(0.0, began + position / recording.sample_rate - loop.time()))
    for message in caller.goodbye():
        await line.send(message)
    await line.finish()
    return position * 1000 // recording.sample_rate


class _Socket:
    """Line over a WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, message: Message) -> None:
        await self._socket.send(message)

    async def finish(self) -> None:
        """The caller's goodbye has said it."""

    async def receive(self) -> str | None:
        try:
            return str(await self._socket.recv())
        except ConnectionClosed:
            return None

    @property
    def problem(self) -> str:
        code = self._socket.close_code
        return "" if code == 1000 else f"closed with {code} {self._socket.close_reason}".strip()


class _Stream:
    """Line over TCP: nothing comes but the end, or a request to hang up."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.problem = ""

    async def send(self, message: Message) -> None:
        assert isinstance(message, bytes)
        self._writer.write(message)
        await self._writer.drain()

    async def finish(self) -> None:
        self._writer.write_eof()

    async def receive(self) -> str | None:
        if await self._reader.read(1):
            self.problem = "the gateway hung up"
        return None


@asynccontextmanager
async def _line(url: str, key: str) -> AsyncIterator[Line]:
    address = urlsplit(url)
    try:
        if address.scheme == "tcp":
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                yield _Stream(reader, writer)
            finally:
                writer.close()
        else:
            headers = {"X-API-Key": key} if key else {}
            async with connect(url, additional_headers=headers, compression=None) as socket:
                yield _Socket(socket)
    except ConnectionRefusedError as error:
        hint = f"; a gateway listens for AudioSocket where {AUDIOSOCKET_PORT} names the port"
        raise Failure(f"{url}: {error}{hint if address.scheme == 'tcp' else ''}") from error
    except InvalidStatus as error:
        said = (error.response.body or b"").decode(errors="replace").strip()
        raise Failure(f"{url}: {error}{f' ({said})' if said else ''}") from error
    except (OSError, InvalidHandshake, InvalidURI, ValueError) as error:
        raise Failure(f"{url}: {error}") from error
