"""Reads a call recording as blocks of float32 at 8 or 16 kHz, in a few MB of memory whatever its length."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soxr

from speakerline.shared.arrays import Float32s
from speakerline.shared.codec import MAX_CHANNELS
from speakerline.tools.media.decoding import Flaws, SourceFormat, decode, probe
from speakerline.tools.media.media_error import MediaError
from speakerline.tools.media.samples import DualMonoCheck

ChannelMode = Literal["mix", "separate", "auto"]
CHANNEL_MODES: tuple[ChannelMode, ...] = ("mix", "separate", "auto")

DUAL_MONO_S = 60
"""How many seconds of audio decide whether channels are identical; silence does not count."""


@dataclass(slots=True)
class Recording:
    """A file of call audio. `blocks` may be called any number of times, with the same result."""

    path: Path
    source: SourceFormat
    sample_rate: int
    """8000 for sources of up to 8 kHz, otherwise 16000."""
    channels: int
    mixed: bool
    """Whether `channels` is 1 because several were averaged."""
    dual_mono: bool
    """Whether they were averaged because they carry the same audio."""
    flaws: Flaws
    """The flaws that were repaired; complete once `blocks` is exhausted."""

    @property
    def declared_ms(self) -> int | None:
        """The declared length, for progress bars; None if unknown. The audio may be shorter."""
        return None if self.source.declared_s is None else round(self.source.declared_s * 1000)

    def blocks(self, block_ms: int = 1000) -> Iterator[Float32s]:
        """Blocks of shape (channels, block_ms * sample_rate / 1000), -1 to 1; the last may be shorter.

        Raises MediaError if the rate or the number of channels changes within the file."""
        self.flaws = Flaws()
        pieces = decode(self.path, self.source, self.flaws)
        mixed = (piece.mean(axis=0, keepdims=True) for piece in pieces) if self.mixed else pieces
        return _reblocked(_resampled(mixed, self), self.sample_rate * block_ms // 1000)

    def read(self) -> Float32s:
        """The whole audio, shape (channels, n), for tests and short files."""
        return np.concatenate([np.empty((self.channels, 0), np.float32), *self.blocks()], axis=1)


def open_recording(path: Path, channels: ChannelMode = "auto") -> Recording:
    """Probe the file and decide how to read it. Raises MediaError, or ValueError for an unknown mode.

    mix       the mean of all channels, however many
    separate  each channel separately, 1 to 8
    auto      as separate, but channels that carry the same audio (dual mono) are mixed
    """
    if channels not in CHANNEL_MODES:
        raise ValueError(f"channels {channels!r}: expected {', '.join(CHANNEL_MODES)}")
    source = probe(path)
    if channels != "mix" and source.channels > MAX_CHANNELS:
        raise MediaError(path, f"{source.channels} channels: expected 1 to {MAX_CHANNELS}, or --channels mix")
    dual_mono = channels == "auto" and source.channels > 1 and _is_dual_mono(path, source)
    mixed = source.channels > 1 and (channels == "mix" or dual_mono)
    return Recording(
        path=path,
        source=source,
        sample_rate=8000 if source.sample_rate <= 8000 else 16000,
        channels=1 if mixed else source.channels,
        mixed=mixed,
        dual_mono=dual_mono,
        flaws=Flaws(),
    )


def _is_dual_mono(path: Path, source: SourceFormat) -> bool:
    check = DualMonoCheck()
    for block in _reblocked(decode(path, source, Flaws()), source.sample_rate // 10):
        check.push(block)
        if check.sounding >= DUAL_MONO_S * source.sample_rate:
            break
    return check.is_dual_mono()


def _resampled(pieces: Iterator[Float32s], recording: Recording) -> Iterator[Float32s]:
    """soxr's HQ filter as a stream, with its delay compensated, so that positions stay exact."""
    if recording.source.sample_rate == recording.sample_rate:
        yield from pieces
        return
    stream = soxr.ResampleStream(
        recording.source.sample_rate, recording.sample_rate, recording.channels, dtype="float32", quality="HQ"
    )
    for piece in pieces:
        yield np.clip(stream.resample_chunk(np.ascontiguousarray(piece.T)), -1, 1).T
    yield np.clip(stream.resample_chunk(np.empty((0, recording.channels), np.float32), last=True), -1, 1).T


def _reblocked(pieces: Iterator[Float32s], samples: int) -> Iterator[Float32s]:
    held: list[Float32s] = []
    length = 0
    for piece in pieces:
        held.append(piece)
        length += piece.shape[1]
        if length < samples:
            continue
        joined = np.concatenate(held, axis=1)
        whole = length - length % samples
        for start in range(0, whole, samples):
            yield np.ascontiguousarray(joined[:, start : start + samples])
        held = [joined[:, whole:]]
        length -= whole
    if length:
        yield np.ascontiguousarray(np.concatenate(held, axis=1))
