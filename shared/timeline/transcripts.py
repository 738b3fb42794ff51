"""Transcripts of a call as files, at any time while it runs: CTM, STM, SegLST, and text for people."""

import json
import textwrap

from speakerline.shared.timeline.shown import shown
from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.utterances import paragraphs, spoken_words, utterances
from speakerline.shared.timeline.writing import is_unspaced

WIDTH = 100
"""Characters in a line of text."""


def to_ctm(timeline: Timeline) -> str:
    """One word per line, six fields, as NIST's SCTK and meeteval read them; who spoke is in STM and SegLST.

    <call> <channel, from 1> <start s> <duration s> <word> <confidence>

    In the order of channel and start, which NIST's tools insist on."""
    lines = [
        f"{timeline.call_id} {word.channel + 1} {word.start_ms / 1000:.3f} {(word.end_ms - word.start_ms) / 1000:.3f} "
        f"{shown(part)} {word.confidence:.2f}\n"
        for word in sorted(spoken_words(timeline), key=lambda word: word.channel)
        for part in word.text.split()
    ]
    return "".join(lines)


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
