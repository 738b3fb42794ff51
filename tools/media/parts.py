"""Files that hold more than their first header says: several recordings one after the other, or one that goes on.

RIFF........RIFF....             two parts, decoded one after the other
OggS........fLaC....             the same, of two kinds
RIFF [data: 10 s] 20 s of bytes  one part whose header is corrected on the way, so that all of it is decoded
"""

import mmap
import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from speakerline.tools.media.declared import declared
from speakerline.tools.media.part_ends import end_of

_TAG = rb"ID3[\x02-\x04]\x00[\x00-\xf0][\x00-\x7f]{4}[A-Z][A-Z0-9]{2}"
"""An ID3 tag with its first field."""
_COUNTED = rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]..\x00{9,32}(?:Xing|Info)\x00\x00\x00[\x00-\x0f]"
"""The first frame of MPEG audio, where it says how many follow."""
_MP3 = rb"%b|%b" % (_TAG, _COUNTED)
_STARTS = {
    b"RIFF": rb"RIFF.{4}WAVE",
    b"RIFX": rb"RIFX.{4}WAVE",
    b"RF64": rb"RF64.{4}WAVE",
    b"BW64": rb"BW64.{4}WAVE",
    b"fLaC": rb"fLaC[\x00\x80]\x00\x00\x22",
    b"FORM": rb"FORM.{4}AIF[FC]",
    b".snd": rb"\.snd\x00\x00\x00[\x18-\xff].{4}\x00\x00\x00[\x01-\x1b]",
    b"caff": rb"caff\x00\x01\x00\x00desc\x00\x00\x00\x00\x00\x00\x00 ",
    b"riff": rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00",
    b"NIST": rb"NIST_1A\n {3}\d{4}\n",
    b"#!AM": rb"#!AMR(?:-WB)?\n",
    b"ID3": _MP3,
    b"\xff\xfb": _MP3,
    b"\xff\xf3": _MP3,
    b"\xff\xe3": _MP3,
    b"\x1aE\xdf\xa3": rb"\x1aE\xdf\xa3.{4,60}?(?:webm|matroska)",
    b"ftyp": rb"\x00\x00\x00[\x10-\x40]ftyp(?:isom|iso\d|mp4\d|M4A |M4V |qt  |3gp\d|dash|avc1|MSNV)",
}
"""What a recording begins with, by the first bytes of the file."""
_OGG = rb"OggS\x00\x02"
"""The first page of a stream."""
_SHORTEST = 64
"""Bytes of a part."""
_BETWEEN = 16
"""Bytes of padding between a recording and one of another kind."""
_UNREAD = 4096
"""So many bytes behind the end of a recording, and not all 0, are worth a line."""
_LONGEST_TRAILER_S = 0.5
"""Shorter rests behind the sound are padding or notes of programs."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `start` to `end` of a file; `corrections` (position in the part, bytes) replace what its header says.
    declared_s: how much sound it declares, None = its bytes don't say; beyond_s: how much lies behind that."""

    start: int
    end: int
    corrections: tuple[tuple[int, bytes], ...] = ()
    declared_s: float | None = None
    beyond_s: float = 0.0
    unread: int = 0
    """How many bytes behind its end are nothing that can be read."""


def parts_of(path: Path, bare: bool = False) -> list[Part]:
    """The parts in order; one for most files. bare: without their headers."""
    size = path.stat().st_size
    if size < _SHORTEST:
        return [Part(0, size)]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        starts = _all_starts(content)
        parts = [Part(start, end) for start, end in pairwise([*starts, size])]
        return [_corrected(content, part, bare) for part in parts]


def is_ogg(path: Path, part: Part) -> bool:
    """Whether the part is of pages of Ogg."""
    with path.open("rb") as file:
        file.seek(part.start)
        return file.read(4) == b"OggS"


class PartOfFile:
    """A part as a file of its own, without a name: ffmpeg would let the extension outvote weak evidence."""

    def __init__(self, file: BinaryIO, part: Part) -> None:
        self._file, self._part, self._at = file, part, 0

    def read(self, size: int = -1) -> bytes:
        length = self._part.end - self._part.start
        size = length - self._at if size < 0 else min(size, length - self._at)
        if size <= 0:
            return b""
        self._file.seek(self._part.start + self._at)
        found = bytearray(self._file.read(size))
        for position, right in self._part.corrections:
            for number, byte in enumerate(right, position - self._at):
                if 0 <= number < len(found):
                    found[number] = byte
        self._at += len(found)
        return bytes(found)

    def seek(self, offset: int, whence: int = 0) -> int:
        base = {0: 0, 1: self._at, 2: self._part.end - self._part.start}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at


def _all_starts(content: mmap.mmap) -> list[int]:
    """Where a recording begins: further ones of the same kind, and those of others that lie right behind their end."""
    starts: list[int] = []
    begin: int | None = 0
    while begin is not None:
        starts += _links(content, begin) if content[begin : begin + 4] == b"OggS" else _starts(content, begin)
        end = end_of(content, starts[-1], len(content))
        begin = None if end is None else _other_kind(content, end)
    return starts


def _other_kind(content: mmap.mmap, end: int) -> int | None:
    """Where a recording of any kind begins, right behind the end of another."""
    near = content[end : end + 256]
    found = [re.search(start, near, re.DOTALL) for start in (_OGG, *_STARTS.values())]
    places = [one.start() for one in found if one and one.start() <= _BETWEEN]
    return end + min(places) if places else None


def _starts(content: mmap.mmap, begin: int) -> list[int]:
    head = content[begin : begin + 8]
    kind = b"ftyp" if head[4:] == b"ftyp" else next((one for one in _STARTS if head.startswith(one)), None)
    if kind is None:
        return [begin]
    starts, tagged = [begin], _end_of_tag(content, begin)
    for match in re.compile(_STARTS[kind], re.DOTALL).finditer(content, begin):
        at = match.start()
        if at < max(starts[-1] + _SHORTEST, tagged + 1):
            continue
        tagged = _end_of_tag(content, at)
        if tagged < len(content):
            starts.append(at)
    return starts


def _end_of_tag(content: mmap.mmap, at: int) -> int:
    """Where the ID3 tag that begins here ends, whose length is written in groups of seven bits; `at` without one."""
    if content[at : at + 3] != b"ID3":
        return at
    return at + 10 + sum(byte << 7 * place for place, byte in enumerate(reversed(content[at + 6 : at + 10])))


def _links(content: mmap.mmap, begin: int) -> list[int]:
    """Where the links of an Ogg chain begin (RFC 3533): at a first page that follows one that is none. Bytes between
    pages, such as the padding of a recorder, are passed over."""
    starts, at, first = [begin], begin, True
    while (at := content.find(b"OggS", at)) >= 0 and len(content) >= at + 27:
        segments = content[at + 26]
        begins = bool(content[at + 5] & 2)
        if begins and not first:
            starts.append(at)
        first = begins
        at += 27 + segments + sum(content[at + 27 : at + 27 + segments])
    return starts


def _corrected(content: mmap.mmap, part: Part, bare: bool) -> Part:
    """The part, read to its end where its header promises less sound than is there."""
    found = declared(content, part.start, part.end)
    if found is None or not found.bytes_a_second:
        end = end_of(content, part.start, part.end)
        rest = 0 if found or end is None else len(content[end : part.end].rstrip(b"\0"))
        return replace(part, unread=rest) if rest >= _UNREAD else part
    rest_s = (part.end - found.behind) / found.bytes_a_second
    size, beyond_s = found.size, 0.0
    fixed = tuple((position - part.start, right) for position, right in found.mended)
    if size is None or rest_s >= _LONGEST_TRAILER_S:
        beyond_s = rest_s if size is not None else 0.0
        size = part.end - found.at
        fixed += tuple((one.position - part.start, one.bytes_for(size)) for one in found.lengths)
    declared_s = size / found.bytes_a_second if found.linear else None
    if bare:
        return Part(found.at, min(found.at + size, part.end), (), declared_s, beyond_s)
    return Part(part.start, part.end, fixed, declared_s, beyond_s)
