"""What is drawn of a timeline, in a picture or a terminal: one lane per speaker, and one for unattributed speech."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from speakerline.shared.timeline.spans import Span, subtract
from speakerline.shared.timeline.speakers import UNKNOWN
from speakerline.shared.timeline.timeline import Timeline

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D31", "#5E4FA2")
"""Colours that people with any common colour blindness can distinguish: Okabe and Ito, "Color Universal Design" (2008),
without yellow, which vanishes on white, and with two more of similar contrast."""


@dataclass(frozen=True, slots=True)
class LaneSpan:
    start_ms: int
    end_ms: int
    confidence: float
    settled: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """One speaker; an empty `speaker_id` is the lane of unattributed speech."""

    speaker_id: str
    label: str
    colour: str
    spans: list[LaneSpan] = field(default_factory=list)


def lanes(timeline: Timeline, now_ms: int) -> list[Lane]:
    """Speakers that have a turn, in the order in which they were created; then `unknown`, where there is such speech.

    Speech without a turn is unknown; an open segment reaches to `now_ms`. Finalized speech gets no turn any more, so
    it is not shown."""
    made = {
        state.speaker_id: _lane(timeline, state.speaker_id, n) for n, state in enumerate(timeline.speakers.people())
    }
    unknown = Lane("", UNKNOWN, "#7F7F7F")
    for turn in timeline.turns.values():
        speaker_id = timeline.speakers.resolve(turn.speaker_id)
        if speaker_id and speaker_id not in made:
            made[speaker_id] = _lane(timeline, speaker_id, len(made))
        lane = made[speaker_id] if speaker_id else unknown
        span = LaneSpan(turn.start_ms, turn.end_ms, turn.confidence, timeline.settled(turn))
        lane.spans.append(span)
    unknown.spans.extend(LaneSpan(start, end, 0.0, False) for start, end in _unlabelled(timeline, now_ms))
    return [lane for lane in (*made.values(), unknown) if lane.spans]


def overlaps(timeline: Timeline) -> list[Span]:
    return [(overlap.start_ms, overlap.end_ms) for overlap in timeline.overlaps.values()]


def gaps(timeline: Timeline) -> list[Span]:
    return [(gap.start_ms, gap.end_ms) for gap in timeline.gaps]


def music(timeline: Timeline) -> list[Span]:
    return [(one.start_ms, one.end_ms) for one in timeline.music]


def clock(at_ms: float) -> str:
    """`m:ss`, or `h:mm:ss` from an hour on."""
    seconds = int(at_ms // 1000)
    minutes, hours = seconds // 60 % 60, seconds // 3600
    return f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"


def amount(ms: float) -> str:
    """How long: `24.3 s` below a minute, else `m:ss`."""
    return f"{ms / 1000:.1f} s" if ms < 59_950 else clock(ms + 500)


def _lane(timeline: Timeline, speaker_id: str, number: int) -> Lane:
    return Lane(speaker_id, timeline.speakers.label(speaker_id), PALETTE[number % len(PALETTE)])


def _unlabelled(timeline: Timeline, now_ms: int) -> list[Span]:
    speech: Sequence[Span] = [
        *((one.start_ms, one.end_ms) for one in timeline.recent_speech),
        *((one.start_ms, max(one.end_ms, now_ms)) for one in timeline.open_speech.values()),
    ]
    recent = min((start for start, _ in speech), default=0)
    turns = ((turn.start_ms, turn.end_ms) for turn in timeline.turns.values() if turn.end_ms > recent)
    return subtract(speech, [*turns, (0, timeline.finalized_through_ms)])
