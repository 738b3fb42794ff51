"""Writes wav files in the encodings that producers send: s16le, mu-law and A-law."""

import struct
from pathlib import Path

import numpy as np

from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import bytes_per_sample, encode, to_int16
from speakerline.shared.contract.v1 import Encoding

_FORMAT_TAGS = {Encoding.S16LE: 1, Encoding.ALAW: 6, Encoding.MULAW: 7}
"""WAVE_FORMAT_PCM, _ALAW and _MULAW of RFC 2361."""


def write_wav(path: Path, samples: Float32s, sample_rate: int, encoding: Encoding = Encoding.S16LE) -> None:
    """Write samples of shape (n,) or (channels, n). Raises InvalidAudio for NaN, infinity or an unknown encoding."""
    path.write_bytes(wav_bytes(samples, sample_rate, encoding))


def wav_bytes(samples: Float32s, sample_rate: int, encoding: Encoding = Encoding.S16LE) -> bytes:
    """The wav file as bytes: RIFF header, `fmt `, `fact` where it is not PCM, `data`."""
    planes = np.atleast_2d(samples)
    width = bytes_per_sample(encoding)
    frame = width * planes.shape[0]
    data = encode(to_int16(np.ascontiguousarray(planes.T).reshape(-1)), encoding)
    tag = _FORMAT_TAGS[encoding]
    form = struct.pack("<HHIIHH", tag, planes.shape[0], sample_rate, sample_rate * frame, frame, 8 * width)
    chunks = _chunk(b"fmt ", form if tag == 1 else form + struct.pack("<H", 0))
    if tag != 1:
        chunks += _chunk(b"fact", struct.pack("<I", planes.shape[1]))
    chunks += _chunk(b"data", data)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
