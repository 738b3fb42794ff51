"""Whether an mp3 or ogg file was cut off, from its bytes, because ffmpeg does not report it."""

import re
import struct

HEAD_BYTES = 65536
TAIL_BYTES = 65536 + 300
"""An ogg page is at most 65,307 bytes long."""

_FRAMES_FOLLOW = 1
_LAST_PAGE = 4


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
