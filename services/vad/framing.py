"""How the frames of a channel are cut and placed: positions that count no samples, packets with their header; pure.

frame ──> advance = its samples? ──no──> bytes, milliseconds, frames, another rate, a clock ──ten in a row──> told
     └──> 80 00 | sequence + 1 | ... ──> RTP ──────────────────────────────────────────────ten in a row──> told
"""

import struct
from dataclasses import dataclass

from speakerline.services.vad.sequencer import LONGEST_MS
from speakerline.shared.contract.v1 import SoundFormat

IN_A_ROW = 10
"""So many frames that look like the same other thing are no chance."""
FACTORS = (2, 3, 6)
"""How much faster than the sound a clock of another rate runs, such as that of Opus, 48 kHz (RFC 7587)."""


@dataclass(slots=True)
class Framing:
    """One channel. end: of the frame before. sequence, source: of its RTP header, -1 without one. found: what the last
    `run` frames look like."""

    end: int = 0
    sequence: int = -1
    source: int = -1
    found: int = 0
    run: int = 0

    def push(self, pcm: bytes, end_sample: int, width: int, sample_rate: int) -> SoundFormat:
        """A frame as it came; `width`: bytes of a sample. Gives what the frames look like, or UNSPECIFIED."""
        looks = self._packet(pcm) or self._positions(len(pcm), end_sample, width, sample_rate)
        self.run = self.run + 1 if looks and looks == self.found else int(looks != 0)
        self.found, self.end = int(looks), end_sample
        return SoundFormat(looks if self.run >= IN_A_ROW else 0)

    def _packet(self, pcm: bytes) -> int:
        """RFC 3550, section 5.1: version 2, and a sequence that counts packets of the same source."""
        before = self.sequence, self.source
        self.sequence = self.source = -1
        if len(pcm) > 12 and pcm[0] >> 6 == 2:
            self.sequence, self.source = struct.unpack_from(">xxHxxxxI", pcm)
        follows = before[0] >= 0 and (self.sequence, self.source) == ((before[0] + 1) % 65536, before[1])
        return SoundFormat.RTP if follows else SoundFormat.UNSPECIFIED

    def _positions(self, size: int, end: int, width: int, rate: int) -> int:
        if end * 1000 // rate > LONGEST_MS:
            return SoundFormat.OTHER_POSITIONS
        samples, advance = size // width, end - self.end
        if not self.end or samples < 2 or advance == samples:
            return SoundFormat.UNSPECIFIED
        if advance == size:
            return SoundFormat.BYTE_POSITIONS
        others = (1, samples * 1000 / rate, *(factor * samples for factor in FACTORS))
        return SoundFormat.OTHER_POSITIONS if advance in others else SoundFormat.UNSPECIFIED
