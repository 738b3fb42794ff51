"""Reads a call recording as blocks of float32 at 8 or 16 kHz, in a few MB of memory whatever its length.

track 1 ──decode──> resampled ─┐
track 2 ──decode──> resampled ─┴─> side by side ──> channels with voices of their own ──> mixed, where asked
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Literal

import numpy as np
import soxr

from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.survey import BLOCK_MS
from speakerline.shared.codec import MAX_CHANNELS
from speakerline.tools.media.channels import Chosen, choose
from speakerline.tools.media.decoding import Track, decode, probe
from speakerline.tools.media.flaws import Flaws
from speakerline.tools.media.headerless import Headerless
from speakerline.tools.media.media_error import MediaError
from speakerline.tools.media.whole_passes import in_step, louder_than_full_scale

ChannelMode = Literal["mix", "separate", "auto"]
CHANNEL_MODES: tuple[ChannelMode, ...] = ("mix", "separate", "auto")


@dataclass(slots=True)
class Recording:
    """A file of call audio. `blocks` may be called any number of times, with the same result."""

    path: Path
    tracks: list[Track]
    sample_rate: int
    """8000 for sources of up to 8 kHz, otherwise 16000."""
    chosen: Chosen
    """Which channels of the file are used, and why others are not."""
    mixed: bool = False
    """Whether those are averaged."""
    notes: list[str] = field(default_factory=list)
    """What is known of the file before it is read."""
    flaws: Flaws = field(default_factory=Flaws)
    """The flaws that were repaired; complete once `blocks` is exhausted."""

    @property
    def channels(self) -> int:
        return 1 if self.mixed else len(self.chosen.kept)

    @property
    def declared_ms(self) -> int | None:
        """The declared length, for progress bars; None if unknown. The audio may be shorter."""
        lengths = [track.declared_s for track in self.tracks if track.declared_s is not None]
        return round(max(lengths) * 1000) if lengths else None

    def blocks(self, block_ms: int = 1000) -> Iterator[Float32s]:
        """Blocks of shape (channels, block_ms * sample_rate / 1000), -1 to 1; the last may be shorter."""
        self.flaws = Flaws(notes=list(self.notes))
        kept = list(self.chosen.kept)
        for block in self._side_by_side(self.sample_rate * block_ms // 1000):
            used = block if len(kept) == len(block) else block[kept]
            yield used.mean(axis=0, keepdims=True) if self.mixed else np.ascontiguousarray(used)

    def read(self) -> Float32s:
        """The whole audio, shape (channels, n), for tests and short files."""
        return np.concatenate([np.empty((self.channels, 0), np.float32), *self.blocks()], axis=1)

    def _side_by_side(self, samples: int) -> Iterator[Float32s]:
        """All channels of all tracks, in blocks; a track that ends early is silent from there on."""
        flaws = [self.flaws, *(Flaws() for _ in self.tracks[1:])]
        streams = [
            _reblocked(_resampled(decode(self.path, track, own), track, self.sample_rate), samples)
            for track, own in zip(self.tracks, flaws, strict=True)
        ]
        for pieces in zip_longest(*streams):
            length = max(piece.shape[1] for piece in pieces if piece is not None)
            yield np.concatenate(
                [_filled(piece, track.channels, length) for piece, track in zip(pieces, self.tracks, strict=True)]
            )
        for number, own in enumerate(flaws[1:], 2):
            self.flaws.notes += [f"audio track {number}: {line}" for line in own.warnings()]


def open_recording(path: Path, channels: ChannelMode = "auto", headerless: Headerless | None = None) -> Recording:
    """Probe the file and decide how to read it. Raises MediaError, or ValueError for an unknown mode.

    auto      each channel that has a voice of its own; copies and channels without a voice are left out
    mix       the mean of these
    separate  each channel, whatever it holds, 1 to 8

    The tracks of a file are channels side by side. `headerless`: what the file is, where it has no header.
    """
    if channels not in CHANNEL_MODES:
        raise ValueError(f"channels {channels!r}: expected {', '.join(CHANNEL_MODES)}")
    tracks, notes = probe(path, headerless)
    tracks = [louder_than_full_scale(path, track) for track in in_step(path, tracks)]
    count = sum(track.channels for track in tracks)
    if channels != "mix" and count > MAX_CHANNELS:
        raise MediaError(path, f"{count} channels: expected 1 to {MAX_CHANNELS}, or --channels mix")
    rate = 8000 if max(track.sample_rate for track in tracks) <= 8000 else 16000
    every = Recording(path, tracks, rate, Chosen(tuple(range(count)), {}), notes=[*notes, *_about(tracks)])
    if count == 1 or count > MAX_CHANNELS or channels == "separate":
        return replace(every, mixed=channels == "mix" and count > 1)
    chosen = choose(every.blocks(BLOCK_MS), count, rate)
    left_out = [f"channel {one + 1} of {count} left out: {why}" for one, why in chosen.left_out.items()]
    notes = [*every.notes, *left_out]
    return replace(every, chosen=chosen, notes=notes, mixed=channels == "mix" and len(chosen.kept) > 1, flaws=Flaws())


def _about(tracks: list[Track]) -> Iterator[str]:
    if len(tracks) > 1:
        yield f"{len(tracks)} audio tracks: each is heard, side by side as channels"
    for track in tracks:
        if track.headerless and track.headerless.assumed:
            yield f"no header: {track.headerless.assumed}"
        if track.gain < 1:
            louder_db = -20 * np.log10(track.gain)
            yield f"samples beyond full scale: the sound was turned down by {louder_db:.0f} dB"


def _filled(piece: Float32s | None, channels: int, length: int) -> Float32s:
    if piece is None:
        return np.zeros((channels, length), np.float32)
    missing = length - piece.shape[1]
    return np.pad(piece, ((0, 0), (0, missing))) if missing else piece


def _resampled(pieces: Iterator[Float32s], track: Track, rate: int) -> Iterator[Float32s]:
    """soxr's HQ filter as a stream, with its delay compensated, so that positions stay exact."""
    if track.sample_rate == rate:
        yield from pieces
        return
    stream = soxr.ResampleStream(track.sample_rate, rate, track.channels, dtype="float32", quality="HQ")
    for piece in pieces:
        yield np.clip(stream.resample_chunk(np.ascontiguousarray(piece.T)), -1, 1).T
    yield np.clip(stream.resample_chunk(np.empty((0, track.channels), np.float32), last=True), -1, 1).T


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
