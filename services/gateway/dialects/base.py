"""What every dialect makes of its wire: signals, in order, or a Violation.

    message ──> Dialect.receive ──> Opened ──> (Sound | Key)* ──> Ended
                                     any of them with Reply: what to send back

Positions are samples of the producer's rate, counted from the start of its stream.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import msgspec

from speakerline.services.gateway.dialects.closing import Violation
from speakerline.shared.contract.v1 import Encoding, Transcript

RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 96000, 192_000)
"""Samples per second that a producer may send; all but 8 and 16 kHz are resampled."""

MAX_CHANNELS = 2


@dataclass(frozen=True, slots=True)
class Opened:
    """The producer's hello: a call begins."""

    call_id: str
    """By which the producer knows the call; empty where it has no name."""
    sample_rate: int
    encoding: Encoding
    channels: int = 1
    parties: tuple[str, ...] = ()
    """What each channel carries, such as inbound and outbound; empty where that is not known."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    language: str = ""


class Sound(msgspec.Struct, frozen=True, gc=False):
    """Samples of one channel. `at`: position of the first one by the producer's clock, None where it has none."""

    channel: int
    pcm: bytes
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A key was pressed. `at`: by the producer's clock; None = where the sound has come to."""

    channel: int
    digit: str
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The producer says that the call is over."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the protocol demands as an answer: a text message."""

    text: str


Signal = Opened | Sound | Key | Ended | Reply


class Dialect(ABC):
    """One connection. `parameters` of its address, where it has any, are given at construction."""

    wants_words: ClassVar[bool] = False
    """Whether the producer takes the words of its call."""

    @abstractmethod
    def receive(self, message: str | bytes) -> list[Signal]:
        """Take the next message, or for a stream of bytes the next piece. Raises Violation."""

    def tell(self, transcript: Transcript) -> str:
        """Words for the producer, as a message; empty where there is nobody to take them."""
        return ""

    def farewell(self, problem: str) -> str:
        """The last message to the producer, which ended the call, or with a `problem` did not; empty where none is
        due."""
        return ""


def checked_rate(rate: object) -> int:
    """The rate, as a number or as text. Raises Violation unless it is one of RATES."""
    try:
        number = int(rate) if isinstance(rate, (int, str)) and not isinstance(rate, bool) else 0
    except ValueError:
        number = 0
    if number not in RATES:
        shown = f" {number}" if 0 < number < 1e9 else ""
        raise Violation.unsupported(f"sample rate{shown}: expected one of {', '.join(map(str, RATES))}")
    return number


def checked_sound(pcm: bytes, width: int) -> bytes:
    """The bytes. Raises Violation unless they are whole groups of `width` bytes."""
    if len(pcm) % width:
        raise Violation.malformed(f"{len(pcm)} bytes of sound: expected a multiple of {width}")
    return pcm


def as_text(values: Mapping[str, object]) -> dict[str, str]:
    """What of a producer's own fields can travel as metadata: texts and numbers."""
    return {str(name): str(value) for name, value in values.items() if isinstance(value, (str, int, float))}
