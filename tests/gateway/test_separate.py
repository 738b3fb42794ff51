"""The socket that separates live: the same voices whatever the chunks, and as soon as it says."""

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed

from speakerline.services.gateway.halver import Halver
from speakerline.services.gateway.live_separation import HEADER, LiveSeparation
from speakerline.services.separation.low_latency import LowLatencySeparator
from speakerline.services.separation.streaming import separate_in_chunks
from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import to_float32, to_int16
from tests.gateway.running import HANG_S, running

RANDOM = np.random.default_rng(11)
PCM = (RANDOM.standard_normal(8000) * 3000).astype("<i2").tobytes()


def joined(frames: list[bytes]) -> list[bytes]:
    """The samples of each source. Their positions follow one another."""
    voices: dict[int, bytes] = {}
    for frame in frames:
        source, position = HEADER.unpack_from(frame)
        assert position == len(voices.get(source, b"")) // 2
        voices[source] = voices.get(source, b"") + frame[HEADER.size :]
    return [voices[source] for source in sorted(voices)]


def separated(sample_rate: int, algorithm: Any, chunk: int, pcm: bytes = PCM) -> list[bytes]:
    separation = LiveSeparation(sample_rate, algorithm, 0.2)
    frames = [frame for at in range(0, len(pcm), chunk) for frame in separation.push(pcm[at : at + chunk])]
    return joined([*frames, *separation.flush()])


@pytest.mark.parametrize("sample_rate", [8000, 16000])
@pytest.mark.parametrize("algorithm", ["low_latency", "windows"])
def test_the_voices_do_not_depend_on_the_chunks(sample_rate: int, algorithm: str) -> None:
    whole = separated(sample_rate, algorithm, len(PCM))
    assert [len(voice) // 2 for voice in whole] == [8000 * 8000 // sample_rate] * 2
    assert separated(sample_rate, algorithm, 321) == whole


def test_they_are_those_of_the_separator() -> None:
    samples = to_float32(np.frombuffer(PCM, np.int16))
    voices = separate_in_chunks(LowLatencySeparator(), samples, 160)
    assert separated(8000, "low_latency", 320) == [to_int16(voice).tobytes() for voice in voices]


@pytest.mark.parametrize("sample_rate", [8000, 16000])
@pytest.mark.parametrize("algorithm", ["low_latency", "windows"])
def test_every_sample_is_out_as_soon_as_the_hello_says(sample_rate: int, algorithm: Any) -> None:
    separation = LiveSeparation(sample_rate, algorithm, 0.2)
    latency_ms, out = separation.hello["latency_ms"], 0
    for sent in range(10, 500, 10):
        start = (sent - 10) * sample_rate // 1000 * 2
        frames = separation.push(PCM[start : start + sample_rate // 1000 * 20])
        out += sum(len(frame) - HEADER.size for frame in frames if frame[0] == 0) // 2
        assert out >= (sent - latency_ms) * 8


def test_after_a_flush_the_next_sound_begins_anew() -> None:
    separation = LiveSeparation(8000, "low_latency", 1.0)
    first = [*separation.push(PCM[:4001]), *separation.flush()]
    assert joined([*separation.push(PCM[:4001]), *separation.flush()]) == joined(first)


def tone(hz: float, count: int = 16000) -> Float32s:
    return np.sin(2 * np.pi * hz * np.arange(count) / 16000).astype(np.float32)


@pytest.mark.parametrize(
    ("hz", "low", "high"), [(200, 0.99, 1.01), (3000, 0.99, 1.01), (4100, 0, 2e-4), (7000, 0, 2e-4)]
)
def test_halving_keeps_what_eight_kilohertz_can_hold_and_nothing_else(hz: float, low: float, high: float) -> None:
    halver = Halver()
    out = np.concatenate([halver.push(tone(hz)), halver.flush()])
    assert len(out) == 8000
    assert low <= np.sqrt(2 * np.mean(out[200:-200] ** 2)) <= high
    if low:
        assert np.abs(out - tone(hz)[::2])[200:-200].max() < 0.01


async def taken(socket: ClientConnection) -> list[bytes]:
    """Frames until the word that all are out."""
    frames = []
    while isinstance(message := await asyncio.wait_for(socket.recv(), HANG_S), bytes):
        frames.append(message)
    assert json.loads(message) == {"flushed": True}
    return frames


async def test_a_socket_lifts_out_each_voice(redis_url: str) -> None:
    async with running(redis_url) as gateway, open_socket(f"{gateway.socket_url}/separate?rate=8000") as socket:
        hello = json.loads(await socket.recv())
        assert hello == {
            "rate": 8000,
            "voices": 2,
            "encoding": "ENCODING_S16LE",
            "algorithm": "low_latency",
            "latency_ms": 32,
        }
        for at in range(0, len(PCM), 333):
            await socket.send(PCM[at : at + 333])
        await socket.send("flush")
        assert joined(await taken(socket)) == separated(8000, "low_latency", 320)


@pytest.mark.parametrize("query", ["rate=44100", "algorithm=magic", "hop_s=0"])
async def test_parameters_that_make_no_sense_close_it(redis_url: str, query: str) -> None:
    async with running(redis_url) as gateway, open_socket(f"{gateway.socket_url}/separate?{query}") as socket:
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 4400


async def test_a_tenant_has_so_many_at_a_time(redis_url: str) -> None:
    async with running(redis_url, gateway_separations=1) as gateway:
        url = f"{gateway.socket_url}/separate"
        async with open_socket(url) as one:
            await one.recv()
            async with open_socket(url) as other:
                with pytest.raises(ConnectionClosed):
                    await other.recv()
                assert (other.close_code, gateway.counted("refused_total", reason="separations")) == (4429, 1)
            await one.send("nonsense")
            with pytest.raises(ConnectionClosed):
                await one.recv()
            assert one.close_code == 4400
        async with open_socket(url) as again:
            assert json.loads(await again.recv())["voices"] == 2


async def test_who_sends_nothing_gives_up_the_place(redis_url: str) -> None:
    async with running(redis_url, gateway_separations=1, gateway_separation_idle_s=0.2) as gateway:
        url = f"{gateway.socket_url}/separate"
        async with open_socket(url) as silent:
            await silent.recv()
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(silent.recv(), HANG_S)
            assert (silent.close_code, gateway.counted("refused_total", reason="idle")) == (4409, 1)
        async with open_socket(url) as other:
            assert json.loads(await other.recv())["voices"] == 2
