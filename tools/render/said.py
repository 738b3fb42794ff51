"""The words of a call as they are shown with its lanes, wrapped to the available width."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.utterances import SpokenWord, Utterance, in_utterances, spoken_words

RECENT_MS = 120_000
"""Older words are not considered for a live view."""

Line = list[SpokenWord]


@dataclass(frozen=True, slots=True)
class Caption:
    """Words at a position of a picture."""

    start_ms: int
    lines: Sequence[str]
    final: bool


def latest_lines(timeline: Timeline, now_ms: int, columns: int, rows: int) -> dict[str, list[Line]]:
    """Per speaker the last `rows` lines of at most `columns` characters; an utterance begins on a line of its own.

    Of speakers who said nothing in the last RECENT_MS, nothing."""
    since_ms = now_ms - RECENT_MS
    lines: dict[str, list[Line]] = {}
    for utterance in in_utterances(spoken_words(timeline, since_ms)):
        own = lines.setdefault(utterance.speaker_id, [])
        own += _wrapped(utterance.words, columns)
    return {speaker_id: own[-rows:] for speaker_id, own in lines.items()}


def captions(
    said: Iterable[Utterance], end_ms: int, px_per_ms: float, px_per_character: float, rows: int
) -> list[Caption]:
    """For the utterances of one lane: those whose words fit below them, or at least some before the next one starts."""
    ordered = sorted(said, key=lambda one: one.start_ms)
    nexts = [*(one.start_ms for one in ordered[1:]), end_ms][: len(ordered)]
    made = []
    for one, until_ms in zip(ordered, nexts, strict=True):
        widths = [int((at_ms - one.start_ms) * px_per_ms / px_per_character) for at_ms in (one.end_ms, until_ms)]
        lines = _fitted(one.text, widths[0] - 1, rows) or _shortened(one.text, widths[1] - 1, rows)
        if lines:
            made.append(Caption(one.start_ms, lines, one.final))
    return made


def _fitted(text: str, columns: int, rows: int) -> list[str]:
    """The whole text in lines, or none where it does not fit."""
    lines = textwrap.wrap(text, max(1, columns), break_long_words=False, break_on_hyphens=False)
    return lines if len(lines) <= rows and max(map(len, lines), default=0) <= columns else []


def _shortened(text: str, columns: int, rows: int) -> list[str]:
    """What of the text fits, or none where not even a word does."""
    if columns < 1:
        return []
    lines = textwrap.wrap(
        text, columns, max_lines=rows, placeholder="…", break_long_words=False, break_on_hyphens=False
    )
    return lines if lines and lines[0] != "…" and max(map(len, lines)) <= columns else []


def _wrapped(words: Sequence[SpokenWord], columns: int) -> list[Line]:
    lines: list[Line] = []
    used = columns
    for word in words:
        if used + 1 + len(word.text) > columns:
            lines.append([])
            used = -1
        lines[-1].append(word)
        used += 1 + len(word.text)
    return lines
