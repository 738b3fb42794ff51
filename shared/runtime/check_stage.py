"""Checks that a stage keeps every rule of the runtime, on a recording: one suite that all stages pass.

    told = await check_stage(LoudnessStage(), LOUDNESS, recording)

cut        in any batches, while time passes in any steps, it says the same
restart    opened anew from any snapshot it says the same, and gives the same snapshot
ticks      between its ticks time alone makes it say and promise nothing
promise    no event comes at or before a promised position or before an earlier event; no sound is read before
           `audio_from`; the end comes
skip       leaving an entry out, or what falls due by time, raises nothing, and what is lost is told
shed       doing less keeps all of that, and what is left out is told
bounded    the snapshot does not grow with the length of the call
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from typing import Any

from pydantic import TypeAdapter

from speakerline.shared.arrays import Float32s
from speakerline.shared.pipeline import TIMELINE, EventBody, StageSpec
from speakerline.shared.runtime.call import BrokenPromise, CallWork, Uncommitted, Unit
from speakerline.shared.runtime.recording import Batch, Recording
from speakerline.shared.runtime.stage import FOREVER, AudioReader, Entry, Event, Stage, Step

DETAIL = "left out by check_stage"

Told = Mapping[str, list[str]]
"""Of each output stream the events, as `<position>-<number> <kind> <JSON>`; of `sounds` those kept in the end."""


async def check_stage(
    stage: Stage, spec: StageSpec, recording: Recording, cuts: int = 6, skips: int = 8, rounds: int = 0
) -> Told:
    """What the stage says of the recording given at once. Raises AssertionError, which names what differs.

    cuts: how many ways of cutting are tried. skips: how many entries are left out, one at a time. rounds: how often
    the recording is played in one call to see that the snapshot stays bounded; 0 = this stage's may grow."""
    suite = _Suite(stage, spec, recording)
    whole = await suite.fed("everything at once", suite.whole())
    assert any(whole.values()), f"{spec.name}: it says nothing about this recording, so that nothing is checked"
    for seed in range(cuts):
        what = f"cut by chance ({seed})"
        suite.same(what, await suite.fed(what, recording.cut(spec, random.Random(seed))), whole)
        what = f"opened anew after every push ({seed})"
        batches = recording.cut(spec, random.Random(seed))
        suite.same(what, await suite.fed(what, batches, reopened=True), whole)
    await suite.skips(whole, skips)
    await suite.sheds(whole)
    if rounds:
        await suite.stays_bounded(rounds)
    return whole


@dataclass(slots=True)
class _Suite:
    stage: Stage
    spec: StageSpec
    recording: Recording

    def whole(self) -> list[Batch]:
        return [(self.recording.in_order(self.spec), FOREVER)]

    async def fed(self, what: str, batches: Iterable[Batch], reopened: bool = False, shed: Iterable[int] = ()) -> Told:
        """What is said when it is given these batches; `shed`: the level from each on, if any."""
        call, levels, given, rng = _Fed(self, what), iter(shed), list(batches), random.Random(what)
        for number, (entries, through_ms) in enumerate(given, 1):
            if (level := next(levels, None)) is not None:
                call.stage.shed(level)
            quiet_ms = self._quiet_ms([one for later, _ in given[number:] for one in later])
            await call.push(entries, through_ms, rng.choice((through_ms, quiet_ms)))
            if reopened:
                call.reopen()
        call.ended()
        return call.told

    def same(self, what: str, told: Told, whole: Told) -> None:
        for stream, expected in whole.items():
            for number, (one, other) in enumerate(zip_longest(told[stream], expected)):
                found = f"number {number} of {stream} is\n  {one}\nbut when everything comes at once\n  {other}"
                assert one == other, f"{self.spec.name}, {what}: {found}"

    async def skips(self, whole: Told, count: int) -> None:
        entries = self.recording.in_order(self.spec)
        for at in range(0, len(entries), max(1, len(entries) // count)):
            entry = entries[at]
            await self._skipped(whole, entries, at, entry, f"number {at} of the entries left out")
            if isinstance(entry, Event):
                unread = Event(entry.stream, entry.position, None)
                await self._skipped(whole, entries, at, unread, f"number {at} of the entries unreadable")
                await self._skipped(whole, entries, at, None, f"what falls due before number {at} left out")
        await self._skipped(whole, entries, len(entries) - 1, entries[-1], "the last entry left out")
        if isinstance(entries[-1], Event):
            await self._skipped(whole, entries, len(entries), None, "the end left out")

    async def _skipped(self, whole: Told, entries: list[Entry], at: int, entry: Entry | None, what: str) -> None:
        """As a worker does it: the call is opened anew, and the entry given up."""
        call = _Fed(self, what)
        rest = entries[at:] if entry is None else entries[at + 1 :]
        if entries[:at]:
            await call.push(entries[:at], self._before(entries[at:], entries[at - 1]), self._quiet_ms(entries[at:]))
        call.reopen()
        await call.skip(entry, self._before(rest, entries[min(at, len(entries) - 1)]) if rest else FOREVER)
        if rest:
            await call.push(rest, FOREVER)
        call.ended()
        lost = any(call.told[stream] != events for stream, events in whole.items())
        told = any(DETAIL in event for stream in self.spec.outputs for event in call.told[stream])
        assert told or not lost, f"{self.spec.name}, {what}: something is lost, and no event says `{DETAIL}`"

    def _quiet_ms(self, rest: Sequence[Entry]) -> int:
        """Up to here comes nothing of these that the stage answers at once."""
        answered = [source.stream for source in self.spec.inputs if source.answered and source.placed]
        events = (one for one in rest if isinstance(one, Event) and one.stream in answered)
        return min((self.spec.place(one.stream, one.position) - 1 for one in events), default=FOREVER)

    def _before(self, rest: list[Entry], last: Entry) -> int:
        """A position that is passed before these entries come."""
        if not isinstance(last, Event):
            return 0
        places = [self.spec.place(one.stream, one.position) for one in rest if isinstance(one, Event)]
        least = self.spec.place(last.stream, last.position) - 1
        return max(0, min((place - 1 for place in places if place), default=least))

    async def sheds(self, whole: Told) -> None:
        batches = list(self.recording.cut(self.spec, random.Random(0)))
        third = len(batches) // 3
        for what, levels in (
            ("doing less all the time", [1] * len(batches)),
            ("doing less for a while", [0] * third + [1] * third + [0]),
        ):
            told = await self.fed(what, batches, shed=levels)
            lost = any(told[stream] != events for stream, events in whole.items())
            marked = any("degraded" in event.lower() for stream in self.spec.outputs for event in told[stream])
            assert marked or not lost, f"{self.spec.name}, {what}: something is left out, and no Degraded says so"

    async def stays_bounded(self, rounds: int) -> None:
        sizes, call = [], None
        for through_ms, recording in self.recording.repeated(self.spec, rounds):
            suite = _Suite(self.stage, self.spec, recording)
            call = call or _Fed(suite, "played again and again")
            reads_frames = any(not isinstance(one, Event) for one in recording.entries)
            await call.push(recording.in_order(self.spec), 0 if reads_frames else through_ms)
            sizes.append(sum(map(len, call.stage.snapshot().values())))
        early, late = max(sizes[: rounds // 2]), max(sizes[rounds // 2 : -1])
        assert late <= 1.15 * early, f"{self.spec.name}: its snapshot grows with the call: {sizes} bytes"


class _Fed:
    """One call that is fed, and everything it has published."""

    def __init__(self, suite: _Suite, what: str) -> None:
        self.suite, self.what = suite, what
        spec, recording = suite.spec, suite.recording
        self.work = CallWork(spec, recording.call, {})
        self.told: dict[str, list[str]] = {stream: [] for stream in (*spec.outputs, "sounds")}
        self.sounds: dict[str, bytes | None] = {}
        self._audio = _Guarded(recording.audio, self)
        self.stage = suite.stage.open(recording.call, {}, self._audio)

    async def push(self, entries: Iterable[Entry], through_ms: int, quiet_ms: int = -1) -> None:
        unit, given = Unit([], through_ms), list(entries)
        silent = not given and self.work.tells_nothing(unit, self.stage.tick_ms)
        step = await self.stage.push(given, through_ms, -1 if silent else quiet_ms)
        promises = step.through_ms > self.work.through_ms and set(self.suite.spec.outputs) != {TIMELINE}
        between = f"between two ticks of {self.stage.tick_ms} ms, at {through_ms} ms"
        assert not (silent and (step.events or promises)), f"{self.name}: {between}, it has something to say"
        self._take(step, through_ms)

    async def skip(self, entry: Entry | None, through_ms: int) -> None:
        try:
            step = await self.stage.skip(entry, through_ms, DETAIL)
        except Exception as error:
            raise AssertionError(f"{self.name}: skip raises {error!r}") from error
        self._take(step, through_ms)

    def reopen(self) -> None:
        parts = dict(self.stage.snapshot())
        wrong = [name for name, part in parts.items() if not isinstance(part, bytes)]
        assert not wrong, f"{self.name}: parts {wrong} of the snapshot are no bytes"
        self._same_parts("asked twice", self.stage.snapshot(), parts)
        self.stage = self.suite.stage.open(self.suite.recording.call, parts, self._audio)
        self._same_parts("opened anew", self.stage.snapshot(), parts)

    def ended(self) -> None:
        self.told["sounds"] = [f"{name} {pcm.hex()}" for name, pcm in sorted(self.sounds.items()) if pcm is not None]
        assert self.work.finished, f"{self.name}: all inputs are closed, and it does not end"

    @property
    def name(self) -> str:
        return f"{self.suite.spec.name}, {self.what}"

    def _take(self, step: Step, through_ms: int) -> None:
        try:
            self.work.stepped(Unit([], through_ms), step, 1.0)
        except BrokenPromise as error:
            raise AssertionError(f"{self.name}: {error}") from error
        for one in self.work.uncommitted.outputs:
            if one.event is not None:
                self.told[one.stream].append(f"{one.id} {type(one.event).__name__} {_json(one.event)}")
        self.sounds |= step.sounds
        self.work.uncommitted = Uncommitted()

    def _same_parts(self, when: str, found: Mapping[str, bytes], parts: Mapping[str, bytes]) -> None:
        for name in {**parts, **found}:
            one, other = found.get(name), parts.get(name)
            assert one == other, f"{self.name}: {when}, part {name} of the snapshot is\n  {one!r}\nand was\n  {other!r}"


@dataclass(slots=True)
class _Guarded:
    """The sound of the call, as long as the stage has said that it needs it."""

    audio: AudioReader
    call: _Fed

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Float32s:
        first = self.call.work.low.get(f"audio:{channel}", 1) - 1
        said = f"reads channel {channel} from sample {start_sample}, and needed nothing before {first}"
        assert start_sample >= first, f"{self.call.name}: {said}"
        return await self.audio.read(channel, start_sample, end_sample)

    async def read_source(self, source_id: str) -> Float32s | None:
        return await self.audio.read_source(source_id)


def _json(body: EventBody) -> str:
    return _adapter(type(body)).dump_json(body, exclude_defaults=True).decode()


@cache
def _adapter(kind: type[EventBody]) -> TypeAdapter[Any]:
    """Made once for each kind; the `to_json` of a message looks its types up each time, and takes 200 times as long."""
    return TypeAdapter(kind)
