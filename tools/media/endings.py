"""Whether a wav, mp3 or ogg file was cut off, from its bytes, because ffmpeg does not report it."""

import re
import struct

HEAD_BYTES = 65536
TAIL_BYTES = 65536 + 300
"""An ogg page is at most 65,307 bytes long."""

_FRAMES_FOLLOW = 1
_LAST_PAGE = 4


_LINEAR_TAGS = (1, 3, 6, 7, 0xFFFE)
"""WAVE_FORMAT_PCM, _IEEE_FLOAT, _ALAW, _MULAW and _EXTENSIBLE of RFC 2361: as many bytes a second as `fmt ` says."""
_STREAMED = 0x7FFFF000
"""From here on a length stands for "not known when this was written", as 0 does."""


def wav_seconds(head: bytes) -> float | None:
    """The length that the `data` chunk of a RIFF file declares; None where it was not known, or is not in `head`.

    ffmpeg takes the size of the file for it where the format has a constant rate."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    at, bytes_a_second = 12, 0
    while at + 8 <= len(head):
        name, size = struct.unpack_from("<4sI", head, at)
        if name == b"fmt " and len(head) >= at + 24:
            tag, _, _, rate = struct.unpack_from("<HHII", head, at + 8)
            bytes_a_second = rate if tag in _LINEAR_TAGS else 0
        elif name == b"data":
            return size / bytes_a_second if bytes_a_second and 0 < size < _STREAMED else None
        at += 8 + size + size % 2
    return None


def mp3_seconds(head: bytes, sample_rate: int) -> float | None:
    """The length that the Xing or Info tag in the first frame declares, encoder padding included; None without one.

    The tag: 4 letters, 32 bits of flags, number of frames. A frame holds 1152 samples in MPEG-1 (32 kHz and above),
    otherwise 576."""
    tag = re.search(rb"Xing|Info", head)
    if tag is None or len(head) < tag.end() + 8:
        return None
    flags, frames = struct.unpack_from(">II", head, tag.end())
    if not flags & _FRAMES_FOLLOW:
        return None
    return float(frames * (1152 if sample_rate >= 32000 else 576) / sample_rate)


def ogg_is_complete(tail: bytes) -> bool:
    """Whether the last page is whole and marked as the end of its stream (RFC 3533, section 6)."""
    start = tail.rfind(b"OggS")
    if start < 0 or len(tail) < start + 27:
        return False
    segments = tail[start + 26]
    table = tail[start + 27 : start + 27 + segments]
    whole = len(table) == segments and len(tail) >= start + 27 + segments + sum(table)
    return whole and bool(tail[start + 5] & _LAST_PAGE)
