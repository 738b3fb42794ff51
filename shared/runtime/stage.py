"""What a stage is: one object a call, fed entries in order, that answers with what to publish.

A stage holds no clock, no queue and no connection. The runtime owns the dictionary of calls, reads, merges, batches,
commits and hands over. What a stage answers must depend only on the entries, never on how they were cut into batches:
`push([a, b], t)` publishes what `push([a], a.position)` and then `push([b], t)` publish. Above all, the position of an
event must not follow from `through_ms` or from a promise made: both come in other steps in every run, and a call that
ends may never hear of the last ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from speakerline.shared.contract.v1 import CallStarted, EndReason
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import Body, EventBody, Stream


class NotNow(Exception):
    """Raised by `push` when something the stage depends on is down: wait and try again, never a dead letter."""


FOREVER = LAST_POSITION
"""`through_ms` of a call whose inputs are all closed: nothing follows."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A piece of one channel as it came; `end_sample` is the position after its last sample."""

    channel: int
    end_sample: int
    pcm: bytes
    shed: bool = False
    """Whether the producer dropped what lies between the frame before and this one."""


@dataclass(frozen=True, slots=True)
class AudioClosed:
    """The log of one channel is closed."""

    channel: int
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the contract on its stream: the body of SpeechEvent, VoiceEvent, ... (a Speech, a Gap, a Turn).

    `position` is `at_ms`, the audio position that was reached when it was emitted; on `timeline` it is the `seq`."""

    stream: Stream[Any]
    position: int
    body: EventBody | None
    """None where it could not be read."""

    if TYPE_CHECKING:  # what the dataclass makes, and that the body is one of the stream

        def __init__(self, stream: Stream[Body], position: int, body: Body | None) -> None: ...


Entry = Frame | AudioClosed | Event


@dataclass(slots=True)
class Step:
    """What a stage answers to one push."""

    events: list[Event] = field(default_factory=list)
    """In order; positions never go back within a stream, nor to `through_ms` of an earlier step or before."""
    through_ms: int = 0
    """The promise: every later event lies after this position. FOREVER when the stage is done with the call."""
    audio_from: Mapping[int, int] = field(default_factory=dict)
    """Per channel, the first sample still needed. Only stages that read audio set it."""
    sounds: Mapping[str, bytes | None] = field(default_factory=dict)
    """Sound to keep in the call's hash of sounds, by source id; None removes it. Stored together with the events."""


class AudioReader(Protocol):
    """The sound of one call, by time."""

    async def read(self, channel: int, start_sample: int, end_sample: int) -> npt.NDArray[np.float32]:
        """`end_sample - start_sample` samples at the call's own rate, -1 to 1; what is missing is zero."""
        ...

    async def read_source(self, source_id: str) -> npt.NDArray[np.float32] | None:
        """The whole sound of a separated source, at the call's own rate; None where it is not kept any more."""
        ...


class CallStage(Protocol):
    """One call inside one stage."""

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        """Take the next entries, in merged order. Nothing at or before `through_ms` follows on any input.

        A stage of audio gets frames in the order of each channel, and `through_ms` 0 until all channels are closed."""
        ...

    def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step:
        """Leave out what made `push` fail again and again, and say so with a Gap (reason POISON, `detail` in it).

        That is the entry, if any, and whatever work falls due by the passing of time up to `through_ms`."""
        ...

    def snapshot(self) -> Mapping[str, bytes]:
        """The whole state in named parts; only parts whose bytes changed are written."""
        ...


@runtime_checkable
class CanShed(Protocol):
    """A CallStage that can do less while its worker is behind the sound."""

    def shed(self, level: int) -> None:
        """From the next push on: 0 = full work, 1 = less. Called again with the same level after a reload.

        What is left out belongs on the timeline, as a Degraded span."""
        ...


class Stage(Protocol):
    """A kind of stage; makes one CallStage a call."""

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> CallStage:
        """`parts` is what `snapshot` gave at the last commit, empty for a new call."""
        ...
