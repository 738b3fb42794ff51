"""Recordings that are sent to the gateway: WAV files, or bare samples."""

import io
import wave
from collections.abc import Iterator

import numpy as np
import soxr

from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import InvalidAudio, decode, to_float32
from speakerline.shared.contract.v1 import Encoding

RATE = 16_000
MOST_S = 120
"""The beginning of a recording that is used: more makes a voiceprint no surer, and takes the time of others."""


def samples_of(body: bytes, rate: int) -> Float32s:
    """(n,) at 16 kHz, two minutes at most: of a WAV file with 16-bit samples, whose channels are mixed, or of bare ones
    at `rate`. A second of it is decoded at a time, so it takes little memory. Raises InvalidAudio."""
    if body.startswith(b"RIFF"):
        with _wav(body) as file:
            rate = file.getframerate()
            return _resampled(_seconds(file), rate)
    whole = min(len(body) // 2, MOST_S * rate) * 2
    return _resampled((_mixed(body[at : min(at + 2 * rate, whole)], 1) for at in range(0, whole, 2 * rate)), rate)


def resampled(samples: Float32s, rate: int) -> Float32s:
    """(n,) at this rate, at 16 kHz."""
    return _resampled(iter([samples]), rate)


def _resampled(pieces: Iterator[Float32s], rate: int) -> Float32s:
    if rate == RATE:
        return np.concatenate([*pieces, np.zeros(0, np.float32)])
    stream = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="HQ")
    heard = [stream.resample_chunk(piece) for piece in pieces]
    return np.concatenate([*heard, stream.resample_chunk(np.zeros(0, np.float32), last=True)])


def _seconds(file: wave.Wave_read) -> Iterator[Float32s]:
    for _ in range(MOST_S):
        if frames := file.readframes(file.getframerate()):
            yield _mixed(frames, file.getnchannels())


def _mixed(frames: bytes, channels: int) -> Float32s:
    """The mean of the channels; half a frame at the end is left out."""
    whole = len(frames) // (2 * channels) * 2 * channels
    samples = to_float32(decode(frames[:whole], Encoding.S16LE))
    mixed: Float32s = samples.reshape(-1, channels).mean(axis=1, dtype=np.float32)
    return mixed


def _wav(body: bytes) -> wave.Wave_read:
    try:
        file: wave.Wave_read = wave.open(io.BytesIO(body))  # noqa: SIM115  # whoever reads it closes it
    except (wave.Error, EOFError) as error:
        raise InvalidAudio(f"a WAV file of {len(body)} bytes: expected plain 16-bit samples ({error})") from error
    if file.getsampwidth() != 2 or not 8000 <= file.getframerate() <= 192_000:
        found = f"{8 * file.getsampwidth()}-bit samples at {file.getframerate()} Hz"
        raise InvalidAudio(f"a WAV file with {found}: expected 16 bits, 8 to 192 kHz")
    return file
