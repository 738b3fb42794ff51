"""What calls cost the gateway: CPU of its process for streams of each framing, in real time.

One task of this process writes all streams, with frames made by hand. No stages run.
"""

import asyncio
import base64
import os
import re
from collections.abc import Callable, Mapping

import numpy as np

from speakerline.shared.audio.pcm import decode
from speakerline.shared.contract.v1 import Encoding
from speakerline.tools.bench.gateway_process import GatewayProcess, gateway_process
from speakerline.tools.bench.sound import CallSound
from speakerline.tools.bench.usage import usage
from speakerline.tools.dial.callers import AudioHookCaller, AudioSocketCaller, Caller, L16Caller, TwilioCaller
from speakerline.tools.failure import Failure
from speakerline.tools.tables import Report, Table

STREAMS = (100, 400)
WARM_S = 3
DRAIN_S = 240

FRAMINGS: Mapping[str, tuple[str, type[Caller]]] = {
    "Twilio, one track, 20 ms": ("twilio", TwilioCaller),
    "L16 at 8 kHz, 20 ms": ("l16", L16Caller),
    "AudioSocket, 20 ms": ("audiosocket", AudioSocketCaller),
    "AudioHook, stereo, 200 ms": ("audiohook", AudioHookCaller),
}


async def measure_gateway(seconds: int, report: Report, say: Callable[[str], None]) -> None:
    """A row for each framing and number of streams; `seconds` of each are measured."""
    rows, figures = [], {}
    for title, (path, kind) in FRAMINGS.items():
        for streams in STREAMS:
            cpu_s, late_ms = await _measure(path, kind, streams, seconds)
            share, pieces = cpu_s / seconds, streams * seconds * 1000 // kind.frame_ms
            say(f"gateway: {streams} streams of {title}: {100 * share:.0f} % of a core")
            each_us, name = 1e6 * cpu_s / pieces, f"{title}, {streams} streams"
            rows.append(
                [name, f"{100 * share:.0f}", f"{each_us:.1f}", f"{1e3 * share / streams:.2f}", f"{late_ms:.0f}"]
            )
            figures[name] = {"cpu_s": cpu_s, "pieces": pieces, "us_a_piece": each_us, "late_ms": late_ms}
    columns = ["", "% of a core", "us a piece", "ms a call-second", "late, ms"]
    note = (
        "CPU of the gateway until Redis has all, over the length of the sound. late: by how much the last piece was "
        "written after its time; beyond 20 the machine had too much to do, and pieces came in heaps."
    )
    report.tables.append(Table("Calls that come in at a gateway", columns, rows, note))
    report.figures["gateway"] = figures


async def _measure(path: str, kind: type[Caller], streams: int, seconds: int) -> tuple[float, float]:
    """CPU seconds, and the lateness of the writer."""
    async with gateway_process() as gateway:
        calls = [_Stream(kind, path, number, 2 if kind is AudioHookCaller else 1) for number in range(streams)]
        for call in calls:
            await call.open(gateway.audiosocket_port if path == "audiosocket" else gateway.port)
        channels = sum(call.channels for call in calls)
        await _write(calls, WARM_S)
        await _until_handed_over(gateway, channels * WARM_S * 1000 // kind.frame_ms)
        before = usage(gateway.pid).cpu_s
        late_ms = await _write(calls, seconds)
        await _until_handed_over(gateway, channels * (WARM_S + seconds) * 1000 // kind.frame_ms)
        cpu_s = usage(gateway.pid).cpu_s - before
        for call in calls:
            call.close()
        return cpu_s, late_ms


async def _until_handed_over(gateway: GatewayProcess, frames: int) -> None:
    """Wait until Redis has so many frames. Raises Failure where it takes too long."""
    for _ in range(DRAIN_S * 2):
        text = await gateway.metrics()
        found = re.search(r"^speakerline_gateway_frame_seconds_count (\S+)$", text, re.MULTILINE)
        if found and float(found[1]) >= frames:
            return
        await asyncio.sleep(0.5)
    raise Failure(f"{frames} frames did not come to Redis within {DRAIN_S} s")


async def _write(calls: "list[_Stream]", seconds: int) -> float:
    """A piece of each call when it is due, the calls spread over its length. Gives the last lateness, in ms."""
    loop, step = asyncio.get_running_loop(), calls[0].frame_ms / 1000
    began, late = loop.time(), 0.0
    for round_ in range(round(seconds / step)):
        for number, call in enumerate(calls):
            due = began + step * (round_ + number / len(calls))
            if due > loop.time() + 0.001:
                await asyncio.sleep(due - loop.time())
            call.write()
            late = loop.time() - due
    return 1000 * late


class _Stream:
    """One producer; over a WebSocket its frames are masked with zeros."""

    def __init__(self, kind: type[Caller], path: str, number: int, channels: int) -> None:
        self.frame_ms = kind.frame_ms
        self._caller = kind(f"bench-{number}", 8000, channels)
        self._path = path
        self._position = 0
        side = decode(CallSound(number, self.frame_ms).frame(), Encoding.MULAW)
        self._samples = np.stack([side] * channels)
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
        for message in self._caller.hello():
            self._send(message)

    def write(self) -> None:
        for message in self._caller.sound(self._samples, self._position):
            self._send(message)
        self._position += self._samples.shape[1]

    def close(self) -> None:
        self._writer.close()

    def _send(self, message: str | bytes) -> None:
        data = message.encode() if isinstance(message, str) else message
        if self._path != "audiosocket":
            length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
            data = bytes([0x81 if isinstance(message, str) else 0x82]) + length + bytes(4) + data
        self._writer.write(data)
