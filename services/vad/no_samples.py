"""Bytes that are no samples of one channel: frames of a compressed format, or two channels turn by turn; pure.

compressed     every value of a byte is as likely as any other, and no sample resembles the one before
two channels   L R L R: no sample resembles the one before, but the one before that
"""

import numpy as np

from speakerline.shared.arrays import Float64s

NEXT = 0.1
"""Correlation of neighbouring samples under which they have nothing to do with each other. Single windows of sibilants
have as little; AGREE of `format_watch` windows had not in any recording at hand."""
SMOOTH = 0.5
"""Correlation of every second sample from which these are the sound of a channel."""
FAINT = 0.1
"""A channel so much fainter than the other may hold no more than noise."""
HEARD = 300
"""RMS of 16-bit samples, without their mean, from which two channels are told from the noise of a line."""
TWICE = 0.98
"""Share of samples that equal the one before them, counted in pairs."""
RANDOM_BITS = 7.75
"""Entropy of bytes from which they are compressed. Of 8000 bytes of speech or noise that resemble nothing it was 7.44
at most in G.711, and in the upper halves of 16-bit samples 7.66, for white noise at full scale; of Opus and AAC 7.84 to
7.97, of MP3 7.78 to 7.93."""
FRAMES = 4
"""So many headers of MPEG frames, each where the one before says, are no chance."""

_V1_BITRATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_V2_BITRATES = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def is_random(upper: bytes, sound: Float64s) -> bool:
    """Whether every value of a byte is as likely as any other in sound that resembles nothing; upper: of each sample
    the byte that holds its sign."""
    unlike = abs(correlation(sound, 1)) < NEXT and abs(correlation(sound, 2)) < NEXT
    return unlike and _entropy(upper) > RANDOM_BITS


def interleaved(sound: Float64s) -> bool:
    """Whether the samples are those of two channels that have nothing in common, turn by turn: each smooth by itself,
    or much fainter than the other."""
    sides = sound[::2], sound[1::2]
    levels = [float(side.std()) for side in sides]
    if max(levels) < HEARD or abs(correlation(sound, 1)) > NEXT or abs(correlation(sound, 3)) > NEXT:
        return False
    return all(
        correlation(side, 1) > SMOOTH or level < FAINT * max(levels) for side, level in zip(sides, levels, strict=True)
    )


def doubled(sound: Float64s) -> bool:
    """Whether every sample comes twice, as where two channels hold the same."""
    twice = len(sound) // 2 * 2
    return float(sound.std()) >= HEARD and float((sound[:twice:2] == sound[1:twice:2]).mean()) > TWICE


def correlation(sound: Float64s, lag: int) -> float:
    """Of samples that lie so far apart: 1 = the same, 0 = nothing in common."""
    centred = sound - sound.mean()
    energy = float(centred @ centred)
    return float(centred[lag:] @ centred[:-lag]) / energy if energy else 0.0


def has_mpeg_frames(raw: bytes) -> bool:
    """Whether frames of MP3 or AAC (ADTS) follow each other."""
    at = raw.find(b"\xff")
    while 0 <= at < len(raw) // 4:
        kind, length = _frame(raw, at)
        here, found = at, 0
        while length and _frame(raw, here)[0] == kind:
            found, here = found + 1, here + _frame(raw, here)[1]
        if found >= FRAMES:
            return True
        at = raw.find(b"\xff", at + 1)
    return False


def _entropy(raw: bytes) -> float:
    """Bits a byte."""
    counts = np.bincount(np.frombuffer(raw, np.uint8), minlength=256)
    shares = counts[counts > 0] / len(raw)
    return -float((shares * np.log2(shares)).sum())


def _frame(raw: bytes, at: int) -> tuple[int, int]:
    """What is the same in all headers of a stream, and the length of the frame; zeros where none begins here.

    ISO/IEC 11172-3, 2.4.2.3 and 13818-3 for layer III, 13818-7, 6.2 for ADTS."""
    head = raw[at : at + 6]
    if len(head) < 6 or head[0] != 0xFF:
        return 0, 0
    if head[1] & 0xF6 == 0xF0:
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        return (head[1] << 8 | head[2], length) if length > 7 and head[2] >> 2 & 15 < 13 else (0, 0)
    version, bitrate, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if head[1] & 0xE6 != 0xE2 or version == 1 or bitrate in (0, 15) or rate == 3:
        return 0, 0
    kilobits = (_V1_BITRATES if version == 3 else _V2_BITRATES)[bitrate]
    slots = 144_000 if version == 3 else 72_000
    return head[1] << 8 | rate, slots * kilobits // _RATES[version][rate] + (head[2] >> 1 & 1)
