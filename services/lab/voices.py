"""Reads folders of single-speaker utterances, and audio files in general."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import soxr

from services.embedding.windows import Floats

AUDIO_SUFFIXES = (".flac", ".wav", ".mp3", ".ogg", ".m4a")


def find_utterances(folder: Path) -> dict[str, list[Path]]:
    """Utterances by speaker: a sub-folder is a speaker; a file at the top belongs to the part of its name before the
    first '-'.

    Speakers and files are sorted, so the answer does not depend on the file system.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"no folder of utterances at {folder}")
    speakers: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in AUDIO_SUFFIXES:
            inside = path.relative_to(folder)
            name = inside.parts[0] if len(inside.parts) > 1 else path.stem.split("-")[0]
            speakers.setdefault(name, []).append(path)
    if not speakers:
        raise ValueError(f"{folder} holds no audio ({', '.join(AUDIO_SUFFIXES)})")
    return speakers


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
