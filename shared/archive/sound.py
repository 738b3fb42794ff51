"""Recorded sound of a call: files of FLAC, each with a stretch of one channel, in a folder or an object store.

    <folder of the call>/<channel>-<first sample>.flac        where a file is missing, sound was lost

The name of the folder is random, and tells nothing of the call. Readers see one WAV file, of a channel or of all
together, of which any part can be had: players seek in it, also while the call is still recorded.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import fsspec
import numpy as np
from sqlalchemy import Connection, select

from speakerline.shared.archive.database import InvalidArchive
from speakerline.shared.archive.tables import recordings, sounds
from speakerline.shared.arrays import Int16s
from speakerline.shared.audio.flac import from_flac
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.redaction import without_password

HEADER_BYTES = 44
SAMPLE_BYTES = 2
CACHED = 64
"""Files that a process keeps decoded; each has 20 s of sound, 320 kB at 8 kHz."""

Span = tuple[int, int]


class SoundAway(SpeakerlineError, OSError):
    """Where sound lies can't be reached now, or refuses; the message is that of the store."""


class SoundFolder:
    """Where sound lies: a folder, or what fsspec takes, such as s3://bucket/calls. Every method blocks.

    Of an object store nothing is needed but to put, get, list and delete objects. Raises InvalidArchive for a URL of an
    unknown kind, or of one whose package is not installed; the methods raise SoundAway."""

    def __init__(self, url: str) -> None:
        try:
            self._files, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise InvalidArchive(f"archive sound url {without_password(url)!r}: {error}") from error
        self._root = str(root).rstrip("/")
        self._is_local = "file" in _protocols(self._files.protocol)
        self.read = lru_cache(CACHED)(self._read)
        """The samples (n,) of a file by its name. Raises FileNotFoundError, InvalidAudio."""

    def write(self, name: str, data: bytes) -> None:
        """A file, whole or not at all; one of that name is replaced. On a disk only this user may read it."""
        path = f"{self._root}/{name}"
        if not self._is_local:
            with _reaching():
                self._files.pipe_file(path, data)
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = f"{path}.part"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)

    def remove(self, folder: str) -> None:
        """A folder of a call and all that is in it; one that is not there counts as removed."""
        self.read.cache_clear()
        with _reaching(), suppress(FileNotFoundError):
            self._files.invalidate_cache()  # of listings: another process may have written more since
            self._files.rm(f"{self._root}/{folder}", recursive=True)

    def _read(self, name: str) -> Int16s:
        with _reaching():
            data = self._files.cat_file(f"{self._root}/{name}")
        return from_flac(data)


@contextmanager
def _reaching() -> Iterator[None]:
    """Packages of stores raise errors of kinds of their own."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        raise SoundAway(f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples [start, end) of a channel, in a file."""

    start: int
    end: int
    file: str


@dataclass(frozen=True, slots=True)
class Recording:
    """What was recorded of a call. `closed`: nothing more will come."""

    sample_rate: int
    channels: int
    closed: bool
    stretches: Mapping[int, Sequence[Stretch]]
    """By channel, in the order of time."""

    @property
    def samples(self) -> int:
        """The length of the longest channel."""
        return max((own[-1].end for own in self.stretches.values() if own), default=0)

    def lost(self, channel: int) -> list[Span]:
        """Where there is no sound of the channel, in samples."""
        found, at = [], 0
        for one in self.stretches.get(channel, ()):
            if one.start > at:
                found.append((at, one.start))
            at = one.end
        return [*found, (at, self.samples)] if at < self.samples else found


def read_recording(connection: Connection, archive_id: int) -> Recording | None:
    """None where nothing was recorded."""
    row = connection.execute(select(recordings).where(recordings.c.call == archive_id)).first()
    if row is None:
        return None
    stretches: dict[int, list[Stretch]] = {}
    of_call = select(sounds).where(sounds.c.call == archive_id).order_by(sounds.c.channel, sounds.c.start_sample)
    for one in connection.execute(of_call):
        stretches.setdefault(one.channel, []).append(Stretch(one.start_sample, one.end_sample, one.file))
    return Recording(row.sample_rate, row.channels, row.closed, stretches)


def read_samples(folder: SoundFolder, recording: Recording, start: int, end: int, channel: int | None) -> Int16s:
    """Samples [start, end) of a channel, or with None of all together; zero where there is no sound.

    Raises FileNotFoundError where the sound was erased meanwhile."""
    mixed = np.zeros(end - start, np.int32)
    for number in range(recording.channels) if channel is None else [channel]:
        for one in recording.stretches.get(number, ()):
            low, high = max(start, one.start), min(end, one.end)
            if low < high:
                mixed[low - start : high - start] += folder.read(one.file)[low - one.start : high - one.start]
    return np.clip(mixed, -32768, 32767).astype(np.int16)


def wav_bytes(folder: SoundFolder, recording: Recording, first: int, last: int, channel: int | None) -> bytes:
    """Bytes [first, last) of the WAV file that the recording is, as `read_samples` takes it."""
    head = _header(recording)[first : min(last, HEADER_BYTES)]
    low, high = max(0, first - HEADER_BYTES), max(0, last - HEADER_BYTES)
    if low >= high:
        return head
    start, end = low // SAMPLE_BYTES, -(-high // SAMPLE_BYTES)
    data = read_samples(folder, recording, start, end, channel).astype("<i2").tobytes()
    return head + data[low - start * SAMPLE_BYTES : high - start * SAMPLE_BYTES]


def wav_length(recording: Recording) -> int:
    """Bytes of the WAV file."""
    return HEADER_BYTES + recording.samples * SAMPLE_BYTES


def _header(recording: Recording) -> bytes:
    """RIFF, one channel of 16-bit PCM (Microsoft, Multimedia Programming Interface and Data Specifications 1.0)."""
    size, rate = recording.samples * SAMPLE_BYTES, recording.sample_rate

    def u32(value: int) -> bytes:
        return value.to_bytes(4, "little")

    def u16(value: int) -> bytes:
        return value.to_bytes(2, "little")

    form = u32(16) + u16(1) + u16(1) + u32(rate) + u32(rate * SAMPLE_BYTES) + u16(SAMPLE_BYTES) + u16(16)
    return b"RIFF" + u32(size + HEADER_BYTES - 8) + b"WAVE" + b"fmt " + form + b"data" + u32(size)


def _protocols(protocol: str | Sequence[str]) -> Sequence[str]:
    return [protocol] if isinstance(protocol, str) else protocol
