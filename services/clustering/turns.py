"""Keeps turn ids stable while the rendered timeline changes; pure.

    rendered:   |--S1--|   |----S2----|            what the labels say now
    book:       T1 S1      T2 S2   T3 S1           what was published
    changes:               T2 longer, T3 withdrawn

A rendered span keeps the id of the published turn of the same speaker that begins where it does, or else shares most
time with it, else of any turn it mostly covers; otherwise it is a new turn. So where a turn is parted, the later part
is the new one. Ids are never used again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from speakerline.shared.blocks import Blocks
from speakerline.shared.contract.v1 import Turn, TurnWithdrawn

BLOCK = 32
CONFIDENCE_STEP = 0.15
SAME_START_MS = 100
"""So far the beginning of a turn moves as windows come; two turns of a speaker that begin so near are one."""
_TURNS = TypeAdapter(list[Turn])


@dataclass(frozen=True, slots=True)
class LabelledSpan:
    """A span in which a speaker talks, as rendered."""

    speaker_id: str
    start_ms: int
    end_ms: int
    confidence: float


class TurnBook:
    """The published turns of one channel that may still change."""

    def __init__(self, channel: int) -> None:
        self.channel = channel
        self.turns: dict[int, Turn] = {}  # ascending, as numbers only grow
        self._blocks = Blocks("turns", BLOCK, _TURNS)

    def update(self, spans: list[LabelledSpan], settled_ms: int, next_turn: int) -> list[Turn | TurnWithdrawn]:
        """The events after which subscribers see `spans`; new turns are numbered from next_turn on.

        Turns that end by settled_ms are no longer provisional.
        """
        unmatched = dict(self.turns)
        pairs = self._same(spans, unmatched)
        changes: list[Turn | TurnWithdrawn] = []
        for span, number in pairs:
            provisional = span.end_ms > settled_ms
            if number is None:
                number, next_turn = next_turn, next_turn + 1
                revision = 1
            else:
                old = self.turns[number]
                if not _differs(old, span, provisional):
                    continue
                revision = old.revision + 1
            turn = Turn(
                f"T{number}",
                revision,
                span.speaker_id,
                self.channel,
                span.start_ms,
                span.end_ms,
                round(span.confidence, 2),
                provisional,
            )
            self.turns[number] = turn
            self._blocks.touch(number)
            changes.append(turn)
        for number in unmatched:
            self._blocks.touch(number)
            changes.append(TurnWithdrawn(f"T{number}", self.turns.pop(number).revision + 1))
        return changes

    def forget(self, before_ms: int) -> list[Turn]:
        """Drop the turns that end at or before this time; those not yet settled are returned as settled."""
        gone = {number: turn for number, turn in self.turns.items() if turn.end_ms <= before_ms}
        for number in gone:
            del self.turns[number]
            self._blocks.touch(number)
        return [replace(t, revision=t.revision + 1, provisional=False) for t in gone.values() if t.provisional]

    def dump(self) -> dict[str, bytes]:
        """The stored form."""
        return self._blocks.write(self.turns, self.turns.__getitem__)

    def load(self, parts: Mapping[str, bytes]) -> None:
        """Become the book whose `dump()` these parts hold."""
        turns = [turn for _, turn in self._blocks.read(parts)]
        self.turns = {int(turn.turn_id[1:]): turn for turn in turns}

    def _same(self, spans: list[LabelledSpan], unmatched: dict[int, Turn]) -> list[tuple[LabelledSpan, int | None]]:
        """Each span with the number of its published turn, which is taken out of `unmatched`."""
        exact = {(t.speaker_id, t.start_ms): n for n, t in unmatched.items()}
        found: dict[int, int] = {}
        for at, span in enumerate(spans):
            number = exact.get((span.speaker_id, span.start_ms))
            if number in unmatched:
                del unmatched[number]
                found[at] = number
        for same_speaker in (True, False):
            rest = [at for at in range(len(spans)) if at not in found]
            for *_, at, number in sorted(_candidates(spans, rest, unmatched, same_speaker)):
                if at not in found and number in unmatched:
                    del unmatched[number]
                    found[at] = number
        return [(span, found.get(at)) for at, span in enumerate(spans)]


def _candidates(
    spans: list[LabelledSpan], rest: Iterable[int], turns: dict[int, Turn], same_speaker: bool
) -> list[tuple[bool, int, int, int]]:
    """(whether they begin apart, for one speaker; minus shared ms, span, turn number) of the pairs that may be one
    turn."""
    found = []
    for at in rest:
        span = spans[at]
        for number, turn in turns.items():
            shared = min(span.end_ms, turn.end_ms) - max(span.start_ms, turn.start_ms)
            shorter = min(span.end_ms - span.start_ms, turn.end_ms - turn.start_ms)
            if shared > 0 and (span.speaker_id == turn.speaker_id if same_speaker else 2 * shared >= shorter):
                apart = same_speaker and abs(span.start_ms - turn.start_ms) > SAME_START_MS
                found.append((apart, -shared, at, number))
    return found


def _differs(turn: Turn, span: LabelledSpan, provisional: bool) -> bool:
    return (turn.speaker_id, turn.start_ms, turn.end_ms, turn.provisional) != (
        span.speaker_id,
        span.start_ms,
        span.end_ms,
        provisional,
    ) or abs(turn.confidence - span.confidence) >= CONFIDENCE_STEP
