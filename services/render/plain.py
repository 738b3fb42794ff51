"""The same call as plain lines, for logs and pipes: one line a settled turn or an event that people care about."""

from collections.abc import Iterator
from typing import Any

import betterproto2

from services.render.lanes import amount, clock
from shared.contract import v1
from shared.timeline.timeline import Timeline


class PlainLog:
    """Remembers what it has told: a turn is told when it is settled, and again where it changes after all."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, int, int]] = {}

    def lines(self, event: v1.TimelineEvent, timeline: Timeline) -> list[str]:
        """Lines that the event is worth; `timeline` has already taken it."""
        body = betterproto2.which_one_of(event, "kind")[1]
        found = list(self._settled(body, timeline))
        if note := _note(body, timeline):
            found.append(f"{clock(event.at_ms):>7}           {note}")
        return found

    def _settled(self, body: Any, timeline: Timeline) -> Iterator[str]:
        match body:
            case v1.Turn():
                turns = [timeline.turns[body.turn_id]]
            case v1.Finalized() | v1.CallEnded():
                turns = sorted(timeline.turns.values(), key=lambda turn: turn.start_ms)
            case _:
                turns = []
        for turn in turns:
            if timeline.settled(turn) or timeline.ended:
                yield from self._tell(turn, timeline)

    def _tell(self, turn: v1.Turn, timeline: Timeline) -> Iterator[str]:
        label = timeline.speakers.label(turn.speaker_id)
        now, before = (label, turn.start_ms, turn.end_ms), self._told.get(turn.turn_id)
        self._told[turn.turn_id] = now
        if now != before:
            revised = "  (revised)" if before else ""
            yield f"{_precise(turn.start_ms):>9} {_precise(turn.end_ms):>9}  {label}{revised}"


def _note(body: Any, timeline: Timeline) -> str:
    label = timeline.speakers.label
    match body:
        case v1.CallStarted():
            return f"call {body.call_id} started"
        case v1.SpeakerMerged():
            return f"{body.speaker_id} is {label(body.into_speaker_id)}"
        case v1.SpeakerNamed() if body.name:
            return f"{body.speaker_id} is {body.name} ({100 * body.confidence:.0f} %)"
        case v1.Gap():
            return f"lost {_precise(body.start_ms)} to {_precise(body.end_ms)}: {_reason(body)}"
        case v1.Degraded():
            return f"{body.stage} left out {body.shed} from {_precise(body.start_ms)} to {_precise(body.end_ms)}"
        case v1.CallEnded():
            return f"call ended after {clock(body.end_ms)}{_talk(timeline)}"
    return ""


def _reason(gap: v1.Gap) -> str:
    return " ".join(filter(None, [str(gap.reason.name).lower(), gap.detail]))


def _talk(timeline: Timeline) -> str:
    speakers = timeline.summary.speakers if timeline.summary else []
    told = ", ".join(f"{timeline.speakers.label(one.speaker_id)} {amount(one.talk_ms)}" for one in speakers)
    return f"; talk time: {told}" if told else ""


def _precise(ms: int) -> str:
    return f"{clock(ms)}.{ms % 1000 // 100}"
