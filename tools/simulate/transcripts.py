"""Reference words: read from TextGrids of Praat beside utterances, written as SegLST and STM."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PAUSE_S = 0.5
"""A pause this long between two words of a speaker begins another line of an STM."""

_TIER = re.compile(r'name\s*=\s*"words"(.*?)(?:\n\s*item \[|\Z)', re.DOTALL)
_INTERVAL = re.compile(r'xmin\s*=\s*([\d.]+)\s+xmax\s*=\s*([\d.]+)\s+text\s*=\s*"(.*?)"\s*(?:\n|\Z)', re.DOTALL)
_NOT_SPOKEN = frozenset(("", "sil", "sp", "spn", "<unk>", "<eps>"))


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """`speaker` says `text` in [start_s, end_s) seconds on a channel (0, 1, ...)."""

    speaker: str
    text: str
    start_s: float
    end_s: float
    channel: int = 0


def read_textgrid(path: Path) -> list[tuple[str, float, float]]:
    """Words of the tier `words` with their start and end in seconds. Raises ValueError where there is no such tier."""
    tier = _TIER.search(path.read_text("utf-8") + "\n")
    if tier is None:
        raise ValueError(f'{path} is no TextGrid with a tier "words"')
    found = [(text.strip(), float(start), float(end)) for start, end, text in _INTERVAL.findall(tier[1])]
    return [(text, start, end) for text, start, end in found if text not in _NOT_SPOKEN]


def words_beside(audio: Path) -> list[tuple[str, float, float]] | None:
    """Words of an utterance from the TextGrid of the same name, None without one."""
    path = audio.with_suffix(".TextGrid")
    return read_textgrid(path) if path.is_file() else None


def write_seglst(path: Path, call: str, words: Iterable[SpokenWord]) -> None:
    """One recording as SegLST (the JSON of meeteval), one entry a word, so that every word has its time."""
    entries = [
        {
            "session_id": call,
            "speaker": word.speaker,
            "start_time": round(word.start_s, 3),
            "end_time": round(word.end_s, 3),
            "words": word.text,
        }
        for word in words
    ]
    path.write_text(json.dumps(entries, indent=0, ensure_ascii=False) + "\n", "utf-8")


def write_stm(path: Path, call: str, words: Sequence[SpokenWord]) -> None:
    """One recording as NIST's segment time marks, a line for what a speaker says without a pause."""
    lines: list[tuple[float, str]] = []
    for speaker in sorted({word.speaker for word in words}):
        for said in _without_pauses([word for word in words if word.speaker == speaker]):
            first, last = said[0], said[-1]
            text = " ".join(word.text for word in said)
            times = f"{first.start_s:.3f} {last.end_s:.3f}"
            lines.append((first.start_s, f"{call} {first.channel + 1} {speaker} {times} <NA> {text}\n"))
    path.write_text("".join(line for _, line in sorted(lines)), "utf-8")


def _without_pauses(words: Sequence[SpokenWord]) -> list[list[SpokenWord]]:
    groups: list[list[SpokenWord]] = []
    for word in words:
        if groups and word.start_s - groups[-1][-1].end_s < PAUSE_S:
            groups[-1].append(word)
        else:
            groups.append([word])
    return groups
