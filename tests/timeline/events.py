"""Timelines for tests: a numbering of bodies into events, and the sample call of pyannote.audio as turns."""

from collections.abc import Iterable
from typing import Any

from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import timeline_event
from speakerline.shared.timeline.timeline import Timeline

SAMPLE = (
    # Who speaks when in pyannote/audio/sample/sample.rttm, in ms.
    ("S1", 6690, 7120), ("S2", 7550, 8350), ("S1", 8320, 10020), ("S2", 9920, 11030), ("S1", 10570, 14700),
    ("S2", 14490, 17920), ("S1", 18050, 21490), ("S2", 18150, 18590), ("S2", 21780, 28500), ("S1", 27850, 30000),
)  # fmt: skip


def numbered(bodies: Iterable[tuple[int, Any]], call_id: str = "c1") -> list[v1.TimelineEvent]:
    """(at_ms, body) pairs as events with seq 1, 2, ..."""
    return [timeline_event(call_id, seq, at_ms, body) for seq, (at_ms, body) in enumerate(bodies, 1)]


def folded(bodies: Iterable[tuple[int, Any]], call_id: str = "c1") -> Timeline:
    timeline = Timeline(call_id)
    for event in numbered(bodies, call_id):
        timeline.apply(event)
    return timeline


def turn(turn_id: str, speaker_id: str, start_ms: int, end_ms: int, **more: Any) -> v1.Turn:
    more = {"revision": 1, "confidence": 0.9, **more}
    return v1.Turn(turn_id=turn_id, speaker_id=speaker_id, start_ms=start_ms, end_ms=end_ms, **more)


def talk(*spans: tuple[str, int, int]) -> list[tuple[int, Any]]:
    """Turns of (speaker, start, end), each told when it ends, in the order of their ends."""
    told = enumerate(sorted(spans, key=lambda span: span[2]), 1)
    return [(end, turn(f"t{number}", speaker, start, end)) for number, (speaker, start, end) in told]


def sample_timeline() -> Timeline:
    """The sample call, each turn told when it ends."""
    people = [(0, v1.SpeakerCreated(speaker_id=one)) for one in ("S1", "S2")]
    return folded([(0, v1.CallStarted(call_id="c1", sample_rate=16000)), *people, *talk(*SAMPLE)])
