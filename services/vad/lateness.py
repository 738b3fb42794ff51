"""Where a channel may still tell what it decides behind the position that its call has reached; pure.

the call    ──────────────────────| reached_ms
the channel ──────|~~~~~~~~|               what lies in ~ was brought late: it is told just behind reached_ms
"""

from dataclasses import dataclass, replace

from speakerline.shared.runtime.stage import Event


@dataclass(frozen=True, slots=True)
class Late:
    """What is decided about the chunks behind `from_ms` up to `through_ms` is told behind `reached_ms`."""

    from_ms: int
    through_ms: int
    reached_ms: int


class Lateness:
    """What came late since the channel decided everything it had."""

    def __init__(self) -> None:
        self._late: list[Late] = []

    def note(self, from_ms: int, through_ms: int, reached_ms: int) -> None:
        """Sound up to `through_ms` came where only that up to `from_ms` was there, and the call is at `reached_ms`."""
        if from_ms < reached_ms and from_ms < through_ms:
            self._late.append(Late(from_ms, through_ms, reached_ms))

    def placed(self, events: list[Event]) -> list[Event]:
        """The events where they may still be told."""
        return [replace(event, position=self._place_of(event.position)) for event in events] if self._late else events

    def clear(self) -> None:
        """Everything was decided."""
        self._late = []

    def _place_of(self, at_ms: int) -> int:
        for late in self._late:
            if late.from_ms < at_ms <= late.through_ms and at_ms <= late.reached_ms:
                return late.reached_ms + 1
        return at_ms
