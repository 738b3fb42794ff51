"""What lies between stages: one entry of a log, written and read.

    event entry        <at_ms>-<n>          event = JSON, audio_at
    watermark entry    <through_ms>-<max>   nothing at or before this position follows
    closing entry      <2^53-1>-0           nothing follows at all; Redis refuses later entries by itself
    frame              <end sample>-0       pcm = bytes, audio_at; `shed` where the producer dropped sound before it
    key press           <sample>-<1, 2, ..>  dtmf = digit
    idle                <last id + 1>        nothing has come on any channel for a while; the runtime writes it

All carry `sent_at`, the second by the clock of Redis at which a script wrote them: from then on they wait. `audio_at`
is the second at which the sound concerned reached the producer, by its own clock, so that it only feeds a metric, and
tells by its pace whether the rate is right.
"""

import math
from dataclasses import dataclass
from typing import Any

from speakerline.shared import codec
from speakerline.shared.contract.v1 import EndReason
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import Stream
from speakerline.shared.runtime.connection import entry_id, pairs
from speakerline.shared.runtime.stage import AudioClosed, AudioIdle, Entry, Event, Frame, KeyPress

LAST_NUMBER = 2**64 - 1
CLOSING_ID = f"{LAST_POSITION}-0"

_END_REASONS = {b"idle": EndReason.IDLE, b"unheard": EndReason.UNHEARD}
"""What closing entries say that no producer writes."""

LONGEST_AWAY_S = 60.0
"""How long sound may have waited at a producer, and by how much its clock may be ahead, before its time is no time."""
FAST_CLOCK_S = 1.0


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry as it was read: `entry` is None for watermarks, closing entries of events, and what is unknown."""

    position: int
    number: int
    entry: Entry | None
    audio_at: float = 0.0
    arrived_at: float = 0.0
    """By the clock of Redis."""
    problem: str = ""
    """Why the payload could not be read; such an entry goes the way of poison."""
    odd_time: bool = False
    """Whether its producer's clock is wrong; `audio_at` is the nearest time that can be, then."""
    unknown: bool = False
    """Whether only a newer version knows the kind of event, or a value in it; such an entry is passed over."""

    @property
    def id(self) -> str:
        return f"{self.position}-{self.number}"


def read_event(stream: Stream[Any], raw_id: bytes, flat: list[bytes], now: float = 0.0) -> Logged:
    """`now`: the second by the clock of Redis at which it was read."""
    position, number = entry_id(raw_id)
    fields = pairs(flat)
    times = _seconds(fields.get(b"audio_at")), _arrived_at(fields, now)
    if position == LAST_POSITION or number == LAST_NUMBER:
        return Logged(position, number, None, *times)
    try:
        body = codec.read(stream, fields.get(b"event", b""))
    except codec.InvalidEvent as error:
        return Logged(position, number, Event(stream, position, None), *times, problem=str(error))
    event = None if body is None else Event(stream, position, body)
    return Logged(position, number, event, *times, unknown=event is None)


def read_frame(channel: int, raw_id: bytes, flat: list[bytes], now: float) -> Logged:
    """A frame beyond the last position ends its log too: Redis takes no closing entry after it."""
    position, number = entry_id(raw_id)
    fields = pairs(flat)
    if position > LAST_POSITION:
        return Logged(LAST_POSITION, 0, AudioClosed(channel, EndReason.INVALID))
    if position == LAST_POSITION:
        reason = _END_REASONS.get(fields.get(b"end", b""), EndReason.HANGUP)
        return Logged(position, number, AudioClosed(channel, reason))
    if b"start" in fields:
        return Logged(position, number, None)
    if b"idle" in fields:
        return Logged(position, number, AudioIdle(channel, position))
    arrived_at = _arrived_at(fields, now)
    said = _seconds(fields.get(b"audio_at"))
    told = said or arrived_at
    audio_at = min(max(told, arrived_at - LONGEST_AWAY_S), arrived_at)
    odd = told < audio_at or told > audio_at + FAST_CLOCK_S
    entry: Entry = Frame(channel, position, fields.get(b"pcm", b""), b"shed" in fields, said)
    if (digit := fields.get(b"dtmf")) is not None:
        entry = KeyPress(channel, position, digit.decode(errors="replace"))
    return Logged(position, number, entry, audio_at, arrived_at, odd_time=odd)


def _arrived_at(fields: dict[bytes, bytes], now: float) -> float:
    """What other programs write carries no time, and came when it was read at the latest."""
    return min(_seconds(fields.get(b"sent_at")) or now, now)


def _seconds(raw: bytes | None) -> float:
    """A time as it was written; 0 where it is missing or no number."""
    try:
        seconds = float(raw or 0)
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0


def through(position: int, number: int) -> int:
    """What an id at the end of a cursor says: nothing at or before this position follows."""
    if position == LAST_POSITION:
        return LAST_POSITION
    return position if number == LAST_NUMBER else position - 1
