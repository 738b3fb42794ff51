"""Whole audio files in memory, for the laboratory and for scoring."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import soxr

from speakerline.shared.voiceprints.vectors import Floats


def read_audio(path: Path) -> tuple[Floats, int]:
    """Samples (n, channels) float32 in -1..1 and the sampling rate of any file that FFmpeg reads."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        rate = stream.rate
        converter = av.AudioResampler(format="fltp", rate=rate)
        blocks = [part.to_ndarray() for frame in container.decode(stream) for part in converter.resample(frame)]
        blocks += [part.to_ndarray() for part in converter.resample(None)]
    if not blocks:
        return np.zeros((0, 1), np.float32), rate
    return np.concatenate(blocks, axis=1).T.astype(np.float32), rate


def read_mono(path: Path, rate: int) -> Floats:
    """The mean of a file's channels at the wanted rate."""
    samples, own_rate = read_audio(path)
    mono = samples.mean(axis=1)
    return mono if own_rate == rate else np.asarray(soxr.resample(mono, own_rate, rate), np.float32)
