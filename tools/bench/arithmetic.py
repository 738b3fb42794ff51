"""From the times of sent frames and received events to the figures; pure.

sent     |--frame 0--|--frame 1--|--frame 2--|       wall second of each frame
event    at_ms ────────────────^                     needs frame 1: the first one that ends at or after at_ms
lag      wall second at which the subscriber has the event - wall second at which frame 1 was sent
"""

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from speakerline.shared.contract.v1 import SpeechState, TimelineEvent
from speakerline.shared.pipeline import LABEL_DELAY_MS


@dataclass(slots=True)
class CallTimings:
    """One call: when each frame was sent, and when each event reached the subscriber (monotonic seconds)."""

    frame_ms: int
    sent_s: list[float] = field(default_factory=list)
    events: list[tuple[float, TimelineEvent]] = field(default_factory=list)
    ended: bool = False

    def sent_at(self, position_ms: int) -> float | None:
        """When the sound up to this position was complete; None where it never was."""
        frame = max(0, -(-position_ms // self.frame_ms) - 1)
        return self.sent_s[frame] if frame < len(self.sent_s) else None


@dataclass(slots=True)
class Lags:
    """Seconds, of all calls together.

    speech_start: Speech that opened. turn: every Turn with a speaker; its sound ends LABEL_DELAY_MS before its `at_ms`,
    because that is how much later the merge places it. placed: the same from `at_ms` on. first_label: the first of each
    turn. to_label: from the start of a turn to its first label."""

    speech_start: list[float] = field(default_factory=list)
    first_label: list[float] = field(default_factory=list)
    turn: list[float] = field(default_factory=list)
    placed: list[float] = field(default_factory=list)
    to_label: list[float] = field(default_factory=list)

    def add(self, other: "Lags") -> None:
        for name in ("speech_start", "first_label", "turn", "placed", "to_label"):
            getattr(self, name).extend(getattr(other, name))


def lags(call: CallTimings, from_s: float, to_s: float) -> Lags:
    """Lags of the events whose sound was complete within [from_s, to_s).

    By when the sound was sent, not by when the event came: an event that is late would else fall out of the window."""
    found, labelled = Lags(), set[str]()
    for received_s, event in call.events:
        if event.speech is not None and event.speech.state == SpeechState.OPENED:
            _note(found.speech_start, received_s, call.sent_at(event.at_ms), from_s, to_s)
        turn = event.turn
        if turn is None or not turn.speaker_id:
            continue
        complete_s = call.sent_at(max(0, event.at_ms - LABEL_DELAY_MS))
        _note(found.turn, received_s, complete_s, from_s, to_s)
        _note(found.placed, received_s, call.sent_at(event.at_ms), from_s, to_s)
        if turn.turn_id not in labelled:
            labelled.add(turn.turn_id)
            _note(found.first_label, received_s, complete_s, from_s, to_s)
            _note(found.to_label, received_s, call.sent_at(turn.start_ms), from_s, to_s)
    return found


def left_out(call: CallTimings, from_s: float) -> int:
    """How many `Degraded` events concern sound that was complete at `from_s` or later."""
    ends_s = [call.sent_at(event.degraded.end_ms) for _, event in call.events if event.degraded is not None]
    return sum(end_s is None or end_s >= from_s for end_s in ends_s)


def _note(values: list[float], received_s: float, complete_s: float | None, from_s: float, to_s: float) -> None:
    if complete_s is not None and from_s <= complete_s < to_s:
        values.append(received_s - complete_s)


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that at least `percent` of the values don't exceed; nan without values."""
    ranked = sorted(values)
    if not ranked:
        return float("nan")
    return ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)]


def median(values: Sequence[float]) -> float:
    return percentile(values, 50)


async def greatest(
    holds: Callable[[int], Awaitable[bool]], first: int, precision: float, most: int = 4000, step: float = 2
) -> tuple[int, list[int]]:
    """The greatest number that holds, and those tried: from `first` on up, or down, to `step` times as many each time,
    then bisection to `precision` of it.

    0 where not even 1 holds. `holds` is taken to be true below some number and false above."""
    tried: list[int] = []

    async def check(number: int) -> bool:
        tried.append(number)
        return await holds(number)

    low, high, number = 0, 0, max(1, first)
    while number and number <= most and not (low and high):
        if await check(number):
            low, number = number, max(number + 1, round(number * step))
        else:
            high, number = number, min(number - 1, round(number / step))
    while high - low > max(1, low * precision):
        number = (low + high) // 2
        if await check(number):
            low = number
        else:
            high = number
    return low, tried
