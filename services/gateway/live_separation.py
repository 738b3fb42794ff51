"""Sound of two people who talk at once in, each voice out as it is lifted out: the bytes of the socket `/separate`.

in     16-bit little-endian samples of the mixture, in messages of any length, even of half a sample
out    frames of one voice each:

       | source u8 | 0 0 0 | position u32 | samples s16 ... |     little-endian; position: of the first sample,
                                                                 counted from the start, at the rate of the hello
"""

import struct
from collections.abc import Iterator
from typing import Any, Literal

from speakerline.services.gateway.halver import Halver
from speakerline.services.separation.low_latency import LowLatencySeparator
from speakerline.services.separation.masks import Masks
from speakerline.services.separation.streaming import StreamingSeparator, VoiceStream
from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import decode, to_float32, to_int16
from speakerline.shared.contract.v1 import Encoding

Algorithm = Literal["low_latency", "windows"]
HEADER = struct.Struct("<B3xI")
HALVER_MS = 4
"""What comes at 16 kHz is brought to the 8 kHz of the networks, which takes so long."""


class LiveSeparation:
    """`push` bytes of the mixture; `flush` gives what is left, and then the next overlap may begin. Takes CPU time."""

    def __init__(self, sample_rate: int, algorithm: Algorithm, hop_s: float) -> None:
        """sample_rate: 8000 or 16000, of what comes in. hop_s: of the windows. Raises ModelMissing, ValueError."""
        self._stream: VoiceStream
        if algorithm == "low_latency":
            network = LowLatencySeparator()
            self._stream, self._rate, self._voices = network, network.rate, network.voices
        else:
            masks = Masks()
            self._stream, self._rate, self._voices = StreamingSeparator(masks, hop_s), masks.rate, masks.voices
        self._given = sample_rate
        self._algorithm = algorithm
        self._half = b""
        self._position = 0
        self._halver = self._new_halver()

    @property
    def hello(self) -> dict[str, Any]:
        """What the other end must know to play what it gets."""
        extra_ms = HALVER_MS if self._halver else 0
        return {
            "rate": self._rate,
            "voices": self._voices,
            "encoding": "ENCODING_S16LE",
            "algorithm": self._algorithm,
            "latency_ms": self._stream.latency * 1000 // self._rate + extra_ms,
        }

    def push(self, pcm: bytes) -> list[bytes]:
        """The frames that got ready."""
        pcm = self._half + pcm
        whole = len(pcm) // 2 * 2
        self._half = pcm[whole:]
        samples = to_float32(decode(pcm[:whole], Encoding.S16LE))
        if self._halver:
            samples = self._halver.push(samples)
        return [*self._frames(self._stream.push(samples))]

    def flush(self) -> list[bytes]:
        """The rest, and a new start."""
        rest = [*self._frames(self._stream.push(self._halver.flush()))] if self._halver else []
        rest += self._frames(self._stream.flush())
        self._half, self._position, self._halver = b"", 0, self._new_halver()
        return rest

    def _new_halver(self) -> Halver | None:
        return Halver() if self._given == 2 * self._rate else None

    def _frames(self, voices: Float32s) -> Iterator[bytes]:
        if not voices.shape[1]:
            return
        for source, samples in enumerate(voices):
            yield HEADER.pack(source, self._position) + to_int16(samples).astype("<i2").tobytes()
        self._position += voices.shape[1]
