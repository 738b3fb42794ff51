"""Sound of any rate at 16 kHz, as a stream, with positions that stay exact over holes."""

import numpy as np
import soxr

from speakerline.services.gateway.intake.clocks import Placed
from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import decode, encode, to_float32, to_int16
from speakerline.shared.contract.v1 import Encoding

TARGET = 16000


class Resampling:
    """One channel, from `rate` and `encoding` to s16le at TARGET; soxr's HQ filter, whose delay is made up for.

    A hole ends the stream of the filter, and another begins behind it."""

    def __init__(self, rate: int, encoding: Encoding) -> None:
        self._rate = rate
        self._encoding = encoding
        self._stream: soxr.ResampleStream | None = None
        self._next = 0
        """The sample of the producer that would follow without a hole."""
        self._out = 0

    def push(self, piece: Placed) -> list[Placed]:
        """What is ready at TARGET, of this piece and of those before it."""
        ready = self.flush() if self._stream is None or piece.start != self._next else []
        if self._stream is None:
            self._stream = soxr.ResampleStream(self._rate, TARGET, 1, dtype="float32", quality="HQ")
            self._out = self.position_of(piece.start)
        samples = to_float32(decode(piece.pcm, self._encoding))
        self._next = piece.start + len(samples)
        return ready + self._given(self._stream.resample_chunk(samples))

    def flush(self) -> list[Placed]:
        """The rest of what the filter holds."""
        if self._stream is None:
            return []
        rest = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        self._stream = None
        return self._given(rest)

    def position_of(self, sample: int) -> int:
        """Where a sample of the producer lies at TARGET."""
        return sample * TARGET // self._rate

    def _given(self, samples: Float32s) -> list[Placed]:
        if not len(samples):
            return []
        start, self._out = self._out, self._out + len(samples)
        return [Placed(start, encode(to_int16(np.clip(samples, -1, 1)), Encoding.S16LE))]
