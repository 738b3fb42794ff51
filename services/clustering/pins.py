"""Stretches of which an operator said who spoke: what they change on the timeline, and which voices prove it; pure.

turn of S1     |----------S1----------|
pin                 |====S2====|              "this part was S2"
shown          |-S1-|----S2----|--S1--|
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from speakerline.services.clustering.history import TrackedWindow
from speakerline.services.clustering.roster import speaker_id
from speakerline.services.clustering.tracklets import active_ms, shared_ms
from speakerline.services.clustering.turns import LabelledSpan

INSIDE = 0.8
"""A local voice is that of a pin where so much of its speech lies in it,"""
COVERED = 0.5
"""and it speaks for so much of what the window has of the pin."""


@dataclass(frozen=True, slots=True)
class Pin:
    """In [start_ms, end_ms) of the channel `speaker` spoke, and not `was` (-1: nobody was known)."""

    channel: int
    start_ms: int
    end_ms: int
    was: int
    speaker: int


def pinned(spans: Sequence[LabelledSpan], pins: Sequence[Pin], gap_ms: int, from_ms: int = 0) -> list[LabelledSpan]:
    """The spans as the pins have them, ascending. Pauses of one speaker below `gap_ms` are filled around a pin.

    from_ms: what ends by then is not among the spans any more."""
    shown = list(spans)
    for pin in pins:
        there = replace(pin, start_ms=max(pin.start_ms, from_ms))
        if there.end_ms > there.start_ms:
            shown = _joined(_moved(shown, there, gap_ms), speaker_id(pin.speaker), gap_ms)
    return sorted(shown, key=lambda one: (one.start_ms, one.end_ms, one.speaker_id))


def _moved(spans: list[LabelledSpan], pin: Pin, gap_ms: int) -> list[LabelledSpan]:
    """What `was` said in the pin is the speaker's. Where neither of the two speaks there, it is what another said;
    where nobody does, the whole of it."""
    start_ms, end_ms, who = pin.start_ms, pin.end_ms, speaker_id(pin.was)
    there = [one for one in spans if one.start_ms < end_ms and one.end_ms > start_ms]
    said_by = {one.speaker_id for one in there}
    if who not in said_by:
        if speaker_id(pin.speaker) in said_by:
            return spans
        if not there:
            return [*spans, LabelledSpan(speaker_id(pin.speaker), start_ms, end_ms, 1.0)]
        who = max(there, key=lambda one: min(one.end_ms, end_ms) - max(one.start_ms, start_ms)).speaker_id
    moved: list[LabelledSpan] = []
    for one in spans:
        if one.speaker_id != who or one.start_ms >= end_ms or one.end_ms <= start_ms:
            moved.append(one)
            continue
        before_ms = start_ms if start_ms - one.start_ms >= gap_ms else one.start_ms
        after_ms = end_ms if one.end_ms - end_ms >= gap_ms else one.end_ms
        if before_ms > one.start_ms:
            moved.append(replace(one, end_ms=before_ms))
        moved.append(LabelledSpan(speaker_id(pin.speaker), before_ms, after_ms, 1.0))
        if one.end_ms > after_ms:
            moved.append(replace(one, start_ms=after_ms))
    return moved


def _joined(spans: list[LabelledSpan], who: str, gap_ms: int) -> list[LabelledSpan]:
    """Spans of one speaker that overlap, or nearly touch, are one."""
    others = [one for one in spans if one.speaker_id != who]
    own: list[LabelledSpan] = []
    for one in sorted((one for one in spans if one.speaker_id == who), key=lambda one: one.start_ms):
        if own and one.start_ms - own[-1].end_ms < gap_ms:
            own[-1] = _both(own[-1], one)
        else:
            own.append(one)
    return others + own


def _both(one: LabelledSpan, other: LabelledSpan) -> LabelledSpan:
    lengths = [span.end_ms - span.start_ms for span in (one, other)]
    sure = (one.confidence * lengths[0] + other.confidence * lengths[1]) / sum(lengths)
    return LabelledSpan(one.speaker_id, one.start_ms, max(one.end_ms, other.end_ms), sure)


def pinned_tracklets(windows: Sequence[TrackedWindow], pins: Sequence[Pin]) -> dict[int, int]:
    """The speaker of each tracklet that a pin tells; the last pin counts."""
    found: dict[int, int] = {}
    for pin in pins:
        for one in windows:
            start_ms, end_ms = max(pin.start_ms, one.window.start_ms), min(pin.end_ms, one.window.end_ms)
            if start_ms < end_ms and (at := _voice_of(one, start_ms, end_ms)) is not None:
                found[one.tracklets[at]] = pin.speaker
    return found


def _voice_of(one: TrackedWindow, start_ms: int, end_ms: int) -> int | None:
    """Which voice of the window spoke most of [start_ms, end_ms), and hardly elsewhere."""
    whole = [start_ms, end_ms]
    inside = [shared_ms(voice.spans_ms, whole) for voice in one.window.voices]
    fitting = [
        at
        for at, voice in enumerate(one.window.voices)
        if inside[at] >= INSIDE * active_ms(voice.spans_ms) and inside[at] >= COVERED * (end_ms - start_ms)
    ]
    return max(fitting, key=lambda at: inside[at], default=None)
