"""What only a pass over all of a file tells, before it is read: how loud it gets, and where its parts end."""

from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import numpy as np

from speakerline.tools.media.decoding import Track, decode_part, decode_unmended
from speakerline.tools.media.flaws import Flaws

STRAY_SHARE = 1e-4
"""Samples beyond full scale that are clipped and no reason to turn the rest down."""
LOUD_SHARE = 0.01
"""Of the samples that are not 0, those that are louder than the loud parts of the sound: its peaks."""
CREST_OCTAVES = 4
"""How far peaks rise above loud parts, 24 dB; what rises higher is broken, and is clipped."""
_LOWEST, _OCTAVES = -64, 192


def louder_than_full_scale(path: Path, track: Track) -> Track:
    """The track, turned down where more than stray samples are beyond full scale, as floating point allows."""
    if not track.codec.startswith(("pcm_f32", "pcm_f64")):
        return track
    silent, counts = 0, np.zeros(_OCTAVES, np.int64)
    for part in track.parts:
        for _, sound in decode_unmended(path, track, Flaws(), part):
            loud = np.abs(sound[np.isfinite(sound)])
            octaves = np.ceil(np.log2(loud[loud > 0])).astype(np.intp) - _LOWEST
            counts += np.bincount(np.clip(octaves, 0, _OCTAVES - 1), minlength=_OCTAVES)
            silent += len(loud) - len(octaves)
    beyond = counts[::-1].cumsum()[::-1] - counts
    peaks, loudest = (
        int(np.argmax(beyond <= most)) + _LOWEST
        for most in (STRAY_SHARE * (beyond[0] + counts[0] + silent), LOUD_SHARE * (beyond[0] + counts[0]))
    )
    octave = max(0, peaks if peaks <= loudest + CREST_OCTAVES else loudest)
    return replace(track, gain=2.0**-octave) if octave else track


def in_step(path: Path, tracks: list[Track]) -> list[Track]:
    """The tracks; where the file has several parts, each part begins on all of them when its longest track before has
    ended."""
    if len(tracks) == 1 or len(tracks[0].parts) == 1:
        return tracks
    lengths_s = [
        [
            sum(piece.shape[1] for piece in decode_part(path, track, part, Flaws(), number)) / track.sample_rate
            for number, part in enumerate(track.parts)
        ]
        for track in tracks
    ]
    ends_s = tuple(accumulate(max(of_part) for of_part in zip(*lengths_s, strict=True)))
    return [replace(track, part_ends_s=ends_s) for track in tracks]
