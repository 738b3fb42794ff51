"""Bytes of the contract's encodings to samples and back, and sample positions to milliseconds and back.

G.711 is table-driven; the companding follows ITU-T G.711 (1988), tables 1a to 2b, as in the ITU-T G.191 software tools.
"""

import numpy as np

from speakerline.shared.arrays import Float32s, Int16s, Int64s, UInt8s
from speakerline.shared.contract.v1 import Encoding
from speakerline.shared.errors import SpeakerlineError

MAX_FRAME_BYTES = 1_000_000
"""Of one frame: a minute of s16le at 8 kHz. Producers send 20 to 200 ms."""


class InvalidAudio(SpeakerlineError, ValueError):
    """Bytes that are no audio of the declared encoding, or samples that are no sound."""


def bytes_per_sample(encoding: Encoding) -> int:
    """1 for mu-law and A-law, 2 for s16le. Raises InvalidAudio for anything else."""
    if encoding not in _WIDTHS:
        raise InvalidAudio(f"encoding {encoding!s}: expected mu-law, A-law or s16le")
    return _WIDTHS[encoding]


def full_scale(encoding: Encoding) -> int:
    """The largest sample value of the encoding: 32124 for mu-law, 32256 for A-law, 32767 for s16le."""
    if bytes_per_sample(encoding) == 2:
        return 32767
    return int(_DECODED[encoding].max())


def decode(pcm: bytes, encoding: Encoding) -> Int16s:
    """16-bit samples (n,), perhaps a read-only view of `pcm`. Raises InvalidAudio for an incomplete last sample."""
    if bytes_per_sample(encoding) == 1:
        return _DECODED[encoding][np.frombuffer(pcm, np.uint8)]
    if len(pcm) % 2:
        raise InvalidAudio(f"{len(pcm)} bytes of s16le: expected an even number")
    return np.frombuffer(pcm, "<i2").astype(np.int16, copy=False)


def decode_frame(pcm: bytes, encoding: Encoding) -> Int16s:
    """`decode` for what a producer wrote. Raises InvalidAudio for nothing, too much, or an incomplete last sample."""
    if not pcm:
        raise InvalidAudio("0 bytes: expected at least one sample")
    if len(pcm) > MAX_FRAME_BYTES:
        raise InvalidAudio(f"frame of {len(pcm)} bytes: expected at most {MAX_FRAME_BYTES}")
    return decode(pcm, encoding)


def encode(samples: Int16s, encoding: Encoding) -> bytes:
    """The samples (n,) as bytes of the encoding; G.711 truncates magnitudes, as the ITU reference does."""
    if bytes_per_sample(encoding) == 1:
        return _ENCODED[encoding][samples.view(np.uint16)].tobytes()
    return samples.astype("<i2", copy=False).tobytes()


def to_float32(samples: Int16s) -> Float32s:
    """16-bit samples as float32, divided by 32768: -1 to just below 1."""
    return samples.astype(np.float32) * np.float32(1 / 32768)


def to_int16(samples: Float32s) -> Int16s:
    """The inverse of `to_float32`, clipped to the range of 16 bits. Raises InvalidAudio for NaN and infinity."""
    if not np.isfinite(samples).all():
        at = int(np.flatnonzero(~np.isfinite(samples))[0])
        raise InvalidAudio(f"sample {at} is {samples[at]}: expected a finite number")
    scaled: Float32s = np.clip(np.rint(samples * np.float32(32768)), -32768, 32767)
    return scaled.astype(np.int16)


def samples_to_ms(samples: int, sample_rate: int) -> int:
    """A number of samples in milliseconds, rounded down; integer arithmetic, exact at any length."""
    return samples * 1000 // sample_rate


def ms_to_samples(ms: int, sample_rate: int) -> int:
    """Milliseconds as a number of samples; exact at 8 and 16 kHz."""
    return ms * sample_rate // 1000


def _decode_mulaw() -> Int16s:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 132 << ((code & 0x70) >> 4)) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _decode_alaw() -> Int16s:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = (code & 0x70) >> 4
    step = ((code & 0x0F) << 4) + 8
    magnitude = np.where(segment == 0, step, step + 256 << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _encode_mulaw() -> UInt8s:
    sample = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int32) >> 2
    magnitude = np.minimum(np.abs(sample) + 33, 8191)
    segment = np.searchsorted(1 << np.arange(6, 13), magnitude, side="right")
    code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F)
    inverted: Int64s = code ^ np.where(sample < 0, 0x7F, 0xFF)
    return inverted.astype(np.uint8)


def _encode_alaw() -> UInt8s:
    sample = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int32) >> 3
    magnitude = np.where(sample < 0, -sample - 1, sample)
    segment = np.searchsorted(1 << np.arange(5, 12), magnitude, side="right")
    code = (segment << 4) | ((magnitude >> np.maximum(segment, 1)) & 0x0F)
    inverted: Int64s = code ^ np.where(sample < 0, 0x55, 0xD5)
    return inverted.astype(np.uint8)


_WIDTHS = {Encoding.MULAW: 1, Encoding.ALAW: 1, Encoding.S16LE: 2}
_DECODED = {Encoding.MULAW: _decode_mulaw(), Encoding.ALAW: _decode_alaw()}
_ENCODED = {Encoding.MULAW: _encode_mulaw(), Encoding.ALAW: _encode_alaw()}
