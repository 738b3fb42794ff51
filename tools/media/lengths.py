"""How long a track is by what its file declares."""

import re
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

from speakerline.tools.media.endings import HEAD_BYTES, mp3_seconds
from speakerline.tools.media.parts import Part

DECLARING = {"wav", "w64", "aiff", "au", "caf", "flac", "mov", "matroska", "wv", "tta"}
"""Formats that declare their length, so that a shorter file is truncated. For mp3 see `endings`."""
_LENGTH_TAG = re.compile(r"(\d+):(\d\d):(\d\d\.\d+)")
"""How Matroska tells where each of its tracks ends, if it does; the length of the file is where the last one does."""


def declared_s(
    path: Path, container: InputContainer, stream: AudioStream, sample_rate: int, parts: tuple[Part, ...]
) -> float | None:
    """Seconds; None where nothing is said, or could only be estimated."""
    lengths = [part.declared_s for part in parts if part.declared_s is not None]
    if len(lengths) == len(parts):
        return sum(lengths)
    if len(parts) > 1:
        return None
    name = container.format.name.split(",")[0]
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if name == "mp3":
        return mp3_seconds(head, sample_rate)
    if name not in DECLARING:
        return None
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    before_s = max(0, container.start_time or 0) / av.time_base if name == "matroska" else 0.0
    if said := _LENGTH_TAG.fullmatch(stream.metadata.get("DURATION", "")):
        return int(said[1]) * 3600 + int(said[2]) * 60 + float(said[3]) - before_s
    alone = len(container.streams) == 1
    return container.duration / av.time_base - before_s if container.duration and alone else None
