"""Decodes a file with ffmpeg: its tracks, and the audio of each at its own rate, with holes filled and flaws counted.

A file is opened by its content alone; only where that has no header does the ending of its name count. Formats that are
lists of other files (playlists) are refused, so that a file can't make this machine read or fetch another.
"""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer

from speakerline.shared.arrays import Float32s, Indices
from speakerline.tools.media.cut_off import is_cut_off
from speakerline.tools.media.endings import HEAD_BYTES, TAIL_BYTES, ogg_is_complete
from speakerline.tools.media.flaws import Flaws
from speakerline.tools.media.formats import (
    DEMUXERS,
    EXPECTED,
    FROM_ZERO,
    SOURCE_RATES,
    TIMED,
    UNBOUND,
    is_pause,
)
from speakerline.tools.media.headerless import Headerless, by_ending, rifx
from speakerline.tools.media.lengths import declared_s
from speakerline.tools.media.media_error import MediaError, unreadable
from speakerline.tools.media.parts import Part, PartOfFile, is_ogg, parts_of
from speakerline.tools.media.samples import mend, to_planes

BEYOND_S = 0.5
"""How much more than declared is worth a line."""

HOLE_S = 0.1
"""Jumps of time stamps below this are rounding and codec delay."""
LONGEST_HOLE_S = 4 * 3600
"""A longer jump is a broken time stamp."""
TRUNCATED_S = 0.25
"""How much may be missing at the end: codecs pad and trim by up to 0.1 s."""


@dataclass(frozen=True, slots=True)
class Track:
    """One audio track of a file, `number` counted from 0; rate and channels are those of its first decoded frame."""

    number: int
    container: str
    codec: str
    sample_rate: int
    channels: int
    declared_s: float | None
    """The declared length; None if it could only be estimated."""
    start_s: float
    """When its sound starts on the clock of a player."""
    parts: tuple[Part, ...]
    """Where in the file it is; the first part is what its header describes."""
    headerless: Headerless | None = None
    gain: float = 1.0
    """What samples are multiplied by, because many of them are beyond full scale."""
    part_ends_s: tuple[float, ...] = ()
    """Where each part ends on all tracks, where there are several of both."""


def probe(path: Path, headerless: Headerless | None = None) -> tuple[list[Track], list[str]]:
    """Every audio track, each decoded up to its first frame, and lines about what can't be used. `headerless`: what the
    file is, where it has no header. Raises MediaError for anything that is not audio."""
    tracks: list[Track] = []
    left_out: list[str] = []
    parts, headerless = _parts(path, headerless)
    with _open(path, parts[0], headerless) as container:
        count = len(container.streams.audio)
    for number in range(count):
        problem = "it has no sound"
        try:
            with _open(path, parts[0], headerless) as container:
                track = _probe_track(path, container, number, parts, headerless)
        except MediaError as error:
            if count == 1:
                raise
            track, problem = None, error.problem
        if track is not None:
            tracks.append(track)
        elif count > 1:
            left_out.append(f"audio track {number + 1} of {count} left out: {problem}")
    if not tracks:
        raise MediaError(path, "no audio samples: expected at least one")
    return tracks, left_out


def decode(path: Path, track: Track, flaws: Flaws) -> Iterator[Float32s]:
    """Pieces of shape (channels, n) at the track's own rate, finite, within -1..1; `flaws` counts what was mended."""
    position = 0
    for number, part in enumerate(track.parts):
        if number:
            flaws.notes.append(
                f"at {position / track.sample_rate:.1f} s begins another recording in the same file "
                f"({number + 1} of {len(track.parts)}): it follows"
            )
        if part.beyond_s:
            flaws.notes.append(_beyond(part.beyond_s))
        if part.unread:
            flaws.notes.append(f"{part.unread} bytes behind the end of the recording can't be read: left out")
        for piece in decode_part(path, track, part, flaws, position if number else 0):
            position += piece.shape[1]
            yield piece
        if number + 1 < len(track.part_ends_s):
            for piece in _silence(round(track.part_ends_s[number] * track.sample_rate) - position, track):
                position += piece.shape[1]
                yield piece
    whole_s = position / track.sample_rate - (track.start_s if track.container in FROM_ZERO else 0)
    if track.declared_s is not None and track.declared_s - whole_s > TRUNCATED_S:
        flaws.truncated = True
    if track.container in UNBOUND and track.declared_s and whole_s - track.declared_s > BEYOND_S:
        flaws.notes.append(_beyond(whole_s - track.declared_s))
    pages = [part.end for part in track.parts if is_ogg(path, part)] if track.container == "ogg" else []
    if (pages and not ogg_is_complete(_tail(path, pages[-1]))) or is_cut_off(path, track.container):
        flaws.truncated = True


def decode_unmended(
    path: Path, track: Track, flaws: Flaws, part: Part | None = None, already: int = 0
) -> Iterator[tuple[float | None, Float32s]]:
    """The time stamp in seconds, if there is one, and the sound (channels, n) of each piece, as the file has them.

    `flaws` counts packets that can't be decoded. Where the number of channels or the rate changes, the sound is
    converted to those of the track. `already`: samples that came before this part."""
    position, converter = already, None
    found = (track.sample_rate, track.channels)
    with _open(path, part or track.parts[0], track.headerless) as container:
        number = min(track.number, len(container.streams.audio) - 1)
        for frame in _frames(container, number, track.headerless, flaws):
            now = (frame.sample_rate, frame.layout.nb_channels)
            if now != found:
                at = f"at {position / track.sample_rate:.1f} s it changes to {now[0]} Hz and {now[1]} channels"
                flaws.notes.append(f"{at}: converted to {track.sample_rate} Hz and {track.channels}")
                found, converter = now, None
            if now == (track.sample_rate, track.channels):
                position += frame.samples
                yield frame.time, to_planes(frame.to_ndarray(), frame.format.name, track.channels)
                continue
            converter = converter or av.AudioResampler("fltp", f"{track.channels}C", track.sample_rate)
            for made in converter.resample(frame):
                position += made.samples
                yield None, to_planes(made.to_ndarray(), "fltp", track.channels)


def _parts(path: Path, headerless: Headerless | None) -> tuple[tuple[Part, ...], Headerless | None]:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise MediaError(path, "is a pipe or a device: expected a file, in which one can go back")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        if not head:
            raise MediaError(path, f"the file is empty: {EXPECTED}")
        size = path.stat().st_size
        if big_endian := rifx(head):
            return tuple(parts_of(path, bare=True)), big_endian
        headerless = headerless or by_ending(path, head)
        parts = (Part(0, size),) if headerless else tuple(parts_of(path))
    except OSError as error:
        raise unreadable(path, error) from error
    return parts, headerless


def _probe_track(
    path: Path, container: InputContainer, number: int, parts: tuple[Part, ...], headerless: Headerless | None
) -> Track | None:
    name = "headerless" if headerless else container.format.name.split(",")[0]
    stream = container.streams.audio[number]
    if not stream.codec_context:  # ffmpeg crashes where it is asked to decode such a one
        raise MediaError(path, f"its sound is coded in a way that ffmpeg does not know: {EXPECTED}")
    for frame in _frames(container, number, headerless, Flaws()):
        if frame.sample_rate not in SOURCE_RATES:
            raise MediaError(path, f"sample rate {frame.sample_rate} Hz: expected 4000 to 384000")
        base = 0.0 if name in FROM_ZERO else (container.start_time or 0) / av.time_base
        start_s = max(0.0, frame.time - base) if frame.time is not None and name in TIMED else 0.0
        return Track(
            number=number,
            container=name,
            codec=stream.codec_context.name,
            sample_rate=frame.sample_rate,
            channels=frame.layout.nb_channels,
            declared_s=declared_s(path, container, stream, frame.sample_rate, parts),
            start_s=start_s if HOLE_S < start_s < LONGEST_HOLE_S else 0.0,
            parts=parts,
            headerless=headerless,
        )
    return None


def decode_part(path: Path, track: Track, part: Part, flaws: Flaws, already: int) -> Iterator[Float32s]:
    """Pieces of one part; `already`: samples that came before it."""
    position, first_s = 0, None
    if not already and track.start_s:
        flaws.start_s = track.start_s
        yield from _silence(round(track.start_s * track.sample_rate), track)
    for time_s, sound in decode_unmended(path, track, flaws, part, already):
        if time_s is not None and track.container in TIMED:
            first_s = time_s if first_s is None else first_s
            hole = time_s - first_s - position / track.sample_rate
            if HOLE_S < hole < LONGEST_HOLE_S:
                flaws.hole_s += hole
                for silence in _silence(round(hole * track.sample_rate), track):
                    position += silence.shape[1]
                    yield silence
        planes, invalid, clipped = mend(sound * np.float32(track.gain) if track.gain != 1 else sound)
        flaws.clipped_samples += clipped
        _note_invalid(flaws, already + position, invalid, track.sample_rate)
        position += planes.shape[1]
        yield planes


def _beyond(seconds: float) -> str:
    return f"{seconds:.1f} s lie behind the end that the header declares: used, too"


def _tail(path: Path, end: int) -> bytes:
    with path.open("rb") as file:
        begin = max(0, end - TAIL_BYTES)
        file.seek(begin)
        return file.read(end - begin)


@contextmanager
def _open(path: Path, part: Part, headerless: Headerless | None = None) -> Iterator[InputContainer]:
    form, told = None, {"format_whitelist": DEMUXERS, "protocol_whitelist": ""}
    if headerless:
        form, told = headerless.demuxer or "u8", headerless.options
    try:
        with (
            path.open("rb") as file,
            av.open(PartOfFile(file, part), mode="r", format=form, options=told) as container,
        ):
            if not container.streams.audio:
                raise MediaError(path, f"no audio in the file ({container.format.long_name}): {EXPECTED}")
            yield container
    except (OSError, av.FFmpegError) as error:
        raise unreadable(path, error) from error


def _frames(
    container: InputContainer, number: int, headerless: Headerless | None, flaws: Flaws
) -> Iterator[av.AudioFrame]:
    """Decoded frames; packets that can't be decoded are counted and left out, a broken end is a truncated file."""
    stream = container.streams.audio[number]
    packets = container.demux(stream)
    codec: av.AudioCodecContext | None = None
    if headerless and headerless.decoder:
        made = av.CodecContext.create(headerless.decoder, "r")
        assert isinstance(made, av.AudioCodecContext)
        codec = made
        codec.sample_rate, codec.layout = headerless.rate, f"{headerless.channels}C"
    damaged_last = False
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            break
        except av.FFmpegError:
            flaws.truncated = True
            break
        if is_pause(stream.codec_context.name, bytes(packet) if packet.size < 8 else b""):
            continue
        try:
            frames = codec.decode(av.Packet(bytes(packet))) if codec and packet.size else packet.decode()
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


def _silence(samples: int, track: Track) -> Iterator[Float32s]:
    """Zeros in pieces of at most a second, so that a long hole needs no memory."""
    while samples > 0:
        piece = min(samples, track.sample_rate)
        yield np.zeros((track.channels, piece), np.float32)
        samples -= piece


def _note_invalid(flaws: Flaws, position: int, invalid: Indices, rate: int) -> None:
    if not invalid.size:
        return
    for run in np.split(invalid, np.flatnonzero(np.diff(invalid) > 1) + 1):
        flaws.add_invalid((position + int(run[0])) / rate, (position + int(run[-1]) + 1) / rate, len(run))
