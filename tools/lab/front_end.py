"""Audio to voice windows in one go, as the vad and embedding stages do it live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import soxr

from speakerline.services.embedding.schedule import Schedule
from speakerline.shared.contract.v1 import LocalVoice, VoiceWindow
from speakerline.shared.voiceprints.embedder import Embedder
from speakerline.shared.voiceprints.local_voices import find_voices
from speakerline.shared.voiceprints.segmentation import pad_window
from speakerline.shared.voiceprints.vectors import Floats, encode_vector
from speakerline.tools.lab.speech_detection import find_speech
from speakerline.tools.score.rttm import Segment

MIN_CLEAN_FRAMES = 12
"""0.2 s, as in the embedding stage."""


@dataclass(frozen=True)
class LabelledCall:
    """A recording with its truth: samples (n, channels) float32 in -1..1 at `rate`."""

    name: str
    samples: Floats
    rate: int
    truth: list[Segment]

    @property
    def duration_s(self) -> float:
        """Length of the recording."""
        return len(self.samples) / self.rate


class Scores(Protocol):
    """What is needed of `shared.voiceprints.segmentation.Segmentation`."""

    def scores(self, windows: Floats) -> Floats:
        """(B, 80000) -> (B, 293, 3)."""


def listen(call: LabelledCall, segmentation: Scores, embedder: Embedder, step_ms: int = 1000) -> list[VoiceWindow]:
    """All voice windows of a recording, ascending by end, then channel."""
    found = []
    for channel in range(call.samples.shape[1]):
        samples = np.ascontiguousarray(call.samples[:, channel])
        if call.rate != 16_000:
            samples = np.asarray(soxr.resample(samples, call.rate, 16_000), np.float32)
        found += _listen_channel(samples, channel, segmentation, embedder, step_ms)
    return sorted(found, key=lambda window: (window.end_ms, window.channel))


def _listen_channel(
    samples: Floats, channel: int, segmentation: Scores, embedder: Embedder, step_ms: int
) -> list[VoiceWindow]:
    schedule = Schedule(step_ms)
    for start_ms, end_ms in find_speech(samples):
        schedule.add_speech(start_ms, end_ms)
    ends = schedule.due(len(samples) // 16, closed=True)
    windows = []
    for end_ms in ends:
        start_ms = max(0, end_ms - 5000)
        window = pad_window(samples[start_ms * 16 : end_ms * 16])
        voices = find_voices(segmentation.scores(window[None])[0], start_ms, end_ms)
        clear = [voice.clean.sum() >= MIN_CLEAN_FRAMES for voice in voices]
        prints = iter(embedder.embed([(window, v.clean) for v, ok in zip(voices, clear, strict=True) if ok]))
        local = [
            LocalVoice(
                v.spans_ms, round(float(v.clean.sum()) * 5000 / len(v.clean)), encode_vector(next(prints)) if ok else ""
            )
            for v, ok in zip(voices, clear, strict=True)
        ]
        windows.append(VoiceWindow(channel, start_ms, end_ms, local))
    return windows
