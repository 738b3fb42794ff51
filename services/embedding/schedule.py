"""When a channel's next window is due; pure.

    speech ......|#######|...........|####.....      (VAD)
    grid   |-----|-----|-----|-----|-----|-----|     every step_ms
    due          1     2     3           4           a grid point with new speech since the last window

Grid points are absolute (multiples of step_ms), so the windows of a call do not depend on how its audio was cut into
frames.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Schedule:
    """The due windows of one channel.

    step_ms: the grid, 1000 by default. `add_speech` takes the VAD's segments in the order of time; `due`
    returns each window once. Speech is a half-open span [start_ms, end_ms) of the channel.
    """

    step_ms: int = 1000
    last_end_ms: int = 0
    speech: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.step_ms <= 0:
            raise ValueError(f"step_ms must be positive, got {self.step_ms}")

    def add_speech(self, start_ms: int, end_ms: int) -> None:
        """The VAD found speech in [start_ms, end_ms); a growing segment may be passed repeatedly."""
        if end_ms < start_ms:
            raise ValueError(f"speech cannot end before it starts: [{start_ms}, {end_ms})")
        start_ms = max(start_ms, self.last_end_ms)
        if end_ms <= start_ms:
            return
        if self.speech and start_ms <= self.speech[-1][1]:
            first, last = self.speech[-1]
            self.speech[-1] = (min(first, start_ms), max(last, end_ms))
        else:
            self.speech.append((start_ms, end_ms))

    def due(self, decided_through_ms: int, closed: bool = False) -> list[int]:
        """End times (ms) of the windows that are due when the VAD has decided everything before `decided_through_ms`.

        With `closed` the call has ended there, and speech behind the last grid point gets a window that ends with the
        call.
        """
        ends: list[int] = []
        while self.speech:
            start = self.speech[0][0]
            point = (start // self.step_ms + 1) * self.step_ms
            if point > decided_through_ms:
                if closed and decided_through_ms > start:
                    ends.append(decided_through_ms)
                    self._passed(decided_through_ms)
                break
            ends.append(point)
            self._passed(point)
        return ends

    def quiet_until_ms(self, decided_through_ms: int) -> int:
        """No window will end before this time: the first grid point after what the VAD has decided, all of which `due`
        has passed."""
        return (decided_through_ms // self.step_ms + 1) * self.step_ms

    def _passed(self, point: int) -> None:
        self.last_end_ms = point
        self.speech = [(max(a, point), b) for a, b in self.speech if b > point]
