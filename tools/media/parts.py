"""Files that hold more than their first header says: several recordings one after the other, or a wav that goes on.

RIFF........RIFF....             two parts, decoded one after the other
RIFF [data: 10 s] 20 s of bytes  one part whose header is corrected on the way, so that all of it is decoded
"""

import mmap
import re
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

_STARTS = {
    b"RIFF": rb"RIFF.{4}WAVE",
    b"RIFX": rb"RIFX.{4}WAVE",
    b"RF64": rb"RF64.{4}WAVE",
    b"fLaC": rb"fLaC[\x00\x80]\x00\x00\x22",
    b"FORM": rb"FORM.{4}AIF[FC]",
    b".snd": rb"\.snd\x00\x00\x00[\x18-\xff].{4}\x00\x00\x00[\x01-\x1b]",
    b"\x1aE\xdf\xa3": rb"\x1aE\xdf\xa3.{4,60}?(?:webm|matroska)",
    b"ftyp": rb"\x00\x00\x00[\x10-\x40]ftyp(?:isom|iso\d|mp4\d|M4A |M4V |qt  |3gp\d|dash|avc1|MSNV)",
}
"""What a recording begins with, by the first bytes of the file."""
_SHORTEST = 64
"""Bytes of a part."""
_STREAMED = 0x7FFFF000
_UNKNOWN = b"\xff\xff\xff\xff"
_LONGEST_TRAILER_S = 0.5
"""Shorter rests behind a wav are padding or notes of programs."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `start` to `end` of a file; `corrections` (position in the part, bytes) replace what its header says, and
    `beyond_s` is how much sound lies behind what it declared."""

    start: int
    end: int
    corrections: tuple[tuple[int, bytes], ...] = ()
    beyond_s: float = 0.0


def parts_of(path: Path) -> list[Part]:
    """The parts in order; one for most files."""
    size = path.stat().st_size
    if size < _SHORTEST:
        return [Part(0, size)]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        starts = _links(content) if content[:4] == b"OggS" else _starts(content)
        parts = [Part(start, end) for start, end in pairwise([*starts, size])]
        return [_corrected(content, part) for part in parts]


class PartOfFile:
    """A part as a file of its own, without a name: ffmpeg would let the extension outvote weak evidence."""

    def __init__(self, file: BinaryIO, part: Part) -> None:
        self._file, self._part, self._at = file, part, 0

    def read(self, size: int = -1) -> bytes:
        length = self._part.end - self._part.start
        size = length - self._at if size < 0 else min(size, length - self._at)
        self._file.seek(self._part.start + self._at)
        found = bytearray(self._file.read(max(0, size)))
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


def _starts(content: mmap.mmap) -> list[int]:
    kind = b"ftyp" if content[4:8] == b"ftyp" else next((one for one in _STARTS if content[: len(one)] == one), None)
    if kind is None:
        return [0]
    found = [match.start() for match in re.finditer(_STARTS[kind], content, re.DOTALL)]
    return [0, *(start for start in found if start >= _SHORTEST)]


def _links(content: mmap.mmap) -> list[int]:
    """Where the links of an Ogg chain begin (RFC 3533): at a first page that follows one that is none."""
    starts, at, first = [0], 0, True
    while content[at : at + 4] == b"OggS" and len(content) >= at + 27:
        segments = content[at + 26]
        begins = bool(content[at + 5] & 2)
        if begins and not first:
            starts.append(at)
        first = begins
        at += 27 + segments + sum(content[at + 27 : at + 27 + segments])
    return starts


def _corrected(content: mmap.mmap, part: Part) -> Part:
    """The part, read to its end where its header promises less sound than is there."""
    if content[part.start : part.start + 4] != b"RIFF":
        return part
    at, bytes_a_second = part.start + 12, 0
    while at + 8 <= part.end:
        name, size = struct.unpack_from("<4sI", content, at)
        if name == b"fmt " and at + 20 <= part.end:
            (bytes_a_second,) = struct.unpack_from("<I", content, at + 16)
        elif name == b"data":
            if not bytes_a_second or not 0 < size < _STREAMED:
                return part
            rest = part.end - _end_of_chunks(content, at + 8 + size, part.end)
            if rest < _LONGEST_TRAILER_S * bytes_a_second:
                return part
            corrections = ((4, _UNKNOWN), (at + 4 - part.start, _UNKNOWN))
            return Part(part.start, part.end, corrections, rest / bytes_a_second)
        at += 8 + size + size % 2
    return part


def _end_of_chunks(content: mmap.mmap, at: int, end: int) -> int:
    """Where what can be read as chunks ends."""
    at += at % 2
    while at + 8 <= end and re.fullmatch(rb"[A-Za-z][A-Za-z0-9 _]{3}", content[at : at + 4]):
        (size,) = struct.unpack_from("<I", content, at + 4)
        if at + 8 + size > end:
            break
        at += 8 + size + size % 2
    return min(at, end)
