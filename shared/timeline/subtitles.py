"""Subtitles of a call, at any time while it runs: SubRip (.srt) and WebVTT (.vtt)."""

import html
import unicodedata
from collections.abc import Iterable, Iterator

from speakerline.shared.timeline.shown import shown
from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.utterances import SpokenWord, Utterance, joined, utterances
from speakerline.shared.timeline.writing import is_unspaced

LINE, LINES = 42, 2
"""Characters of a line, of which those of East Asian scripts count as two, and lines at once, as broadcasters have it
(BBC subtitle guidelines, Netflix timed text style guide)."""
A_SECOND = 17
"""Characters that people read in a second: a cue stays so long, where the next one leaves time for it."""
LEAST_MS = 1000
MOST_MS = 7000
ENOUGH_CHARACTERS = 42
"""From here on a cue ends with a sentence."""
ENDS = (".", "?", "!", "。", "？", "！")


_LOOK_ALIKE = str.maketrans("<>{}", "‹›()")


def to_srt(timeline: Timeline) -> str:
    """SubRip: numbered cues, the speaker before the text; people who talk at once have cues at the same time."""
    cues = (
        f"{number}\n{_time(cue.start_ms, ',')} --> {_time(end_ms, ',')}\n"
        f"{_lines(_subrip(f'{cue.label}: {cue.text}'))}\n"
        for number, (cue, end_ms) in enumerate(timed(cues_of(timeline)), 1)
    )
    return "\n".join(cues)


def to_vtt(timeline: Timeline) -> str:
    """WebVTT (W3C): the speaker of each cue in a voice tag, `<v Ann>`; cues are numbered like those of SubRip."""
    cues = (
        f"\n{number}\n{_time(cue.start_ms, '.')} --> {_time(end_ms, '.')}\n"
        f"<v {_annotation(cue.label)}>{html.escape(_lines(shown(cue.text)), quote=False)}</v>\n"
        for number, (cue, end_ms) in enumerate(timed(cues_of(timeline)), 1)
    )
    return "WEBVTT\n" + "".join(cues)


def cues_of(timeline: Timeline) -> Iterator[Utterance]:
    """Utterances cut to what can be read at once, by their start."""
    cut = [cue for one in utterances(timeline) for cue in _cut(one)]
    yield from sorted(cut, key=lambda cue: (cue.start_ms, cue.end_ms))


def _cut(utterance: Utterance) -> Iterator[Utterance]:
    words: list[SpokenWord] = []
    for word in utterance.words:
        text = joined(words)
        longer = f"{utterance.label}: {joined([*words, word])}"
        full = _lines(longer).count("\n") >= LINES or (words and word.end_ms - words[0].start_ms > MOST_MS)
        if words and (full or (len(text) >= ENOUGH_CHARACTERS and text.endswith(ENDS))):
            yield Utterance(utterance.speaker_id, utterance.label, utterance.channel, words)
            words = []
        words.append(word)
    yield Utterance(utterance.speaker_id, utterance.label, utterance.channel, words)


def timed(cues: Iterable[Utterance]) -> Iterator[tuple[Utterance, int]]:
    """Each cue with its end in ms: long enough to be read, but not into a cue that begins after its last word."""
    ordered = list(cues)
    for number, cue in enumerate(ordered):
        spoken_ms = max(cue.end_ms, cue.start_ms + 1)
        read_ms = cue.start_ms + min(MOST_MS, max(LEAST_MS, 1000 * len(f"{cue.label}: {cue.text}") // A_SECOND))
        following = (one.start_ms for one in ordered[number + 1 :] if one.start_ms >= spoken_ms)
        yield cue, max(spoken_ms, min(read_ms, next(following, read_ms)))


def _lines(text: str) -> str:
    """The text broken into lines, the first ones no longer than the last allows: two of about one length read best."""
    if _width(text) <= LINE:
        return text
    unspaced = is_unspaced(text)
    for width in range(max(8, _width(text) // LINES), LINE + 1):
        lines = _wrapped(text, width, unspaced)
        if len(lines) <= LINES:
            return "\n".join(lines)
    return "\n".join(_wrapped(text, LINE, unspaced))


def _wrapped(text: str, width: int, unspaced: bool) -> list[str]:
    """Lines of this width at most, a word that is longer alone in its line, and in several beyond LINE; at any
    character where there are no blanks."""
    lines = [""]
    for part in text if unspaced else _parts(text):
        longer = part if not lines[-1] else f"{lines[-1]}{'' if unspaced else ' '}{part}"
        if lines[-1] and _width(longer) > width:
            lines.append(part.lstrip())
        else:
            lines[-1] = longer
    return lines


def _parts(text: str) -> Iterator[str]:
    """The words, of one that no line holds as much as each does."""
    for word in text.split(" "):
        yield from (word[at : at + LINE] for at in range(0, max(1, len(word)), LINE))


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def _time(at_ms: int, point: str) -> str:
    seconds = at_ms // 1000
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{point}{at_ms % 1000:03d}"


def _subrip(text: str) -> str:
    """SubRip knows no escapes: readers look for its arrow anywhere in a line, and take `<` and `{` for markup."""
    return _in_a_line(text).translate(_LOOK_ALIKE)


def _annotation(label: str) -> str:
    """WebVTT allows neither line ends nor `>` in the name of a voice."""
    return html.escape(_in_a_line(label), quote=False)


def _in_a_line(text: str) -> str:
    """An empty line would end the cue."""
    return shown(" ".join(text.split()))
