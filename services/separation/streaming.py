"""Separates an overlap while it is still going on: any separator, in windows that overlap, one voice an output.

    window 0   ╱▔▔▔╲            a window has a Hann shape and covers two hops, so that every sample is separated with
    window 1      ╱▔▔▔╲         context on both sides, and the shapes of its two windows add up to one
    out        ──────> final up to the beginning of the next window

What comes out does not depend on how the sound is cut into chunks. `latency` is what the windows cost; for less than
50 ms there is `services.separation.low_latency`, which needs a network of its own.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from speakerline.services.separation.source_order import in_order
from speakerline.shared.arrays import Float32s, Float64s


class WindowSeparator(Protocol):
    """What is needed of a separator: the voices (voices, n) of a mixture (n,), both float32 at `rate`."""

    @property
    def rate(self) -> int: ...
    @property
    def voices(self) -> int: ...
    def separate(self, mixture: Float32s) -> Float32s: ...


class VoiceStream(Protocol):
    """Sound of one overlap in, its voices out, in chunks of any length."""

    @property
    def latency(self) -> int:
        """Samples after a sample has been pushed by which its voices have surely come out."""

    def push(self, samples: Float32s) -> Float32s:
        """The next (n,) samples of the mixture; gives what got ready, (voices, m), m from 0 on."""

    def flush(self) -> Float32s:
        """The rest, (voices, m); afterwards the stream is as new and takes the next overlap."""

    def reset(self) -> None:
        """Forget everything of this overlap, what has not come out included."""


class StreamingSeparator:
    """A VoiceStream from a separator that needs context before and after."""

    def __init__(self, separator: WindowSeparator, hop_s: float = 1.0) -> None:
        self._separator = separator
        self._hop = round(hop_s * separator.rate)
        if self._hop < 1:
            raise ValueError(f"hop_s {hop_s}: expected a sample at least, {1 / separator.rate} s")
        count = 2 * self._hop
        self._shape: Float64s = np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 2
        self.reset()

    @property
    def latency(self) -> int:
        return len(self._shape)

    def reset(self) -> None:
        voices = self._separator.voices
        self._sound: Float32s = np.zeros(0, np.float32)
        self._sum: Float64s = np.zeros((voices, 0))
        self._weight: Float64s = np.zeros(0)

    def push(self, samples: Float32s) -> Float32s:
        """See VoiceStream. Separates a window each time a hop is full."""
        self._sound = np.concatenate([self._sound, samples])
        out = [self._nothing()]
        while len(self._sound) >= len(self._shape):
            self._add(self._separator.separate(self._sound[: len(self._shape)]), self._shape)
            out.append(self._take(self._hop))
        return np.concatenate(out, axis=1)

    def flush(self) -> Float32s:
        """See VoiceStream. The rest is separated together with the hop before it."""
        left = len(self._sound) - len(self._weight)
        if left > 0:
            shape = np.concatenate([self._shape[: self._hop], np.ones(len(self._sound))])[: len(self._sound)]
            self._add(self._separator.separate(self._sound), shape)
        rest = self._take(len(self._weight))
        self.reset()
        return rest

    def _add(self, outputs: Float32s, shape: Float64s) -> None:
        """Put a window's outputs over what is there, which begins where the window does."""
        known = len(self._weight)
        outputs = in_order(outputs, np.asarray(self._sum / np.maximum(self._weight, 1e-12), np.float32))
        grown = ((0, 0), (0, outputs.shape[1] - known))
        self._sum = np.pad(self._sum, grown) + outputs * shape
        self._weight = np.pad(self._weight, grown[1]) + shape

    def _take(self, count: int) -> Float32s:
        """Hand out the first `count` samples; the next window begins there."""
        ready = np.asarray(self._sum[:, :count] / self._weight[:count], np.float32)
        self._sum, self._weight = self._sum[:, count:], self._weight[count:]
        self._sound = self._sound[count:]
        return ready

    def _nothing(self) -> Float32s:
        return np.zeros((self._separator.voices, 0), np.float32)


def separate_in_chunks(stream: VoiceStream, mixture: Float32s, chunk: int) -> Float32s:
    """The voices (voices, n) of a whole mixture (n,), as a live call would get them in chunks of so many samples."""
    parts: Sequence[Float32s] = [stream.push(mixture[at : at + chunk]) for at in range(0, len(mixture), chunk)]
    return np.concatenate([*parts, stream.flush()], axis=1)
