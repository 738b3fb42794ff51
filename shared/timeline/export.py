"""Files of a call, at any time while it runs: RTTM for scoring tools, a JSON document for programs."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from speakerline.shared.contract import v1
from speakerline.shared.contract.named_enum import NamedEnum
from speakerline.shared.timeline.spans import Span
from speakerline.shared.timeline.statistics import summarise
from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.transcripts import token

_SUMMARY = TypeAdapter(v1.CallSummary)
_CALL = TypeAdapter(v1.CallStarted)
_CORRECTION = TypeAdapter(v1.Correction)


def to_rttm(timeline: Timeline) -> str:
    """One turn per line, as `rttm_line` writes it.

    Turns of one speaker on one channel that overlap (after a merge) become one line, with the lower confidence."""
    return "".join(
        rttm_line(
            timeline.call_id, channel, (start_ms, end_ms), token(label), f"{confidence:.2f}" if confidence else ""
        )
        for start_ms, end_ms, channel, label, confidence in sorted(_joined(timeline))
    )


def rttm_line(call: str, channel: int, span: Span, speaker: str, confidence: str = "") -> str:
    """Ten fields, as NIST's RT-09 evaluation plan defines (appendix A); `channel` is 0, 1, ...

    SPEAKER <call> <channel, from 1> <start s> <duration s> <NA> <NA> <speaker> <confidence> <NA>"""
    start_ms, end_ms = span
    times = f"{start_ms / 1000:.3f} {(end_ms - start_ms) / 1000:.3f}"
    return f"SPEAKER {call} {channel + 1} {times} <NA> <NA> {speaker} {confidence or '<NA>'} <NA>\n"


def to_json(timeline: Timeline, duration_ms: int | None = None) -> str:
    """One document: the call, its speakers, what was said and found, and statistics, as they stand; snake_case, times
    in ms. Speech that has no turn yet is left out.

    `duration_ms` is the position up to which the statistics count; without it, what the timeline has reached."""
    duration_ms = timeline.duration_ms if duration_ms is None else duration_ms
    speakers = timeline.speakers.by_id.values()
    document: dict[str, Any] = {
        "call_id": timeline.call_id,
        "call": _CALL.dump_python(timeline.call, mode="json", exclude_defaults=True) if timeline.call else None,
        "seq": timeline.seq,
        "at_ms": timeline.at_ms,
        "finalized_through_ms": timeline.finalized_through_ms,
        "ended": timeline.ended,
        "speakers": [_fields(one, "speaker_id", "name", "channel", "merged_into", "role") for one in speakers],
        "turns": [_turn(timeline, one) for one in _ordered(timeline.turns, "turn_id")],
        "transcripts": [_transcript(timeline, one) for one in _ordered(timeline.transcripts, "transcript_id")],
        "overlaps": _spans(timeline.overlaps.values(), "channel", "voices"),
        "separations": [_separation(timeline, one) for one in _ordered(timeline.separations, "separation_id")],
        "gaps": _spans(timeline.gaps, "channel", "reason", "stage", "detail"),
        "degraded": _spans(timeline.degraded, "stage", "shed"),
        "silences": _spans(timeline.silences, "channel"),
        "clippings": _spans(timeline.clippings, "channel", "ratio"),
        "music": _spans(timeline.music, "channel"),
        "dtmf": [_fields(one, "pressed_ms", "channel", "digit") for one in timeline.dtmf],
        "absences": _spans(timeline.absences.values(), "channel", "over"),
        "idles": _spans(timeline.idles.values(), "over"),
        "format_doubts": _spans(timeline.format_doubts, "channel", "looks_like", "detail"),
        "channel_contents": _spans(timeline.channel_contents, "channel", "content", "copy_of", "detail"),
        "corrections": [_plain_correction(one) for one in timeline.corrections.values()],
        "statistics": _SUMMARY.dump_python(summarise(timeline, duration_ms), mode="json"),
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _plain_correction(one: v1.Correction) -> Any:
    return _CORRECTION.dump_python(one, mode="json", exclude_defaults=True)


def _fields(one: Any, *names: str) -> dict[str, Any]:
    return {name: _plain(getattr(one, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, NamedEnum):
        return value.name
    return round(value, 4) if isinstance(value, float) else value


def _ordered(items: Mapping[str, Any], key: str) -> list[Any]:
    return sorted(items.values(), key=lambda one: (one.start_ms, one.channel, getattr(one, key)))


def _spans(spans: Iterable[Any], *names: str) -> list[dict[str, Any]]:
    """Start, end and these fields of each, in order of the start and then of the first field."""
    ordered = sorted(spans, key=lambda one: (one.start_ms, getattr(one, names[0])))
    return [_fields(one, "start_ms", "end_ms", *names) for one in ordered]


def _joined(timeline: Timeline) -> list[tuple[int, int, int, str, float]]:
    joined: list[tuple[int, int, int, str, float]] = []
    latest: dict[tuple[str, int], int] = {}
    for turn in sorted(timeline.turns.values(), key=lambda turn: turn.start_ms):
        if turn.end_ms == turn.start_ms:
            continue
        key = (timeline.speakers.label(turn.speaker_id), turn.channel)
        index = latest.get(key)
        if index is not None and turn.start_ms < joined[index][1]:
            start, end, _, _, confidence = joined[index]
            joined[index] = (start, max(end, turn.end_ms), turn.channel, key[0], min(confidence, turn.confidence))
            continue
        latest[key] = len(joined)
        joined.append((turn.start_ms, turn.end_ms, turn.channel, key[0], turn.confidence))
    return joined


def _speaker(timeline: Timeline, speaker_id: str) -> dict[str, str]:
    speakers = timeline.speakers
    return {"speaker_id": speakers.resolve(speaker_id), "speaker": speakers.label(speaker_id)}


def _turn(timeline: Timeline, turn: v1.Turn) -> dict[str, Any]:
    return (
        _fields(turn, "turn_id")
        | _speaker(timeline, turn.speaker_id)
        | _fields(turn, "channel", "start_ms", "end_ms", "confidence")
        | {"settled": timeline.settled(turn)}
    )


def _transcript(timeline: Timeline, one: v1.Transcript) -> dict[str, Any]:
    """Superseded words are left out, as in all files."""
    fields = _fields(one, "transcript_id", "channel", "start_ms", "end_ms", "final", "language", "engine", "mixed")
    return fields | {"words": [_word(timeline, word) for word in one.words if not word.superseded]}


def _word(timeline: Timeline, word: v1.Word) -> dict[str, Any]:
    return (
        _fields(word, "text", "start_ms", "end_ms", "confidence")
        | _speaker(timeline, word.speaker_id)
        | _fields(word, "speaker_confidence", "source_id")
    )


def _separation(timeline: Timeline, one: v1.Separated) -> dict[str, Any]:
    fields = _fields(one, "separation_id", "channel", "start_ms", "end_ms", "voices", "outcome", "detail")
    return fields | {"sources": [_source(timeline, source) for source in one.sources]}


def _source(timeline: Timeline, source: v1.SpeakerSource) -> dict[str, Any]:
    return (
        _fields(source, "source_id")
        | _speaker(timeline, source.speaker_id)
        | _fields(source, "confidence", "start_ms", "end_ms")
        | {"improvement_db": round(source.improvement_db, 2)}
    )
