"""How much sound a file has by its header, where that is said in bytes: wav of every kind, AIFF, AU, CAF, NIST Sphere.

| header | chunks ... | sound: `size` bytes from `at` | chunks ... |
                                                      `after` of them, at `behind`: nothing that the header knows
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from mmap import mmap

_UNKNOWN = 0x7FFFF000
"""From here on a length of 32 bits stands for "not known when this was written", as 0 does."""
Mended = tuple[tuple[int, bytes], ...]

_EXTENSIBLE = 0xFFFE
_LINEAR_TAGS = (1, 3, 6, 7, _EXTENSIBLE)
"""WAVE_FORMAT_PCM, _IEEE_FLOAT, _ALAW, _MULAW and _EXTENSIBLE of RFC 2361: as many bytes a second as `fmt ` says."""
_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
"""The rest of the GUIDs of Sony Wave64 chunks."""
_AU_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}
"""Bytes of a sample by the encodings of AU."""
_LINEAR_AIFF = (b"NONE", b"sowt", b"twos", b"in24", b"in32", b"fl32", b"FL32", b"fl64", b"FL64")
_LAWS = (b"alaw", b"ALAW", b"ulaw", b"ULAW")


@dataclass(frozen=True, slots=True)
class Length:
    """A number of the header that says how long the sound is: at `position`, in the form of `struct`, with `plus` bytes
    that are no sound; or how many samples of so many bytes (`each`) it has."""

    position: int
    form: str
    plus: int = 0
    each: int = 1

    def bytes_for(self, size: int) -> bytes:
        """What stands there for so many bytes of sound; the largest number where they are more."""
        largest = 2 ** (8 * struct.calcsize(self.form) - self.form.islower()) - 1
        return struct.pack(self.form, min(size // self.each + self.plus, largest))


@dataclass(frozen=True, slots=True)
class Declared:
    """at: where the sound begins. size: its bytes, as the header says; None = it does not know. behind: where what the
    header knows of ends. bytes_a_second: of the sound, exact where it is `linear`."""

    at: int
    size: int | None
    behind: int
    bytes_a_second: float
    linear: bool
    lengths: tuple[Length, ...] = ()
    mended: Mended = ()
    """Positions, and what has to stand there for ffmpeg to read the sound."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Of chunks: name and size in the form of `struct`, whether the size counts these, and what sizes are padded to."""

    form: str
    pad: int
    counts_itself: bool = False

    def chunks(self, content: mmap, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """Name, where the body begins, and its size, of every chunk that begins before `end`."""
        header = struct.calcsize(self.form)
        while at + header <= end:
            name, size = struct.unpack_from(self.form, content, at)
            size -= header if self.counts_itself else 0
            yield name, at + header, size
            if size < 0:
                return
            at += header + size + -size % self.pad

    def behind(self, content: mmap, at: int, end: int) -> int:
        """Where what can be read as chunks ends."""
        at += -at % self.pad
        for name, body, size in self.chunks(content, at, end):
            known = name[4:] == _W64_TAIL if self.counts_itself else re.fullmatch(rb"[A-Za-z(][\w )]{3}", name)
            if not known or name[:4] == b"data" or size < 0 or body + size > end:
                break
            at = body + size + -size % self.pad
        return min(at, end)


_RIFF, _BIG, _CAF, _W64 = _Layout("<4sI", 2), _Layout(">4sI", 2), _Layout(">4sq", 1), _Layout("<16sQ", 8, True)


def declared(content: mmap, start: int, end: int) -> Declared | None:
    """What the header of the recording in these bytes of a file says; None where it says nothing that counts bytes."""
    first = content[start : start + 16]
    try:
        match first[:4]:
            case b"RIFF" | b"RF64" | b"BW64":
                return _wav(content, start, end, _RIFF, "<")
            case b"RIFX":
                return _wav(content, start, end, _BIG, ">")
            case b"FORM":
                return _aiff(content, start, end)
            case b".snd":
                return _au(content, start, end)
            case b"caff":
                return _caf(content, start, end)
            case b"riff":
                return _w64(content, start, end)
            case b"NIST":
                return _sphere(content[start : start + 1024], start, end)
    except struct.error:  # the file ends within its header
        return None
    return None


def _wav(content: mmap, start: int, end: int, layout: _Layout, order: str) -> Declared | None:
    pace, linear, long, lengths = 0, False, None, []
    mended: Mended = ()
    for name, at, size in layout.chunks(content, start + 12, end):
        if name == b"ds64":
            (long,) = struct.unpack_from("<Q", content, at + 8)
            lengths = [Length(at + 8, "<Q")]
        elif name == b"fmt ":
            tag, _, _, pace = struct.unpack_from(f"{order}HHII", content, at)
            linear, mended = tag in _LINEAR_TAGS, _whole_samples(content, at, size)
        elif name == b"data":
            if long is None:
                lengths = [Length(start + 4, f"{order}I", at - start - 8), Length(at - 4, f"{order}I")]
            known = (long or None) if long is not None else size if 0 < size < _UNKNOWN else None
            return replace(_found(content, at, known, end, layout, pace, linear, lengths), mended=mended)
    return None


def _whole_samples(content: mmap, at: int, size: int) -> Mended:
    """Of a WAVE_FORMAT_EXTENSIBLE whose samples lie in more bytes than their valid bits need, as 24 bits in 32: ffmpeg
    takes them for smaller ones, unless all bits are called valid."""
    if size < 28:
        return ()
    tag, _, _, _, _, bits, _, valid, _, kind = struct.unpack_from("<HHIIHHHHII", content, at)
    wide = tag == _EXTENSIBLE and kind == 1 and -(-valid // 8) < bits // 8
    return ((at + 18, struct.pack("<H", bits)),) if wide else ()


def _w64(content: mmap, start: int, end: int) -> Declared | None:
    pace, linear = 0, False
    mended: Mended = ()
    for name, at, size in _W64.chunks(content, start + 40, end):
        if name[:4] == b"fmt ":
            tag, _, _, pace = struct.unpack_from("<HHII", content, at)
            linear, mended = tag in _LINEAR_TAGS, _whole_samples(content, at, size)
        elif name[:4] == b"data":
            found = _found(content, at, size or None, end, _W64, pace, linear, [Length(at - 8, "<Q", 24)])
            return replace(found, mended=mended)
    return None


def _aiff(content: mmap, start: int, end: int) -> Declared | None:
    pace, each, counted = 0.0, 1, 0
    for name, at, size in _BIG.chunks(content, start + 12, end):
        if name == b"COMM":
            channels, _, bits = struct.unpack_from(">HIH", content, at)
            exponent, mantissa = struct.unpack_from(">HQ", content, at + 8)
            kind = content[at + 18 : at + 22] if size >= 22 else b"NONE"
            each = channels * (1 if kind in _LAWS else -(-bits // 8)) if kind in (*_LINEAR_AIFF, *_LAWS) else 0
            pace, counted = each * mantissa * 2.0 ** (exponent - 16446), at + 2
        elif name == b"SSND":
            if not each or not counted:
                return None
            lengths = [Length(at - 4, ">I", 8), Length(counted, ">I", each=each)]
            known = size - 8 if 8 < size < _UNKNOWN else None
            return _found(content, at + 8, known, end, _BIG, pace, True, lengths)
    return None


def _au(content: mmap, start: int, end: int) -> Declared:
    at, size, encoding, rate, channels = struct.unpack_from(">IIIII", content, start + 4)
    pace, known = rate * channels * _AU_BYTES.get(encoding, 0), size if size < 0xFFFFFFFF else None
    behind = start + at + known if known else end
    return Declared(start + at, known, min(behind, end), pace, True, (Length(start + 8, ">I"),))


def _caf(content: mmap, start: int, end: int) -> Declared | None:
    pace = 0.0
    for name, at, size in _CAF.chunks(content, start + 8, end):
        if name == b"desc":
            rate, _, _, packet, frames = struct.unpack_from(">d4sIII", content, at)
            pace = rate * packet / frames if frames else 0.0
        elif name == b"data":
            known = size - 4 if size >= 4 else None
            return _found(content, at + 4, known, end, _CAF, pace, True, [Length(at - 8, ">q", 4)])
    return None


def _sphere(head: bytes, start: int, end: int) -> Declared | None:
    lines = head.split(b"end_head")[0].decode("ascii", "replace").splitlines()
    fields = {line.split()[0]: line.split()[2] for line in lines[2:] if len(line.split()) == 3}
    try:
        at = start + int(lines[1])
        each = int(fields["channel_count"]) * int(fields["sample_n_bytes"])
        pace, samples = each * int(fields["sample_rate"]), int(fields.get("sample_count", 0))
    except (KeyError, IndexError, ValueError):
        return None
    if "," in fields.get("sample_coding", ""):  # compressed
        return None
    size = samples * each or None
    return Declared(at, size, min(at + size, end) if size else end, pace, True)


def _found(
    content: mmap,
    at: int,
    size: int | None,
    end: int,
    layout: _Layout,
    pace: float,
    linear: bool,
    lengths: list[Length],
) -> Declared:
    behind = end if size is None or at + size >= end else layout.behind(content, at + size, end)
    return Declared(at, size, behind, pace, linear, tuple(lengths))
