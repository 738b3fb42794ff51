"""Decodes a file with ffmpeg: its format, and its audio at its own rate, with holes filled and flaws counted.

A file is opened by its content alone. Formats that are lists of other files (playlists) are refused, so that a file
can't make this machine read or fetch another.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer

from speakerline.shared.arrays import Float32s, Indices
from speakerline.tools.media.endings import HEAD_BYTES, TAIL_BYTES, mp3_seconds, ogg_is_complete, wav_seconds
from speakerline.tools.media.media_error import MediaError
from speakerline.tools.media.samples import mend, to_planes

FORMATS = "wav,w64,aiff,au,caf,flac,mp3,aac,amr,mov,mp4,m4a,3gp,ogg,matroska,webm,asf,mpegts,avi,flv,nistsphere"
"""ffmpeg's demuxers that contain audio themselves."""

EXPECTED = "expected audio such as wav, flac, mp3, m4a, ogg, opus or webm"
SOURCE_RATES = range(4000, 384001)

TIMED = {"mov", "matroska", "ogg", "flac"}
"""Formats whose packets have exact times, so that a jump is a hole in the audio."""
DECLARING = {"wav", "w64", "aiff", "au", "caf", "flac", "mov", "matroska"}
"""Formats that declare their length, so that a shorter file is truncated. For mp3 see `endings`."""

HOLE_S = 0.1
"""Jumps of time stamps below this are rounding and codec delay."""
LONGEST_HOLE_S = 4 * 3600
"""A longer jump is a broken time stamp."""
TRUNCATED_S = 0.25
"""How much may be missing at the end: codecs pad and trim by up to 0.1 s."""
MAX_SPANS = 100


@dataclass(slots=True)
class Flaws:
    """Flaws of the audio that were repaired; times in seconds of the file."""

    truncated: bool = False
    """Whether the file ends before its declared length, or in the middle of a packet."""
    damaged_packets: int = 0
    hole_s: float = 0.0
    """Seconds of silence inserted where time stamps jump, so that later audio keeps its time."""
    invalid_samples: int = 0
    """The number of NaN and infinite samples, which were replaced with 0."""
    invalid_spans_s: list[tuple[float, float]] = field(default_factory=list)
    """Where they were: the first 100 spans."""

    def add_invalid(self, start_s: float, end_s: float, count: int) -> None:
        self.invalid_samples += count
        spans = self.invalid_spans_s
        if spans and start_s - spans[-1][1] < 0.001:
            spans[-1] = (spans[-1][0], end_s)
        elif len(spans) < MAX_SPANS:
            spans.append((start_s, end_s))

    def warnings(self) -> list[str]:
        """One line of text for each kind of flaw."""
        lines = []
        if self.truncated:
            lines.append("truncated: the file ends before its declared length; the audio up to there was used")
        if self.damaged_packets:
            lines.append(f"{self.damaged_packets} damaged packets skipped")
        if self.hole_s:
            lines.append(f"{self.hole_s:.1f} s of silence inserted where time stamps jump")
        if self.invalid_samples:
            first = self.invalid_spans_s[0][0]
            lines.append(f"{self.invalid_samples} samples were not finite, the first at {first:.3f} s: replaced with 0")
        return lines


@dataclass(frozen=True, slots=True)
class SourceFormat:
    """The format of a file; rate and channels are those of its first decoded frame."""

    container: str
    codec: str
    sample_rate: int
    channels: int
    declared_s: float | None
    """The declared length; None if it could only be estimated."""


def probe(path: Path) -> SourceFormat:
    """Decode up to the first frame. Raises MediaError for anything that is not audio."""
    with _open(path) as (container, stream):
        for frame in _frames(container, stream, Flaws()):
            if frame.sample_rate not in SOURCE_RATES:
                raise MediaError(path, f"sample rate {frame.sample_rate} Hz: expected 4000 to 384000")
            return SourceFormat(
                container=container.format.name.split(",")[0],
                codec=stream.codec_context.name,
                sample_rate=frame.sample_rate,
                channels=frame.layout.nb_channels,
                declared_s=_declared_s(path, container, stream, frame.sample_rate),
            )
    raise MediaError(path, "no audio samples: expected at least one")


def decode(path: Path, source: SourceFormat, flaws: Flaws) -> Iterator[Float32s]:
    """Pieces of shape (channels, n) at the file's own rate, finite and within -1..1; `flaws` counts what was mended.

    Raises MediaError where the number of channels or the rate changes on the way."""
    position = 0
    first_s: float | None = None
    for time_s, sound in decode_unmended(path, source, flaws):
        if time_s is not None and source.container in TIMED:
            first_s = time_s if first_s is None else first_s
            hole = time_s - first_s - position / source.sample_rate
            if HOLE_S < hole < LONGEST_HOLE_S:
                flaws.hole_s += hole
                for silence in _silence(round(hole * source.sample_rate), source):
                    position += silence.shape[1]
                    yield silence
        planes, invalid = mend(sound)
        _note_invalid(flaws, position, invalid, source.sample_rate)
        position += planes.shape[1]
        yield planes
    if source.declared_s is not None and source.declared_s - position / source.sample_rate > TRUNCATED_S:
        flaws.truncated = True
    if source.container == "ogg" and not ogg_is_complete(_tail(path)):
        flaws.truncated = True


def decode_unmended(path: Path, source: SourceFormat, flaws: Flaws) -> Iterator[tuple[float | None, Float32s]]:
    """The time stamp in seconds, if there is one, and the sound (channels, n) of each piece, as the file has them.

    `flaws` counts packets that can't be decoded. Raises MediaError where the number of channels or the rate changes."""
    position = 0
    with _open(path) as (container, stream):
        for frame in _frames(container, stream, flaws):
            found = (frame.sample_rate, frame.layout.nb_channels)
            if found != (source.sample_rate, source.channels):
                at = f"at {position / source.sample_rate:.1f} s it changes to {found[0]} Hz and {found[1]} channels"
                expected = f"{source.sample_rate} Hz and {source.channels} throughout"
                raise MediaError(path, f"{at}: expected {expected}")
            position += frame.samples
            yield frame.time, to_planes(frame.to_ndarray(), frame.format.name, source.channels)


def _declared_s(path: Path, container: InputContainer, stream: AudioStream, sample_rate: int) -> float | None:
    name = container.format.name.split(",")[0]
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if name == "mp3":
        return mp3_seconds(head, sample_rate)
    if name == "wav" and (seconds := wav_seconds(head)) is not None:
        return seconds
    if name not in DECLARING:
        return None
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return file.read()


@contextmanager
def _open(path: Path) -> Iterator[tuple[InputContainer, AudioStream]]:
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise MediaError(path, f"the file is empty: {EXPECTED}")
            file.seek(0)
            # Without its name: ffmpeg would let the extension outvote weak evidence in the content.
            options = {"format_whitelist": FORMATS, "protocol_whitelist": ""}
            with av.open(_Nameless(file), mode="r", options=options) as container:
                if not container.streams.audio:
                    raise MediaError(path, f"no audio in the file ({container.format.long_name}): {EXPECTED}")
                yield container, container.streams.audio[0]
    except FileNotFoundError as error:
        raise MediaError(path, "no such file") from error
    except IsADirectoryError as error:
        raise MediaError(path, "is a folder: expected a file") from error
    except PermissionError as error:
        raise MediaError(path, "permission denied") from error
    except av.FFmpegError as error:
        raise MediaError(path, f"could not be decoded ({error.strerror}): {EXPECTED}") from error


class _Nameless:
    """A file without its `name`."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.seek = file.seek
        self.tell = file.tell


def _frames(container: InputContainer, stream: AudioStream, flaws: Flaws) -> Iterator[av.AudioFrame]:
    """Decoded frames; packets that can't be decoded are counted and left out, a broken end is a truncated file."""
    packets = container.demux(stream)
    damaged_last = False
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            break
        except av.FFmpegError:
            flaws.truncated = True
            break
        try:
            frames = packet.decode()
        except av.FFmpegError:
            flaws.damaged_packets += 1
            damaged_last = packet.size > 0
            continue
        damaged_last = damaged_last and not packet.size
        for frame in frames:
            if isinstance(frame, av.AudioFrame) and frame.samples:
                yield frame
    if damaged_last:  # the packet at which the file was cut off
        flaws.truncated = True
        flaws.damaged_packets -= 1


def _silence(samples: int, source: SourceFormat) -> Iterator[Float32s]:
    """Zeros in pieces of at most a second, so that a long hole needs no memory."""
    while samples > 0:
        piece = min(samples, source.sample_rate)
        yield np.zeros((source.channels, piece), np.float32)
        samples -= piece


def _note_invalid(flaws: Flaws, position: int, invalid: Indices, rate: int) -> None:
    if not invalid.size:
        return
    for run in np.split(invalid, np.flatnonzero(np.diff(invalid) > 1) + 1):
        flaws.add_invalid((position + int(run[0])) / rate, (position + int(run[-1]) + 1) / rate, len(run))
