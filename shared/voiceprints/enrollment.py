"""A voiceprint of a person from recordings in which only that person speaks."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.resample import through_telephone
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.voiceprints.embedder import Embedder
from speakerline.shared.voiceprints.local_voices import find_voices
from speakerline.shared.voiceprints.segmentation import WINDOW_SAMPLES, Segmentation, pad_window

MIN_CLEAN_S = 3.0
"""The least speech without overlap that a reliable voiceprint needs."""
DOMINANT = 0.8
"""The least share of the speech that the main voice must have."""


class NotOneVoice(SpeakerlineError, ValueError):
    """Too little speech, or more than one person."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """vector, telephone: (D,), L2-normalised, of the sound as it is and of what a telephone line would leave of it.
    clean_s: seconds of speech that they were made from."""

    vector: Float32s
    telephone: Float32s
    clean_s: float


def enroll(sounds: Iterable[Float32s], segmentation: Segmentation, embedder: Embedder) -> Enrolled:
    """The voiceprints of one person from recordings (n,), float32 in -1..1, at 16 kHz.

    Raises NotOneVoice for too little speech, or for more than one person."""
    totals = np.zeros((2, embedder.calibration.size))
    clean_s = lone_s = speech_s = 0.0
    for window in (pad_window(sound[at : at + WINDOW_SAMPLES]) for sound in sounds for at in _starts(len(sound))):
        voices = find_voices(segmentation.scores(window[None])[0], 0, 5000)
        speech_s += sum(float(voice.active.sum()) for voice in voices) * 5 / 293
        main = max(voices, key=lambda voice: int(voice.clean.sum()), default=None)
        if main is None or not main.clean.any():
            continue
        lone_s += float(main.active.sum()) * 5 / 293
        seconds = float(main.clean.sum()) * 5 / 293
        heard = embedder.embed([(window, main.clean), (through_telephone(window), main.clean)])
        totals += np.stack(heard) * seconds
        clean_s += seconds
    if clean_s < MIN_CLEAN_S:
        raise NotOneVoice(f"{clean_s:.1f} s of speech by one voice alone: expected at least {MIN_CLEAN_S:.0f} s")
    if lone_s < DOMINANT * speech_s:
        raise NotOneVoice(
            f"the main voice has {100 * lone_s / speech_s:.0f} % of the speech: expected one person alone"
        )
    vectors = np.asarray(totals / np.linalg.norm(totals, axis=1, keepdims=True), np.float32)
    return Enrolled(vectors[0], vectors[1], clean_s)


def _starts(samples: int) -> range:
    """Where the windows of a recording begin; a rest of less than a second is left out."""
    return range(0, max(1, samples - 16_000), WINDOW_SAMPLES)
