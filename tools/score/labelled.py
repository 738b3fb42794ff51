"""Recordings whose speakers are known."""

from dataclasses import dataclass
from pathlib import Path

from speakerline.shared.arrays import Float32s
from speakerline.tools.media.whole_file import read_audio
from speakerline.tools.score.files import Labels, of_call, read_rttm


@dataclass(frozen=True, slots=True)
class LabelledCall:
    """A recording and who really speaks when: samples (n, channels) float32 in -1..1 at `rate`."""

    name: str
    samples: Float32s
    rate: int
    truth: Labels

    @property
    def duration_s(self) -> float:
        """Length of the recording."""
        return len(self.samples) / self.rate


def read_labelled(audio: Path, rttm: Path) -> LabelledCall:
    """A recording and its truth; an RTTM of one recording may bear any name, one of several must have the audio's.

    Raises InvalidFile."""
    samples, rate = read_audio(audio)
    return LabelledCall(audio.stem, samples, rate, of_call(rttm, read_rttm(rttm), audio.stem))
