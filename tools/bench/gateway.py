"""What calls cost the gateway: CPU of its process for streams of each framing, in real time.

One task of this process writes all streams, with frames made beforehand: it shares the machine with what it measures.
No stages run.
"""

import asyncio
import base64
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

import numpy as np

from speakerline.shared.audio.pcm import decode
from speakerline.shared.contract.v1 import Encoding
from speakerline.shared.keys import audio_key
from speakerline.shared.runtime.connection import Shard, entry_id, pairs
from speakerline.shared.runtime.ending import end
from speakerline.tools.bench.arithmetic import percentile
from speakerline.tools.bench.gateway_process import bare_server, gateway_process, redis_of
from speakerline.tools.bench.sound import CallSound
from speakerline.tools.bench.usage import usage
from speakerline.tools.dial.callers import AudioHookCaller, AudioSocketCaller, Caller, L16Caller, TwilioCaller, named
from speakerline.tools.failure import Failure
from speakerline.tools.tables import Report, Table

STREAMS = (100, 400)
WARM_S = 3
PAUSED_S = 0.5
"""Of sound after the pause in which Redis gets all. Where frames have no position the gateway holds them then, as after
every pause: no wait of these is counted."""
DRAIN_S = 240
PING, PONG = 0x89, 0x8A

FRAMINGS: Mapping[str, tuple[str, type[Caller]]] = {
    "Twilio, one track, 20 ms": ("twilio", TwilioCaller),
    "L16 at 8 kHz, 20 ms": ("l16", L16Caller),
    "AudioSocket, 20 ms": ("audiosocket", AudioSocketCaller),
    "AudioHook, stereo, 200 ms": ("audiohook", AudioHookCaller),
}


BARE: Mapping[str, str] = {
    "reading of bytes alone": "tcp",
    "reading of messages alone, by uvicorn": "websocket",
}
"""What `bare_server` does with streams of Twilio: a gateway can hardly cost less."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """late_s: of the writing of each piece. waits_s: from the writing of each piece until Redis has it."""

    cpu_s: float
    late_s: Sequence[float]
    waits_s: Sequence[float] = ()


async def measure_gateway(seconds: int, report: Report, say: Callable[[str], None]) -> None:
    """A row for each framing and number of streams; `seconds` of each are measured."""
    rows: list[list[str]] = []
    figures: dict[str, dict[str, object]] = {}

    def tell(title: str, kind: type[Caller], streams: int, measured: _Measured) -> None:
        share, pieces = measured.cpu_s / seconds, streams * seconds * 1000 // kind.frame_ms
        say(f"gateway: {streams} streams of {title}: {100 * share:.0f} % of a core")
        each_us, name = 1e6 * measured.cpu_s / pieces, f"{title}, {streams} streams"
        cells = [f"{100 * share:.0f}", f"{each_us:.1f}", f"{1e3 * share / streams:.2f}"]
        rows.append([name, *cells, _milliseconds(measured.waits_s), _milliseconds(measured.late_s)])
        figures[name] = {**asdict(measured), "pieces": pieces, "us_a_piece": each_us}

    for title, what in BARE.items():
        tell(title, TwilioCaller, STREAMS[-1], await _measure_bare(what, STREAMS[-1], seconds))
    for title, (path, kind) in FRAMINGS.items():
        for streams in STREAMS:
            tell(title, kind, streams, await _measure(path, kind, streams, seconds))
    percentiles = "ms: p50 / p99 / worst"
    columns = ["", "% of a core", "us a piece", "ms a call-second", f"to Redis, {percentiles}", f"late, {percentiles}"]
    note = (
        "CPU of the gateway until Redis has all, over the length of the sound. late: by how much pieces were written "
        "after their time; beyond 20 the machine had too much to do, and pieces came in heaps."
    )
    report.tables.append(Table("Calls that come in at a gateway", columns, rows, note))
    report.figures["gateway"] = figures


def _milliseconds(times_s: Sequence[float]) -> str:
    return " / ".join(str(round(1000 * percentile(times_s, percent))) for percent in (50, 99, 100) if times_s)


async def _measure_bare(what: str, streams: int, seconds: int) -> _Measured:
    async with bare_server(what) as server:
        calls = [_Stream(TwilioCaller, "twilio", number, 1) for number in range(streams)]
        for call in calls:
            await call.open(server.port)
        await _write(calls, WARM_S)
        before = usage(server.pid).cpu_s
        late_s = await _write(calls, seconds)
        await asyncio.sleep(1)
        cpu_s = usage(server.pid).cpu_s - before
        for call in calls:
            await call.close()
        return _Measured(cpu_s, late_s)


async def _measure(path: str, kind: type[Caller], streams: int, seconds: int) -> _Measured:
    async with gateway_process() as gateway:
        calls = [_Stream(kind, path, number, 2 if kind is AudioHookCaller else 1) for number in range(streams)]
        for call in calls:
            await call.open(gateway.audiosocket_port if path == "audiosocket" else gateway.port)
        async with redis_of(gateway) as redis:
            await _write(calls, WARM_S)
            await _until_handed_over(redis, calls)
            before = usage(gateway.pid).cpu_s
            late_s = await _write(calls, seconds)
            await _until_handed_over(redis, calls)
            cpu_s = usage(gateway.pid).cpu_s - before
            waits_s = [wait_s for call in calls for wait_s in await call.waits_s(redis)]
        for call in calls:
            await call.close()
        return _Measured(cpu_s, late_s, waits_s)


async def _until_handed_over(redis: Shard, calls: "list[_Stream]") -> None:
    """Wait until Redis has all that was written. Raises Failure where it takes too long."""
    names = [one async for one in redis.scan_iter(redis.key("call:*:audio:*"), count=1000)]
    written = sum(call.position * call.channels for call in calls)
    for _ in range(DRAIN_S * 2):
        commands = redis.pipeline(transaction=False)
        for name in names:
            commands.xrevrange(name, count=1)
        newest = await commands.execute()
        if sum(entry_id(entries[0][0])[0] for entries in newest) >= written:
            return
        await asyncio.sleep(0.5)
    raise Failure(f"{written} samples of sound did not come to Redis within {DRAIN_S} s")


async def _write(calls: "list[_Stream]", seconds: int) -> list[float]:
    """A piece of each call when it is due, the calls spread over its length; all say the same. Gives how late each was
    written, in s."""
    loop, step = asyncio.get_running_loop(), calls[0].frame_ms / 1000
    pieces = calls[0].pieces(round(seconds / step))
    began, late_s = loop.time(), list[float]()
    for round_, piece in enumerate(pieces):
        await asyncio.sleep(0)  # pings are answered, however late it is
        for number, call in enumerate(calls):
            due = began + step * (round_ + number / len(calls))
            if due > loop.time() + 0.001:
                await asyncio.sleep(due - loop.time())
            call.write(piece)
            late_s.append(max(0.0, loop.time() - due))
    return late_s


def waits_s(came: Sequence[tuple[int, float]], written_at: Sequence[float], piece_bytes: int, warm: int) -> list[float]:
    """How long the first piece of each frame took, from the piece `warm` on.

    came: length and time of each frame in Redis. written_at: of each piece. Pieces are found by the sound before them,
    not by its position: that is by arrival in most framings, and ahead of what was written after each hole."""
    waits, before = [], 0
    for size, at in came:
        piece = before // piece_bytes
        if warm <= piece < len(written_at):
            waits.append(at - written_at[piece])
        before += size
    return waits


class _Stream:
    """One producer. Over a WebSocket its frames are masked with zeros, and it answers pings: who does not is cut off.

    position: samples that were written, of each channel. written_at: when each piece was, by the wall clock."""

    def __init__(self, kind: type[Caller], path: str, number: int, channels: int) -> None:
        self.frame_ms = kind.frame_ms
        self._caller = kind(f"bench-{number}", 8000, channels)
        self._path = path
        self.position = 0
        self.written_at: list[float] = []
        side = decode(CallSound(number, self.frame_ms).frame(), Encoding.MULAW)
        self._samples = np.stack([side] * channels)
        self._sample_bytes = 2 if kind in (L16Caller, AudioSocketCaller) else 1
        self.channels = channels

    async def open(self, port: int) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        if self._path != "audiosocket":
            key = base64.b64encode(os.urandom(16)).decode()
            head = f"GET /{self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            self._writer.write(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
            answer = await self._reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in answer:
                raise Failure(f"the gateway answered {answer.splitlines()[0].decode()}")
        self._answering = asyncio.create_task(self._answer())
        for message in self._caller.hello():
            self._writer.write(self._wire(message))

    def pieces(self, count: int) -> list[bytes]:
        """The next ones of this stream, as they go over the wire."""
        size = self._samples.shape[1]
        places = range(self.position, self.position + count * size, size)
        return [b"".join(map(self._wire, self._caller.sound(self._samples, place))) for place in places]

    def write(self, piece: bytes) -> None:
        if self._writer.is_closing():
            raise Failure(f"the gateway closed a stream of {self._path} after {self.position} samples")
        self._writer.write(piece)
        self.position += self._samples.shape[1]
        self.written_at.append(time.time())

    async def waits_s(self, redis: Shard) -> list[float]:
        """From the writing of the first piece of each frame to that of the frame, of the first channel, once warm."""
        name = str(named(self._caller.call_id)) if self._path == "audiosocket" else self._caller.call_id
        entries = await redis.execute_command("XRANGE", redis.key(audio_key(name, 0)), "-", "+")
        frames = [fields for _, flat in entries if b"pcm" in (fields := pairs(flat))]
        came = [(len(fields[b"pcm"]), float(fields[b"sent_at"])) for fields in frames]
        piece_bytes = self._samples.shape[1] * self._sample_bytes
        return waits_s(came, self.written_at, piece_bytes, round((WARM_S + PAUSED_S) * 1000 / self.frame_ms))

    async def close(self) -> None:
        await end([self._answering])
        self._writer.close()

    async def _answer(self) -> None:
        """Read what the gateway says, and send its pings back."""
        with suppress(asyncio.IncompleteReadError, OSError):
            while self._path != "audiosocket":
                kind, size = await self._reader.readexactly(2)
                if size > 125:
                    size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
                data = await self._reader.readexactly(size)
                if kind == PING:
                    self._writer.write(bytes([PONG, 0x80 | size]) + bytes(4) + data)

    def _wire(self, message: str | bytes) -> bytes:
        data = message.encode() if isinstance(message, str) else message
        if self._path == "audiosocket":
            return data
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
        return bytes([0x81 if isinstance(message, str) else 0x82]) + length + bytes(4) + data
