"""Whole audio files in memory, for the laboratory and for scoring."""

from pathlib import Path

import numpy as np
import soxr

from speakerline.shared.arrays import Float32s
from speakerline.tools.media.decoding import decode_unmended, probe
from speakerline.tools.media.flaws import Flaws
from speakerline.tools.media.media_error import MediaError


def read_audio(path: Path) -> tuple[Float32s, int]:
    """Samples (n, channels) float32, as the file has them, and its sampling rate.

    Nothing is mended: raises MediaError for a file that can't be decoded to its last packet."""
    (source, *others), _ = probe(path)
    if others:
        raise MediaError(path, f"{1 + len(others)} audio tracks: expected one")
    flaws = Flaws()
    pieces = [sound for part in source.parts for _, sound in decode_unmended(path, source, flaws, part)]
    if flaws.damaged_packets or flaws.truncated:
        raise MediaError(path, "packets could not be decoded: expected an undamaged file")
    return np.concatenate(pieces, axis=1).T, source.sample_rate


def read_mono(path: Path, rate: int) -> Float32s:
    """The mean of a file's channels at the wanted rate."""
    samples, own_rate = read_audio(path)
    mono = samples.mean(axis=1)
    return mono if own_rate == rate else np.asarray(soxr.resample(mono, own_rate, rate), np.float32)
