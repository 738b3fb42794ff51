"""Where the first recording of a file ends, by the lengths that its format tells: Ogg pages, boxes, elements, headers.

What lies behind may be a recording of another kind, as where files were joined, or nothing that can be read.
"""

import mmap
import struct

from speakerline.tools.media.declared import declared

_SEGMENT = b"\x18\x53\x80\x67"
"""The element of Matroska that holds everything (RFC 9559, section 5.1)."""
_PACK, _END, _FIRST_STREAM = 0xBA, 0xB9, 0xBB
"""Start codes of ISO/IEC 13818-1, 2.5.3; those from _FIRST_STREAM on are followed by their length."""
_BOX_HEADER = 8
_BOXES = (b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"uuid", b"sidx", b"mfra", b"meta")
"""Those that a file may be cut off in; others are taken for such where they are whole."""


def end_of(content: mmap.mmap, start: int, end: int) -> int | None:
    """Where the recording that begins at `start` ends, if its format says so and that is before `end`."""
    try:
        found = _told_end(content, start, end)
    except (struct.error, IndexError):  # the file ends amid a header
        return None
    return found if found is not None and start < found < end else None


def _told_end(content: mmap.mmap, start: int, end: int) -> int | None:
    head = content[start : start + 19]
    if head.startswith(b"OggS"):
        return _pages(content, start, end)
    if head[4:8] == b"ftyp":
        return _boxes(content, start, end)
    if head.startswith(b"\x1aE\xdf\xa3"):
        return _elements(content, start)
    if head == b"Creative Voice File":
        return blocks(content, start, end)
    if head.startswith(bytes((0, 0, 1, _PACK))):
        return packets(content, start, end)
    known = declared(content, start, end)
    return known.at + known.size + known.size % 2 if known and known.size else None


def blocks(content: mmap.mmap, start: int, end: int) -> int | None:
    """Of Creative Voice: a kind, and a length of three bytes; kind 0 is the end. A length may reach behind the file."""
    (first,) = struct.unpack_from("<H", content, start + 20)
    at = start + int(first)
    while at < end and content[at]:
        at += 4 + int.from_bytes(content[at + 1 : at + 4], "little")
    return at + 1 if at < end else at


def packets(content: mmap.mmap, start: int, end: int) -> int | None:
    """Of an MPEG program stream. None where one of video tells no length."""
    at = start
    while at + 4 <= end and content[at : at + 3] == b"\0\0\1":
        code = content[at + 3]
        if code == _END:
            return at + 4
        if code == _PACK:
            at += 14 + (content[at + 13] & 7) if content[at + 4] >> 6 == 1 else 12
            continue
        length = int.from_bytes(content[at + 4 : at + 6], "big")
        if code < _FIRST_STREAM or not length:
            return None
        at += 6 + length
    return at


def _pages(content: mmap.mmap, at: int, end: int) -> int:
    """RFC 3533, section 6. Padding between pages is passed over."""
    last = at
    while 0 <= at <= end - 27:
        segments = content[at + 26]
        last = at + 27 + segments + sum(content[at + 27 : at + 27 + segments])
        at = content.find(b"OggS", last)
    return last


def _boxes(content: mmap.mmap, at: int, end: int) -> int | None:
    """ISO/IEC 14496-12, section 4.2. None where a box goes to the end of the file."""
    while at + 16 <= end:
        size, name, long = struct.unpack_from(">I4sQ", content, at)
        size = long if size == 1 else size
        if not name.isalpha() or (name not in _BOXES and at + size > end):
            return at
        if size < _BOX_HEADER:
            return None
        at += size
    return at


def _elements(content: mmap.mmap, at: int) -> int | None:
    """RFC 8794, section 4: the header, and the segment. None where its size was not known when it was written."""
    header, at = _size(content, at + 4)
    at += header
    if content[at : at + 4] != _SEGMENT:
        return None
    size, at = _size(content, at + 4)
    return None if size < 0 else at + size


def _size(content: mmap.mmap, at: int) -> tuple[int, int]:
    """A size, -1 = not known, and where it ends: as many leading zero bits as bytes follow the first."""
    length = 9 - content[at].bit_length()
    value = int.from_bytes(content[at : at + length], "big") & (1 << 7 * length) - 1
    return (-1 if value == (1 << 7 * length) - 1 else value), at + length
