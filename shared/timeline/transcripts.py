"""Transcripts of a call as files, at any time while it runs: CTM, STM, SegLST, and text for people."""

import json
import textwrap
from collections.abc import Iterable

from speakerline.shared.timeline.shown import shown
from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.utterances import SpokenWord, paragraphs, spoken_words, utterances
from speakerline.shared.timeline.writing import is_unspaced

WIDTH = 100
"""Characters in a line of text."""


def to_ctm(timeline: Timeline) -> str:
    """One word per line, six fields, as NIST's SCTK and meeteval read them; who spoke is in STM and SegLST.

    <call> <channel, from 1> <start s> <duration s> <word> <confidence>

    In the order of channel and start, and none begins before the one before it on its channel has ended: NIST's tools
    insist on both. So where people talk at once, a word ends with the start of the next."""
    spoken = spoken_words(timeline)
    lines = [
        f"{timeline.call_id} {channel + 1} {start_ms / 1000:.3f} {(end_ms - start_ms) / 1000:.3f} "
        f"{shown(text)} {confidence:.2f}\n"
        for channel in sorted({word.channel for word in spoken})
        for start_ms, end_ms, text, confidence in _one_by_one([one for one in spoken if one.channel == channel])
    ]
    return "".join(lines)


def _one_by_one(words: Iterable[SpokenWord]) -> list[tuple[int, int, str, float]]:
    """Start, end, text and confidence of each part without blanks, one after the other, of 1 ms or more."""
    parts = [
        (word.start_ms + number * (word.end_ms - word.start_ms) // len(texts), word.end_ms, text, word.confidence)
        for word in words
        for texts in [word.text.split()]
        for number, text in enumerate(texts)
    ]
    placed: list[tuple[int, int, str, float]] = []
    for start_ms, end_ms, text, confidence in sorted(parts, key=lambda part: part[:2]):
        if placed:
            before = placed[-1]
            start_ms = max(start_ms, before[0] + 1)
            placed[-1] = (before[0], min(before[1], start_ms), *before[2:])
        placed.append((start_ms, max(end_ms, start_ms + 1), text, confidence))
    return placed


def to_stm(timeline: Timeline) -> str:
    """Utterances as NIST's segment time marks, in the order of channel and start:

    <call> <channel, from 1> <speaker> <start s> <end s> <words>

    A word in angle brackets at the start would be read as a label: it loses them."""
    lines = [
        f"{timeline.call_id} {one.channel + 1} {token(one.label)} {one.start_ms / 1000:.3f} "
        f"{max(one.end_ms, one.start_ms + 1) / 1000:.3f} {shown(one.text).lstrip('<')}\n"
        for one in sorted(utterances(timeline), key=lambda one: (one.channel, one.start_ms, one.end_ms))
    ]
    return "".join(lines)


def to_seglst(timeline: Timeline) -> str:
    """Utterances in the format of CHiME and meeteval: a JSON list, times in seconds."""
    segments = [
        {
            "session_id": timeline.call_id,
            "speaker": one.label,
            "start_time": one.start_ms / 1000,
            "end_time": one.end_ms / 1000,
            "words": one.text,
        }
        for one in utterances(timeline)
    ]
    return json.dumps(segments, ensure_ascii=False, indent=2) + "\n"


def to_text(timeline: Timeline) -> str:
    """Text for people: one paragraph for each time that a speaker has the floor, with its start and the speaker."""
    said = [(one.start_ms, shown(one.label), shown(one.text)) for one in paragraphs(timeline)]
    widest = max((len(label) for _, label, _ in said), default=0)
    return "\n".join(
        textwrap.fill(
            text,
            WIDTH,
            initial_indent=f"{stamp(start_ms)}  {label:<{widest}}  ",
            subsequent_indent=" " * (len(stamp(start_ms)) + widest + 4),
            break_long_words=is_unspaced(text),
            break_on_hyphens=False,
        )
        + "\n"
        for start_ms, label, text in said
    )


def stamp(at_ms: int) -> str:
    """`mm:ss.t`, or `h:mm:ss.t` from an hour on."""
    seconds = at_ms // 1000
    hours, rest = divmod(seconds, 3600)
    clock = f"{rest // 60:02d}:{rest % 60:02d}.{at_ms % 1000 // 100}"
    return f"{hours}:{clock}" if hours else clock


def token(label: str) -> str:
    """The label as it is shown, with `_` for blanks, because blanks separate fields."""
    return shown("_".join(label.split()))
