"""One call inside one worker: what to give the stage next, and what to commit. Decides; talks to nobody.

                    offer                next_unit              stepped               commit
    Redis ──XREAD──> [ waiting, merged ] ───────> stage.push ───────> [ uncommitted ] ──────> Redis
              read ids                                                cursors, outputs, parts
                 ^                                                          │
                 └───────────── reload: forget all of this, take what is committed ◄── doubt, error, fence

Read ids run ahead of cursors; a cursor moves only with the state that has seen the entry.
"""

import os
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import AUDIO, TIMELINE, EventBody, StageSpec, Stream
from speakerline.shared.runtime.log import CLOSING_ID, LAST_NUMBER, Logged
from speakerline.shared.runtime.merge import Merge
from speakerline.shared.runtime.pace import Arrival
from speakerline.shared.runtime.stage import FOREVER, Entry, Event, Frame, Step
from speakerline.shared.timeline.place import KEPT_EPOCHS

WATERMARK_MS = 200
"""A stage's promise is written to its streams whenever it passes a multiple of this."""

PIECE_BYTES = 8000
"""A frame that is larger counts as several entries in memory."""

BATCH = 256
"""The most entries given to a stage at once."""

SLICE_MS = 1000
ALONE_MS = 10_000
"""The most sound that they are about: little where a worker has other calls, which wait meanwhile."""


class BrokenPromise(RuntimeError):
    """A stage published an event before one that it had published, or before its own promise: a fault of the stage."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What a stage is given at once. `arrivals` is its first entry and its last one, where it has any that count.
    `quiet_ms`: nothing that it answers at once follows at or before this position."""

    taken: list[tuple[int, Logged]]
    through_ms: int
    quiet_ms: int = -1
    arrivals: tuple[Arrival, Arrival] | None = None

    @property
    def entries(self) -> list[Entry]:
        return [logged.entry for _, logged in self.taken if logged.entry is not None]

    @property
    def audio_at(self) -> float:
        return max((logged.audio_at for _, logged in self.taken), default=0.0)

    @property
    def problem(self) -> str:
        return next((logged.problem for _, logged in self.taken if logged.problem), "")


@dataclass(frozen=True, slots=True)
class Output:
    """An entry to add: `event` is None for a watermark or closing entry."""

    stream: Stream[Any]
    id: str
    event: EventBody | None
    audio_at: float = 0.0


@dataclass(slots=True)
class Uncommitted:
    """What happened since the last commit."""

    outputs: list[Output] = field(default_factory=list)
    sounds: dict[str, bytes | None] = field(default_factory=dict)
    dead: list[tuple[str, Logged, str]] = field(default_factory=list)
    since: float = 0.0
    """Monotonic second of the first change; 0 = nothing to commit."""


def inputs_of(spec: StageSpec, call: CallStarted) -> list[str]:
    """Names of the logs that the stage reads of this call: `speech`, ..., or `audio:0`, `audio:1`, ..."""
    if spec.inputs[0].stream == AUDIO:
        return [f"{AUDIO}:{channel}" for channel in range(call.channels)]
    return [source.stream for source in spec.inputs]


class CallWork:
    """Position, queue and uncommitted results of one call. Build it anew from the stage's fields to reload."""

    def __init__(self, spec: StageSpec, call: CallStarted, fields: Mapping[str, bytes]) -> None:
        self.spec = spec
        self.call = call
        self.inputs = inputs_of(spec, call)
        self.version = int(fields.get("version", b"0"))
        self.cursors = [_parse(fields.get(f"cursor:{name}", b"0-0")) for name in self.inputs]
        self.read = list(self.cursors)
        self.state_version = int(fields.get("state_version", b"0"))
        """Of the committed parts."""
        self.parts = {name[5:]: value for name, value in fields.items() if name.startswith("part:")}
        self.low = {name[4:]: int(value) for name, value in fields.items() if name.startswith("low:")}
        self.last = {name[5:]: _parse(value) for name, value in fields.items() if name.startswith("last:")}
        self.through_ms = int(fields.get("through", b"-1"))
        """What the stage has promised, and up to where its inputs have been given to it."""
        self.passed_ms = self._opened_ms = int(fields.get("passed", b"-1"))
        earlier = fields.get("epochs", b"").decode().split()
        self.epochs = [*earlier, os.urandom(6).hex()][-KEPT_EPOCHS:]
        """Of the timeline's events, the latest last: that of what is written from now on."""
        self.uncommitted = Uncommitted()
        self._reads_frames = spec.inputs[0].stream == AUDIO
        self._frames: list[deque[Logged]] = [deque() for _ in self.inputs]
        self._weights = [0 for _ in self.inputs]
        self._unread: set[int] = set()
        self._closed = {number for number, (position, _) in enumerate(self.cursors) if position == LAST_POSITION}
        self._merge = Merge(spec.inputs, self.cursors[: len(spec.inputs)], self.passed_ms)

    @property
    def finished(self) -> bool:
        return self.through_ms == FOREVER

    @property
    def waiting(self) -> int:
        return sum(len(queue) for queue in self._frames) + len(self._merge)

    @property
    def overtaken(self) -> bool:
        """Whether an entry was inserted where uncommitted work has passed, which must be done again with that entry."""
        return self._merge.overtaken

    @property
    def inserted(self) -> dict[str, str]:
        """Of each input whose entries are inserted, the id of the last one that is known. None where one became known
        behind its place: what has passed it must not be committed."""
        read = zip(self.spec.inputs, self.read, strict=False)
        known = {source.stream: f"{position}-{number}" for source, (position, number) in read if source.inserted}
        return {stream: "" if self.overtaken else last for stream, last in known.items()}

    @property
    def oldest_arrival(self) -> float:
        """When the first of the entries in memory came, by the clock of Redis; 0 where none waits."""
        heads = [queue[0].arrived_at for queue in self._frames if queue] + self._merge.arrivals
        return min((arrived_at for arrived_at in heads if arrived_at), default=0.0)

    def waiting_of(self, number: int) -> int:
        """What of one input waits in memory, in entries."""
        return self._weights[number] if self._reads_frames else self._merge.waiting_of(number)

    def offer(self, number: int, logged: Sequence[Logged], unread: bool = False) -> None:
        """What was read from one input, and whether the read was cut short, so that more of it may be there already."""
        (self._unread.add if unread else self._unread.discard)(number)
        if not logged:
            return
        self.read[number] = (logged[-1].position, logged[-1].number)
        if self._reads_frames:
            self._frames[number].extend(logged)
            self._weights[number] += sum(map(_weight, logged))
        else:
            self._merge.offer(number, self._placeable(number, logged))

    def _placeable(self, number: int, logged: Sequence[Logged]) -> Sequence[Logged]:
        """Without entries that lie where the committed state had passed: `insert.lua` did not write them."""
        if not self.spec.inputs[number].inserted:
            return logged
        return [one if one.position > self._opened_ms else replace(one, entry=None, unknown=True) for one in logged]

    def next_unit(self, careful: bool = False, span_ms: int = LAST_POSITION) -> Unit | None:
        """What the stage gets next, or None. Careful: one entry at a time, so that a culprit can be identified."""
        if self._reads_frames:
            return self._next_frames(1 if careful else BATCH, span_ms)
        taken, through_ms = self._merge.take(1 if careful else BATCH, span_ms)
        if not taken and through_ms <= self.passed_ms:
            return None
        inputs = [(self.spec.inputs[number], logged) for number, logged in taken]
        arrivals = ((one.position + source.delay_ms, one) for source, one in inputs if source.awaited)
        return Unit(taken, max(through_ms, self.passed_ms), self._merge.quiet_ms, _arrivals(arrivals))

    def _next_frames(self, at_most: int, span_ms: int) -> Unit | None:
        """Of the channels always the one that is behind, so that a backlog looks as it did when it came in."""
        taken: list[tuple[int, Logged]] = []
        span = span_ms * self.call.sample_rate // 1000
        while len(taken) < at_most:
            heads = [(queue[0].position, number) for number, queue in enumerate(self._frames) if queue]
            unread = [self.read[number][0] for number in self._unread if not self._frames[number]]
            if not heads or min(heads)[0] > min(unread, default=LAST_POSITION):
                break
            position, number = min(heads)
            if taken and position < LAST_POSITION and position - taken[0][1].position > span:
                break
            taken.append((number, self._frames[number].popleft()))
            self._weights[number] -= _weight(taken[-1][1])
        if not taken:
            return None
        self._closed.update(number for number, logged in taken if logged.position == LAST_POSITION)
        arrivals = _arrivals((one.position * 1000 // self.call.sample_rate, one) for _, one in taken)
        return Unit(taken, FOREVER if len(self._closed) == len(self.inputs) else 0, arrivals=arrivals)

    def tells_nothing(self, unit: Unit, tick_ms: int) -> bool:
        """Whether only time passes in the unit, and no tick of the stage."""
        return not (unit.entries or unit.problem) and unit.through_ms // tick_ms == self.passed_ms // tick_ms

    def let_pass(self, unit: Unit, now: float) -> None:
        """The stage need not see the unit."""
        self._pass(unit)
        self.uncommitted.since = self.uncommitted.since or now

    def stepped(self, unit: Unit, step: Step, now: float) -> None:
        """The stage has seen the unit. Raises BrokenPromise where its answer is out of order."""
        for event in step.events:
            self._publish(event, unit.audio_at)
        self.uncommitted.sounds.update(step.sounds)
        for channel, sample in step.audio_from.items():
            self.low[f"{AUDIO}:{channel}"] = sample + 1
        self._pass(unit)
        self._promise(step.through_ms)
        self.uncommitted.since = self.uncommitted.since or now

    def bury(self, unit: Unit, detail: str) -> None:
        """The entries of the unit go to the dead letters, with the reason."""
        for number, logged in unit.taken:
            self.uncommitted.dead.append((self.inputs[number], logged, detail))

    def due(self, now: float, lazy_s: float) -> bool:
        """Whether to commit now: at once where there is something to write, else once in a while."""
        waiting = self.uncommitted
        telling = bool(waiting.outputs or waiting.sounds or waiting.dead or self.finished)
        return telling or 0 < waiting.since <= now - lazy_s

    def _pass(self, unit: Unit) -> None:
        for number, logged in unit.taken:
            self.cursors[number] = (logged.position, logged.number)
        self.passed_ms = max(self.passed_ms, unit.through_ms)

    def _publish(self, event: Event, audio_at: float) -> None:
        position, number = self.last.get(event.stream, (-1, 0))
        promised = event.stream != TIMELINE and event.position <= self.through_ms
        if event.position < position or promised:
            reached = max(position, self.through_ms) if promised else position
            raise BrokenPromise(f"{self.spec.name} published on {event.stream} at {event.position}, after {reached}")
        number = number + 1 if event.position == position else int(event.position == 0)
        self.last[event.stream] = (event.position, number)
        self.uncommitted.outputs.append(Output(event.stream, f"{event.position}-{number}", event.body, audio_at))

    def _promise(self, through_ms: int) -> None:
        """Write the promise where it passes a watermark; an event that lies beyond it says the same by its id."""
        passed = self.through_ms // WATERMARK_MS < through_ms // WATERMARK_MS
        self.through_ms = max(self.through_ms, through_ms)
        if through_ms == FOREVER:
            self.uncommitted.outputs += [Output(stream, CLOSING_ID, None) for stream in self.spec.outputs]
        elif passed:
            for stream in self.spec.outputs:
                if stream != TIMELINE and self.last.get(stream, (-1, 0))[0] <= through_ms:
                    self.last[stream] = (through_ms, LAST_NUMBER)
                    self.uncommitted.outputs.append(Output(stream, f"{through_ms}-{LAST_NUMBER}", None))


def _arrivals(placed: Iterable[tuple[int, Logged]]) -> tuple[Arrival, Arrival] | None:
    """Of the first and the last entry that stands for sound; the end of a log does not."""
    told = [Arrival(place_ms, one.arrived_at) for place_ms, one in placed if one.position < LAST_POSITION]
    return (told[0], told[-1]) if told else None


def _weight(logged: Logged) -> int:
    return 1 + len(logged.entry.pcm) // PIECE_BYTES if isinstance(logged.entry, Frame) else 1


def _parse(raw: bytes) -> tuple[int, int]:
    position, _, number = raw.partition(b"-")
    return int(position), int(number)
