"""The files that a score is made of: RTTM and UEM (NIST RT-09 evaluation plan, appendix A), events as JSON lines."""

import codecs
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from speakerline.shared import codec
from speakerline.shared.contract import v1
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.pipeline import TIMELINE
from speakerline.shared.timeline.export import rttm_line
from speakerline.shared.timeline.spans import Span, union

Labels = Mapping[str, list[Span]]
"""Per speaker, when they talk: disjoint spans in order, in ms."""

_Of = TypeVar("_Of")


class InvalidFile(SpeakerlineError, ValueError):
    """A file that can't be read as what it should be; the message names the file and the line."""


def read_rttm(path: Path) -> dict[str, Labels]:
    """Per file id, the SPEAKER lines; turns of one speaker that touch or overlap are one. Raises InvalidFile."""
    found: dict[str, dict[str, list[Span]]] = defaultdict(lambda: defaultdict(list))
    rows = rows_of(path)
    for number, fields in rows:
        if fields[0] != "SPEAKER":
            continue
        if len(fields) < 8:
            raise InvalidFile(f"{path.name} line {number}: {len(fields)} fields, expected 8 to 10")
        start_ms, duration_ms = (ms_of(path, number, value) for value in fields[3:5])
        found[fields[1]][fields[7]].append((start_ms, start_ms + duration_ms))
    if rows and not found:
        raise InvalidFile(f"{path.name}: no line begins with SPEAKER: expected RTTM")
    return {file: {label: union(spans) for label, spans in labels.items()} for file, labels in found.items()}


def write_rttm(path: Path, call: str, labels: Labels, channels: Mapping[str, int]) -> None:
    """Write one recording's labels, in the order of time; `channels` of the speakers count from 0."""
    turns = sorted((span, speaker) for speaker, spans in labels.items() for span in spans)
    path.write_text("".join(rttm_line(call, channels[speaker], span, speaker) for span, speaker in turns), "utf-8")


def read_uem(path: Path) -> dict[str, list[Span]]:
    """Per file id, the regions to score. Raises InvalidFile."""
    found: dict[str, list[Span]] = defaultdict(list)
    for number, fields in rows_of(path):
        if len(fields) != 4:
            raise InvalidFile(f"{path.name} line {number}: {len(fields)} fields, expected 4: file channel start end")
        found[fields[0]].append((ms_of(path, number, fields[2]), ms_of(path, number, fields[3])))
    return {file: union(spans) for file, spans in found.items()}


def read_events(path: Path) -> list[v1.TimelineEvent]:
    """One TimelineEvent a line, of one call, in the order of `seq`. A last line that was cut off, where writing it was
    interrupted, is passed over, and so are empty ones. Raises InvalidFile."""
    events: list[v1.TimelineEvent] = []
    lines = [(number, line) for number, line in enumerate(utf8_of(path).split(b"\n"), 1) if line.strip()]
    for number, line in lines:
        try:
            event = codec.read(TIMELINE, line)
        except codec.InvalidEvent as error:
            if events and number == lines[-1][0] and line.startswith(b"{"):
                break
            raise InvalidFile(f"{path.name} line {number}: {error}") from error
        if events and event.call_id != events[0].call_id:
            among = f"an event of call {event.call_id!r} among those of {events[0].call_id!r}"
            raise InvalidFile(f"{path.name} line {number}: {among}, expected one call")
        events.append(event)
    return events


def of_call(path: Path, found: Mapping[str, _Of], call_id: str) -> _Of:
    """What a file holds of one call: its only entry, or the one named like the call. Raises InvalidFile."""
    if len(found) == 1:
        return next(iter(found.values()))
    if call_id in found:
        return found[call_id]
    known = ", ".join(sorted(found)[:5]) or "nothing"
    raise InvalidFile(f"{path.name} holds {known}: expected one file only, or {call_id}")


def rows_of(path: Path) -> list[tuple[int, list[str]]]:
    """Line number and fields of each line that is neither empty nor a comment. Raises InvalidFile for no text."""
    lines = enumerate(text_of(path).splitlines(), 1)
    return [(number, line.split()) for number, line in lines if line.strip() and line.lstrip()[0] not in ";#"]


def text_of(path: Path) -> str:
    """The text of a file. Raises InvalidFile where it is none."""
    try:
        return utf8_of(path).decode()
    except UnicodeDecodeError as error:
        raise InvalidFile(f"{path.name}: expected lines of text ({error})") from error


def utf8_of(path: Path) -> bytes:
    """What a file of text holds, in UTF-8 without a mark: programs of Windows write one, or UTF-16. Raises InvalidFile
    where it can't be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidFile(f"{path}: {error.strerror}, expected a file that can be read") from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = content.decode("utf-16", "replace").encode()
    return content.removeprefix(codecs.BOM_UTF8)


def ms_of(path: Path, number: int, seconds: str) -> int:
    try:
        value = float(seconds)
    except ValueError:
        value = -1.0
    if not 0 <= value < 4_000_000:
        raise InvalidFile(f"{path.name} line {number}: {seconds!r} is not a time, expected seconds, 0 or more")
    return round(value * 1000)
