"""Which channels of a call are waited for: one that brings no sound while others do holds nobody up; pure.

    channel 0   ####################~~~~~~~~~~   brings sound
    channel 1   #########                        absent once channel 0 has brought `patience` of sound beyond it
    reached_ms           |-------------->        the position that all who are waited for have passed

What counts is sound that came, not time: a pause of the whole call, an outage or a slow machine makes nobody absent. A
channel that comes back is waited for again, late or not. What it brings late, for a time that the call has passed, is
heard as any other sound; only its events have to be placed behind `reached_ms`, where no event may come any more.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from speakerline.services.vad.detector import CHUNK_MS


@dataclass(slots=True)
class Line:
    """One channel, positions in samples. `brought`: sound that came; `seen`: what each channel had brought when this
    one last did."""

    number: int
    position: int = 0
    brought: int = 0
    seen: list[int] = field(default_factory=list)
    absent: bool = False
    closed: bool = False


class Awaiting:
    """The channels of one call. `patience`: samples of another channel's sound for which one is waited for; `chunk`:
    samples of the chunks in which positions are passed."""

    def __init__(self, channels: int, patience: int, chunk: int) -> None:
        self.lines = [Line(number, seen=[0] * channels) for number in range(channels)]
        self.reached_ms = 0
        """No event may lie at or before this position any more."""
        self._patience, self._chunk = patience, chunk

    def bring(self, number: int, start: int, position: int) -> list[int]:
        """A channel brought the sound from `start` to `position`. Gives the channels that are absent from now on."""
        line = self.lines[number]
        line.absent = False
        gone = [one for one in self._open() if one is not line and self._outrun(one, line, start)]
        line.position = max(line.position, position)
        line.brought += max(0, position - start)
        line.seen = [one.brought for one in self.lines]
        if self._passed_ms(one for one in self._awaited() if one not in gone) <= self.reached_ms:
            gone = []  # somebody else is waited for
        for one in gone:
            one.absent = True
        self._reach()
        return [one.number for one in gone]

    def give_up(self, number: int, position: int) -> None:
        """What lies before `position` on this channel does not come any more."""
        self.lines[number].position = max(self.lines[number].position, position)
        self._reach()

    def close(self, number: int) -> None:
        """Nothing follows on this channel."""
        self.lines[number].closed = True
        self._reach()

    def pause(self) -> list[int]:
        """Nobody brings sound: what came is passed. Gives the channels that are absent from now on."""
        gone = [one for one in self._open() if not one.absent]
        for one in gone:
            one.absent = True
        if self._open():
            last_ms = max(one.position // self._chunk for one in self._open()) * CHUNK_MS
            self.reached_ms = max(self.reached_ms, last_ms) + 1
        return [one.number for one in gone]

    def _outrun(self, one: Line, leader: Line, start: int) -> bool:
        beyond = leader.brought - one.seen[leader.number]
        return not one.absent and beyond > self._patience and start - one.position > self._patience

    def _open(self) -> list[Line]:
        return [one for one in self.lines if not one.closed]

    def _awaited(self) -> list[Line]:
        """Without anybody else, those who are absent are waited for, too."""
        return [one for one in self._open() if not one.absent] or self._open()

    def _passed_ms(self, lines: Iterable[Line]) -> int:
        return min((one.position // self._chunk for one in lines), default=0) * CHUNK_MS

    def _reach(self) -> None:
        self.reached_ms = max(self.reached_ms, self._passed_ms(self._awaited()))
