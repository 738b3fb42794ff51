"""Files of a call, at any time while it runs: RTTM for scoring tools, a JSON document for programs."""

import json
import re
from typing import Any

from pydantic import TypeAdapter

from shared.contract import v1
from shared.timeline.statistics import summarise
from shared.timeline.timeline import Timeline

_SUMMARY = TypeAdapter(v1.CallSummary)
_CALL = TypeAdapter(v1.CallStarted)


def to_rttm(timeline: Timeline) -> str:
    """Ten fields a line, as NIST's RT-09 evaluation plan defines (appendix A):

        SPEAKER <call> <channel, from 1> <start s> <duration s> <NA> <NA> <speaker> <confidence> <NA>

    Turns of one speaker on one channel that overlap (after a merge) become one line, with the lower confidence."""
    lines = []
    for start_ms, end_ms, channel, label, confidence in sorted(_joined(timeline)):
        times = f"{start_ms / 1000:.3f} {(end_ms - start_ms) / 1000:.3f}"
        sure = f"{confidence:.2f}" if confidence else "<NA>"
        lines.append(f"SPEAKER {timeline.call_id} {channel + 1} {times} <NA> <NA> {_token(label)} {sure} <NA>\n")
    return "".join(lines)


def to_json(timeline: Timeline, duration_ms: int | None = None) -> str:
    """One document: call, speakers, turns, overlaps, gaps and talk statistics, as they stand; snake_case, times in ms.

    `duration_ms` is the position up to which the statistics count; without it, what the timeline has reached."""
    duration_ms = timeline.duration_ms if duration_ms is None else duration_ms
    document: dict[str, Any] = {
        "call_id": timeline.call_id,
        "call": _CALL.dump_python(timeline.call, mode="json", exclude_defaults=True) if timeline.call else None,
        "seq": timeline.seq,
        "at_ms": timeline.at_ms,
        "finalized_through_ms": timeline.finalized_through_ms,
        "ended": timeline.ended,
        "speakers": _speakers(timeline),
        "turns": _turns(timeline),
        "overlaps": [
            {"start_ms": one.start_ms, "end_ms": one.end_ms, "channel": one.channel, "voices": one.voices}
            for one in sorted(timeline.overlaps.values(), key=lambda one: (one.start_ms, one.channel))
        ],
        "gaps": [
            {
                "start_ms": gap.start_ms,
                "end_ms": gap.end_ms,
                "channel": gap.channel,
                "reason": gap.reason.name,
                "stage": gap.stage,
                "detail": gap.detail,
            }
            for gap in sorted(timeline.gaps, key=lambda gap: (gap.start_ms, gap.channel))
        ],
        "statistics": _SUMMARY.dump_python(summarise(timeline, duration_ms), mode="json"),
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


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


def _token(label: str) -> str:
    """RTTM fields are separated by blanks, so a label holds none."""
    return re.sub(r"\s+", "_", label.strip())


def _speakers(timeline: Timeline) -> list[dict[str, Any]]:
    return [
        {"speaker_id": one.speaker_id, "name": one.name, "channel": one.channel, "merged_into": one.merged_into}
        for one in timeline.speakers.by_id.values()
    ]


def _turns(timeline: Timeline) -> list[dict[str, Any]]:
    return [
        {
            "turn_id": turn.turn_id,
            "speaker_id": timeline.speakers.resolve(turn.speaker_id),
            "speaker": timeline.speakers.label(turn.speaker_id),
            "channel": turn.channel,
            "start_ms": turn.start_ms,
            "end_ms": turn.end_ms,
            "confidence": round(turn.confidence, 4),
            "settled": timeline.settled(turn),
        }
        for turn in sorted(timeline.turns.values(), key=lambda turn: (turn.start_ms, turn.channel, turn.turn_id))
    ]
