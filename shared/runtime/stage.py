"""What a stage is: one object a call, fed entries in order, that answers with what to publish.

A stage holds no clock, no queue and no connection. The runtime owns the dictionary of calls, reads, merges, batches,
commits and hands over. What a stage answers must depend only on the entries, never on how they were cut into batches:
`push([a, b], t)` publishes what `push([a], a.position)` and then `push([b], t)` publish. Above all, the position of an
event must not follow from `through_ms` or from a promise made: both come in other steps in every run, and a call that
ends may never hear of the last ones.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from speakerline.shared.arrays import Float32s
from speakerline.shared.contract.v1 import CallStarted, EndReason, Gap, GapReason
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import Body, EventBody, StageSpec, Stream


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
    audio_at: float = field(default=0.0, compare=False)
    """The second at which its sound reached the producer, by the clock of that; 0 = it does not say."""


@dataclass(frozen=True, slots=True)
class KeyPress:
    """A key was pressed on one channel, at sample `at_sample`. `digit` is what the producer wrote, whatever it is."""

    channel: int
    at_sample: int
    digit: str


@dataclass(frozen=True, slots=True)
class AudioIdle:
    """Nothing has come on any channel for a while; written by the runtime, behind sample `at_sample` of one of them."""

    channel: int
    at_sample: int


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


Entry = Frame | KeyPress | AudioIdle | AudioClosed | Event


@dataclass(slots=True)
class Step:
    """What a stage answers to one push."""

    events: list[Event] = field(default_factory=list)
    """In order; positions never go back within a stream, nor to `through_ms` of an earlier step or before."""
    through_ms: int = 0
    """The promise: every later event lies after this position. FOREVER when the stage is done with the call."""
    audio_from: Mapping[int, int] = field(default_factory=dict)
    """Per channel, the first sample still needed. Only stages that read audio set it."""
    sounds: dict[str, bytes | None] = field(default_factory=dict)
    """Sound to keep in the call's hash of sounds, by source id; None removes it. Stored together with the events."""


class AudioReader(Protocol):
    """The sound of one call, by time."""

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Float32s:
        """`end_sample - start_sample` samples at the call's own rate, -1 to 1; what is missing is zero."""
        ...

    async def read_source(self, source_id: str) -> Float32s | None:
        """The whole sound of a separated source, at the call's own rate; None where it is not kept any more."""
        ...


class CallStage(ABC):
    """One call inside one stage. A stage writes the steps that it needs:

        push ──> on_frame, on_key, on_closed | on_time, on_event
                 once for each entry     ──> on_time | on_end ──> work ──> promise, audio_from ──> Step
                                             once                once
        skip ──> on_skip ──────────────────────────────────────────────────────────────> promise, audio_from ──> Step

    The steps before `work` take things in; what falls due meanwhile runs together in `work`, so that models see large
    batches. Where a step raises, the call is opened anew from its last snapshot."""

    spec: StageSpec
    tick_ms = 1
    """Time that passes without an entry is told when it passes a multiple of this: between two of them the stage has
    nothing to say. FOREVER = only the end."""

    def __init__(self) -> None:
        self.shed_level = 0
        self.behind_s = 0.0
        self._out = Step()

    async def push(self, entries: Sequence[Entry], through_ms: int, quiet_ms: int = -1) -> Step:
        """Take the next entries, in merged order. Nothing at or before `through_ms` follows on any input, nor at or
        before `quiet_ms` on one that is answered at once.

        A stage of audio gets frames in the order of each channel, and `through_ms` 0 until all channels are closed.
        FOREVER comes once."""
        await self.take(entries, through_ms)
        await self.work(through_ms)
        return self._step(through_ms, quiet_ms)

    async def skip(self, entry: Entry | None, through_ms: int, detail: str, quiet_ms: int = -1) -> Step:
        """Leave out what made `push` fail again and again, and say so with a Gap (reason POISON, `detail` in it).

        That is the entry, if any, and whatever work falls due by the passing of time up to `through_ms`."""
        await self.on_skip(entry, through_ms, detail)
        return self._step(through_ms, quiet_ms)

    @abstractmethod
    def snapshot(self) -> Mapping[str, bytes]:
        """The whole state in named parts, as it is between two pushes; only parts whose bytes changed are written."""

    def shed(self, level: int, behind_s: float = 0.0) -> None:
        """Called before every push: 0 = full work, 1 = less, and how late the entries come that are pushed next.

        A stage that can do less looks at `shed_level`. What it leaves out is told by a Degraded span."""
        self.shed_level, self.behind_s = level, behind_s

    async def on_frame(self, frame: Frame) -> None:
        """The next frame of a channel."""

    async def on_key(self, key: KeyPress) -> None:
        """A key was pressed; it comes after the frames that end before it."""

    async def on_idle(self, idle: AudioIdle) -> None:
        """Nothing has come on any channel for a while."""

    async def on_closed(self, closed: AudioClosed) -> None:
        """No frame of that channel follows."""

    async def on_event(self, event: Event, at_ms: int) -> None:
        """The next event. `at_ms`: its place in the order of all inputs, 0 on an input that has none in it."""

    async def on_time(self, through_ms: int) -> None:
        """Nothing at or before this position follows; called before every event that has a place, too."""

    async def on_end(self) -> None:
        """All inputs are closed. Unless overridden, the last moment of time."""
        await self.on_time(FOREVER)

    async def on_skip(self, entry: Entry | None, through_ms: int, detail: str) -> None:
        """Publish what `skip` has to say, here a Gap in place of the event; never ask a model."""
        if isinstance(entry, Event):
            at_ms = self.place(entry)
            self.publish(Event(self.spec.outputs[-1], at_ms, self.gap(entry, at_ms, detail)))

    async def work(self, through_ms: int) -> None:
        """Run everything that fell due, and publish it."""

    def promise(self, through_ms: int, quiet_ms: int) -> int:
        """Every later event lies after this position. Not asked at the end, when nothing follows.

        Beyond `through_ms` only time can make the stage say something, and up to `quiet_ms` that alone."""
        return through_ms

    def audio_from(self, through_ms: int) -> Mapping[int, int]:
        """Per channel, the first sample still needed. Only stages that read audio have one."""
        return {}

    def publish(self, *events: Event) -> None:
        """Answer with these, in this order."""
        self._out.events += events

    def keep(self, sounds: Mapping[str, bytes | None]) -> None:
        """Answer with these sounds, by source id; None removes one."""
        self._out.sounds |= sounds

    def place(self, event: Event) -> int:
        """Where an event stands in the order of all inputs; 0 where its input has no place in it."""
        return self.spec.place(event.stream, event.position)

    def gap(self, event: Event | None, at_ms: int, detail: str) -> Gap:
        """The stretch that a skipped event speaks of, else the moment `at_ms`."""
        body = None if event is None else event.body
        start_ms, end_ms = getattr(body, "start_ms", at_ms), getattr(body, "end_ms", at_ms)
        return Gap(getattr(body, "channel", 0), start_ms, end_ms, GapReason.POISON, self.spec.name, detail)

    async def take(self, entries: Sequence[Entry], through_ms: int) -> None:
        """The steps before `work`."""
        for entry in entries:
            if isinstance(entry, Frame):
                await self.on_frame(entry)
            elif isinstance(entry, KeyPress):
                await self.on_key(entry)
            elif isinstance(entry, AudioIdle):
                await self.on_idle(entry)
            elif isinstance(entry, AudioClosed):
                await self.on_closed(entry)
            else:
                if at_ms := self.place(entry):
                    await self.on_time(at_ms - 1)
                await self.on_event(entry, at_ms)
        if through_ms == FOREVER:
            await self.on_end()
        else:
            await self.on_time(through_ms)

    def _step(self, through_ms: int, quiet_ms: int) -> Step:
        step, self._out = self._out, Step()
        quiet_ms = max(through_ms, quiet_ms)
        step.through_ms = FOREVER if through_ms == FOREVER else self.promise(through_ms, quiet_ms)
        step.audio_from = self.audio_from(through_ms)
        return step


class Stage(Protocol):
    """A kind of stage; makes one CallStage a call."""

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> CallStage:
        """`parts` is what `snapshot` gave at the last commit, empty for a new call."""
        ...
