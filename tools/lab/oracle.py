"""An operator who knows the truth: watches a timeline grow, and corrects the first wrong turn that it shows; pure."""

from collections.abc import Sequence

from speakerline.shared.contract.v1 import Correction, MergeSpeakers, ReassignTurn, TimelineEvent, Turn
from speakerline.shared.timeline.spans import clip, length
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.score.files import Labels
from speakerline.tools.score.metrics import Reference
from speakerline.tools.score.score import labels_of

SEEN_MS = 2000
"""How long after its end a turn is judged: by then it mostly stands as it will."""
LOOK_EVERY_MS = 1000
SHORTEST_MS = 1000
SURE = 0.7
"""A turn is somebody's who speaks for so much of it."""


def first_correction(
    truth: Labels, events: Sequence[TimelineEvent], after_ms: int = 0
) -> tuple[int, Correction] | None:
    """The first correction of a call that is seen after `after_ms`, and the position at which it is made."""
    timeline, look_ms = Timeline(events[0].call_id), after_ms + LOOK_EVERY_MS
    for event in events:
        if event.at_ms >= look_ms:
            look_ms = event.at_ms + LOOK_EVERY_MS
            if said := correction(truth, timeline, event.at_ms):
                return event.at_ms, said
        timeline.apply(event)
    return None


def correction(truth: Labels, timeline: Timeline, now_ms: int) -> Correction | None:
    """What is to be said of the timeline as it stands: of the first turn that has a wrong speaker, or another name for
    one who has one."""
    labels = labels_of(timeline)
    mapping = Reference(truth, [(0, now_ms)]).mapping(labels)
    home = {who: label for label, who in mapping.items()}
    turns = (turn for turn in timeline.turns.values() if turn.end_ms <= now_ms - SEEN_MS)
    for turn in sorted(turns, key=lambda one: one.start_ms):
        label, who = timeline.speakers.resolve(turn.speaker_id), _whose(truth, turn)
        if not who or not label or mapping.get(label) == who:
            continue
        name = f"oracle-{now_ms}"
        if who in home and label not in mapping and _share(labels, label, truth, who) >= SURE:
            return Correction(name, merge_speakers=MergeSpeakers(label, home[who]))
        span = (turn.channel, turn.start_ms, turn.end_ms)
        moved = ReassignTurn(turn.turn_id, home.get(who, ""), label, turn.revision, *span)
        return Correction(name, reassign_turn=moved)
    return None


def _whose(truth: Labels, turn: Turn) -> str:
    """Who really speaks in a turn; empty where that is short or not clear."""
    whole = turn.end_ms - turn.start_ms
    if whole < SHORTEST_MS:
        return ""
    spoken = {who: length(clip(spans, turn.start_ms, turn.end_ms)) for who, spans in truth.items()}
    best = max(spoken, key=lambda who: spoken[who])
    others = sum(spoken.values()) - spoken[best]
    return best if spoken[best] >= SURE * whole and spoken[best] >= SURE * (spoken[best] + others) else ""


def _share(labels: Labels, label: str, truth: Labels, who: str) -> float:
    """The share of a label's time in which somebody really speaks."""
    both = sum(length(clip(truth[who], *span)) for span in labels[label])
    return both / max(1, length(labels[label]))
