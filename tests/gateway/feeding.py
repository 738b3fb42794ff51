"""Helpers: recorded sessions of producers, and what a dialect and an intake make of messages."""

import json
from collections.abc import Iterable, Sequence

from speakerline.services.gateway.dialects.base import Dialect, Key, Opened, Signal, Sound
from speakerline.services.gateway.intake.intake import Frame, Intake, Press
from speakerline.shared.audio.pcm import bytes_per_sample
from tests.recordings import fixtures

Arrival = tuple[float, str | bytes]
"""A message, and the second at which it came."""


def fixture(name: str) -> bytes:
    """A recorded session; the test is skipped where the recordings are not beside the checkout."""
    return (fixtures("telephony") / name).read_bytes()


def audiosocket_session(name: str) -> list[Arrival]:
    """The reads of a recorded connection."""
    sound = fixture(f"{name}.bin")
    reads = [json.loads(line) for line in fixture(f"{name}.arrivals.jsonl").splitlines()]
    return [(read["t"], sound[read["offset"] : read["offset"] + read["len"]]) for read in reads]


def twilio_session() -> list[Arrival]:
    """The messages of a recorded stream, 20 ms of one track or the other each 10 ms."""
    return [(0.01 * n, line.decode()) for n, line in enumerate(fixture("twilio_fork_both_tracks.jsonl").splitlines())]


def signals(dialect: Dialect, messages: Iterable[str | bytes]) -> list[Signal]:
    return [signal for message in messages for signal in dialect.receive(message)]


class Taken:
    """What comes of a session: frames and keys in order, and the sound of each channel with its holes."""

    def __init__(self, dialect: Dialect, arrivals: Sequence[Arrival]) -> None:
        self._openings: list[Opened] = []
        self.frames: list[Frame] = []
        self.presses: list[Press] = []
        for now, message in arrivals:
            for signal in dialect.receive(message):
                self._take(signal, now)
        self.intake.end()
        self.frames += self.intake.frames()

    @property
    def opened(self) -> Opened:
        (opened,) = self._openings
        return opened

    def _take(self, signal: Signal, now: float) -> None:
        if isinstance(signal, Opened):
            self._openings.append(signal)
            self.intake = Intake(signal)
        elif isinstance(signal, Sound):
            self.intake.sound(signal, now)
            self.frames += self.intake.frames()
        elif isinstance(signal, Key):
            self.presses.append(self.intake.key(signal))

    def laid_out(self, channel: int = 0) -> dict[int, bytes]:
        """Stretches of sound without a hole, by the sample at which each begins."""
        width = bytes_per_sample(self.intake.announcement("", "c").encoding)
        stretches: dict[int, bytes] = {}
        begin = end = -1
        for frame in self.frames:
            if frame.channel != channel:
                continue
            start = frame.end_sample - len(frame.pcm) // width
            if start != end:
                begin = start
            stretches[begin] = stretches.get(begin, b"") + frame.pcm
            end = frame.end_sample
        return stretches
