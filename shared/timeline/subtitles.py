"""Subtitles of a call, at any time while it runs: SubRip (.srt) and WebVTT (.vtt)."""

import html
from collections.abc import Iterator

from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.utterances import SpokenWord, Utterance, joined, utterances

MOST_CHARACTERS = 84
"""Two lines of 42 characters, as broadcasters have it (BBC subtitle guidelines, Netflix timed text style guide)."""
MOST_MS = 7000
ENOUGH_CHARACTERS = 42
"""From here on a cue ends with a sentence."""
ENDS = (".", "?", "!", "。", "？", "！")


_LOOK_ALIKE = str.maketrans("<>{}", "‹›()")


def to_srt(timeline: Timeline) -> str:
    """SubRip: numbered cues, the speaker before the text; people who talk at once have cues at the same time."""
    cues = (
        f"{number}\n{_time(cue.start_ms, ',')} --> {_time(_end(cue), ',')}\n{_subrip(f'{cue.label}: {cue.text}')}\n"
        for number, cue in enumerate(cues_of(timeline), 1)
    )
    return "\n".join(cues)


def to_vtt(timeline: Timeline) -> str:
    """WebVTT (W3C): the speaker of each cue in a voice tag, `<v Ann>`; cues are numbered like those of SubRip."""
    cues = (
        f"\n{number}\n{_time(cue.start_ms, '.')} --> {_time(_end(cue), '.')}\n"
        f"<v {_annotation(cue.label)}>{html.escape(cue.text, quote=False)}</v>\n"
        for number, cue in enumerate(cues_of(timeline), 1)
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
        full = len(joined([*words, word])) > MOST_CHARACTERS or (words and word.end_ms - words[0].start_ms > MOST_MS)
        if words and (full or (len(text) >= ENOUGH_CHARACTERS and text.endswith(ENDS))):
            yield Utterance(utterance.speaker_id, utterance.label, utterance.channel, words)
            words = []
        words.append(word)
    yield Utterance(utterance.speaker_id, utterance.label, utterance.channel, words)


def _end(cue: Utterance) -> int:
    """A cue without a length would never be seen."""
    return max(cue.end_ms, cue.start_ms + 1)


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
    return " ".join(text.split())
