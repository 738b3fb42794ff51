"""What came over one channel, in order: sound, and holes where there should have been sound."""

from dataclasses import dataclass

from speakerline.shared.arrays import Int16s
from speakerline.shared.audio.pcm import InvalidAudio, decode, decode_frame, samples_to_ms
from speakerline.shared.contract.v1 import Encoding, GapReason
from speakerline.shared.runtime.stage import Frame

LONGEST_MS = 2**32 - 60_000
"""Times are 32-bit milliseconds in the contract, less a minute for the positions of last events: 49 days."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Samples [start, end) are missing; an empty hole says that something was dropped without loss of time."""

    start: int
    end: int
    reason: GapReason
    detail: str


@dataclass(slots=True)
class Sequencer:
    """Puts frames in their place: `position` is the sample behind everything that came or is known to be lost."""

    encoding: Encoding
    sample_rate: int
    position: int = 0

    def take(self, frame: Frame) -> tuple[Hole | None, Int16s]:
        """The hole before the frame, if any, and its new samples: what overlaps with earlier frames is left out."""
        try:
            samples = self._samples(frame)
        except InvalidAudio as error:
            return self.lose(frame.end_sample, GapReason.INVALID, str(error)), _NOTHING
        if frame.end_sample <= self.position:
            return None, _NOTHING
        hole = None
        start = frame.end_sample - len(samples)
        if start > self.position:
            what, reason = ("were shed", GapReason.SHED) if frame.shed else ("never arrived", GapReason.LOST)
            hole = self.lose(start, reason, f"samples {self.position} to {start} {what}")
        fresh = samples[self.position - start :]
        self.position = frame.end_sample
        return hole, fresh

    def start_of(self, frame: Frame) -> int | None:
        """The sample at which new sound of the frame would begin; None where it brings none."""
        try:
            start = frame.end_sample - len(self._samples(frame))
        except InvalidAudio:
            return None
        return max(start, self.position) if frame.end_sample > self.position else None

    def lose(self, until: int, reason: GapReason, detail: str) -> Hole:
        """Give up what lies before `until`; nothing, where that is no possible position or lies behind already."""
        start = self.position
        if self.possible(until):
            self.position = max(start, until)
        return Hole(start, self.position, reason, detail)

    def _samples(self, frame: Frame) -> Int16s:
        if not self.possible(frame.end_sample):
            raise InvalidAudio(f"frame ends at sample {frame.end_sample}: expected no more than {LONGEST_MS} ms")
        samples = decode_frame(frame.pcm, self.encoding)
        if frame.end_sample < len(samples):
            raise InvalidAudio(f"{len(samples)} samples end at sample {frame.end_sample}: expected a later end")
        return samples

    def possible(self, position: int) -> bool:
        """Whether a call may be that long."""
        return samples_to_ms(position, self.sample_rate) <= LONGEST_MS


_NOTHING = decode(b"", Encoding.S16LE)
