"""Reads transcripts, of people as reference or of systems: STM, CTM, SegLST, and the JSON document of a call."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from speakerline.shared.contract import v1
from speakerline.shared.timeline.words import RADIUS_MS, Scene, attribute
from speakerline.tools.score.files import InvalidFile, Labels, ms_of, rows_of, text_of

_IGNORED = "ignore_time_segment_in_scoring"
_SENTENCE_PAUSE_MS = 1000


@dataclass(frozen=True, slots=True)
class Said:
    """Consecutive words of one speaker, or one word."""

    speaker: str
    start_ms: int
    end_ms: int
    text: str

    @property
    def middle_ms(self) -> float:
        return (self.start_ms + self.end_ms) / 2


@dataclass(frozen=True, slots=True)
class Words:
    """A transcript of one call, in the order of its times."""

    said: tuple[Said, ...]
    ignored: tuple[tuple[int, int], ...] = ()
    """Regions that an STM marks as not to be scored."""


def read_transcripts(path: Path) -> dict[str, Words]:
    """By call; the name determines the format: .stm, .ctm or .json (SegLST, or STEM.json). Raises InvalidFile."""
    readers = {".stm": read_stm, ".ctm": read_ctm, ".json": read_json}
    if path.suffix not in readers:
        raise InvalidFile(f"{path.name}: expected a transcript that ends in {', '.join(readers)}")
    return readers[path.suffix](path)


def read_stm(path: Path) -> dict[str, Words]:
    """NIST segment time marks: file, channel, speaker, start, end, maybe `<label>`, words. Raises InvalidFile."""
    found: dict[str, list[Said]] = defaultdict(list)
    for number, fields in rows_of(path):
        if len(fields) < 5:
            raise InvalidFile(f"{path.name} line {number}: {len(fields)} fields, expected 5 or more")
        start_ms, end_ms = (ms_of(path, number, value) for value in fields[3:5])
        text = fields[6:] if len(fields) > 5 and fields[5].startswith("<") and fields[5].endswith(">") else fields[5:]
        found[fields[0]].append(Said(fields[2], start_ms, end_ms, " ".join(text)))
    return {file: _without_ignored(said) for file, said in found.items()}


def read_ctm(path: Path) -> dict[str, Words]:
    """NIST words: file, channel, start, duration, word, maybe confidence, kind and speaker. Raises InvalidFile."""
    found: dict[str, list[Said]] = defaultdict(list)
    for number, fields in rows_of(path):
        if len(fields) < 5:
            raise InvalidFile(f"{path.name} line {number}: {len(fields)} fields, expected 5 to 8")
        start_ms, duration_ms = (ms_of(path, number, value) for value in fields[2:4])
        if len(fields) < 7 or fields[6] == "lex":
            speaker = fields[7] if len(fields) > 7 else ""
            found[fields[0]].append(Said(speaker, start_ms, start_ms + duration_ms, fields[4]))
    return {file: _ordered(said) for file, said in found.items()}


def read_json(path: Path) -> dict[str, Words]:
    """A SegLST list, or the document that `speakerline process` writes. Raises InvalidFile."""
    try:
        document = json.loads(text_of(path))
        if isinstance(document, dict):
            return {document["call_id"]: _ordered(_of_document(document))}
        found: dict[str, list[Said]] = defaultdict(list)
        for one in document:
            start_ms, end_ms = (round(float(one[side]) * 1000) for side in ("start_time", "end_time"))
            found[str(one["session_id"])].append(Said(str(one["speaker"]), start_ms, end_ms, str(one["words"])))
    except (ValueError, KeyError, TypeError) as error:
        kind = f"{type(error).__name__}: {error}"
        raise InvalidFile(f"{path.name}: expected SegLST, or the JSON document of a call ({kind})") from error
    return {session: _ordered(said) for session, said in found.items()}


def with_speakers(words: Words, turns: Labels) -> Words:
    """Words of a CTM without speakers, given to those of an RTTM as the timeline gives them."""
    known = [
        v1.Turn(speaker_id=speaker, start_ms=start, end_ms=end, confidence=1.0)
        for speaker, spans in turns.items()
        for start, end in spans
    ]
    made: list[Said] = []
    for sentence in _sentences(words.said):
        first_ms, last_ms = sentence[0].start_ms - RADIUS_MS, sentence[-1].end_ms + RADIUS_MS
        near = [turn for turn in known if turn.end_ms > first_ms and turn.start_ms < last_ms]
        spoken = [v1.Word(one.text, one.start_ms, one.end_ms, 1.0) for one in sentence]
        found = attribute(spoken, Scene(near))
        pairs = zip(sentence, found, strict=True)
        made += [Said(who.speaker_id, one.start_ms, one.end_ms, one.text) for one, who in pairs]
    return Words(tuple(made), words.ignored)


def _sentences(said: tuple[Said, ...]) -> list[list[Said]]:
    sentences = [list(said[:1])] if said else []
    for before, one in pairwise(said):
        if one.start_ms - before.end_ms > _SENTENCE_PAUSE_MS:
            sentences.append([])
        sentences[-1].append(one)
    return sentences


def _of_document(document: Mapping[str, Any]) -> list[Said]:
    return [
        Said(str(word["speaker"]), int(word["start_ms"]), int(word["end_ms"]), str(word["text"]))
        for transcript in document["transcripts"]
        for word in transcript["words"]
    ]


def _without_ignored(said: list[Said]) -> Words:
    ignored = [one for one in said if one.text.lower() == _IGNORED]
    kept = _ordered([one for one in said if one not in ignored and one.speaker != "inter_segment_gap"])
    return Words(kept.said, tuple((one.start_ms, one.end_ms) for one in ignored))


def _ordered(said: list[Said]) -> Words:
    return Words(tuple(sorted(said, key=lambda one: (one.start_ms, one.end_ms))))
