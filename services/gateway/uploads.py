"""Recordings that are sent to the gateway: WAV files, or bare samples."""

import io
import wave

import numpy as np
import soxr
from fastapi import Request

from speakerline.services.gateway.auth.principal import Refused
from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import InvalidAudio, decode, to_float32
from speakerline.shared.contract.v1 import Encoding

RATE = 16_000


async def body_of(request: Request, most: int) -> bytes:
    """All bytes that are sent. Raises Refused with status 413 beyond `most`, however many were announced."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Refused(413, "upload", f"more than {most} bytes: expected less")
    return bytes(body)


def samples_of(body: bytes, rate: int) -> Float32s:
    """(n,) at 16 kHz: of a WAV file with 16-bit samples, whose channels are mixed, or of bare ones at `rate`.

    Raises InvalidAudio."""
    if body.startswith(b"RIFF"):
        channels, rate, body = _wav(body)
    else:
        channels = 1
    whole = len(body) // (2 * channels) * 2 * channels
    samples = to_float32(decode(body[:whole], Encoding.S16LE)).reshape(-1, channels).mean(axis=1, dtype=np.float32)
    resampled: Float32s = samples if rate == RATE else soxr.resample(samples, rate, RATE, quality="HQ")
    return resampled


def _wav(body: bytes) -> tuple[int, int, bytes]:
    try:
        with wave.open(io.BytesIO(body)) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise InvalidAudio(f"a WAV file of {len(body)} bytes: expected plain 16-bit samples ({error})") from error
    if width != 2 or not 8000 <= rate <= 192_000:
        raise InvalidAudio(f"a WAV file with {8 * width}-bit samples at {rate} Hz: expected 16 bits, 8 to 192 kHz")
    return channels, rate, frames
