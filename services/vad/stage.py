"""The VAD as a stage: channels are analysed separately, and their events merged by position.

    channel 0 ──run──┐  at 0.. 9.984 s
    channel 1 ──run──┼──> waiting, sorted by (position, channel, kind) ──> out, up to the slowest that is waited for
    channel 2 ──run──┘  at 0..10.016 s

So the order of events depends only on the sound. The one exception is a channel that brings nothing while others do:
it is not waited for (awaiting.py). What it brings late is heard, and told behind what was told meanwhile. Where a frame
of another channel begins far ahead (VadSettings.max_skew_ms), the missing time becomes a Gap, in whole multiples of
that setting; audio that comes later for it is dropped. Frames of several channels must therefore be given roughly in
the order of time, also from a backlog.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter

from speakerline.services.vad.awaiting import Awaiting, Line
from speakerline.services.vad.channel import Channel
from speakerline.services.vad.copies import WithoutCopies
from speakerline.services.vad.detector import Detect, chunk_samples
from speakerline.services.vad.memory import restore, save
from speakerline.services.vad.settings import VadSettings
from speakerline.shared import codec
from speakerline.shared.audio.pcm import ms_to_samples, samples_to_ms
from speakerline.shared.codec import MAX_CHANNELS
from speakerline.shared.contract.v1 import (
    Absence,
    AudioEnded,
    CallStarted,
    ChannelMode,
    Clipping,
    Dtmf,
    FormatDoubt,
    Gap,
    Idle,
    Music,
    Silence,
    Speech,
)
from speakerline.shared.pipeline import SPEECH, VAD
from speakerline.shared.runtime.stage import (
    FOREVER,
    AudioClosed,
    AudioIdle,
    AudioReader,
    CallStage,
    Entry,
    Event,
    Frame,
    KeyPress,
    Stage,
)
from speakerline.shared.runtime.together import together

_KINDS = (Idle, Absence, FormatDoubt, Gap, Dtmf, Speech, Music, Silence, Clipping)
"""The order of what one chunk decides on one channel; an absence begins after everything else."""


_STORED = attrgetter(*(one.name for one in fields(Line)))
"""What `Line` takes; `astuple` would copy all of it, for every commit of every call."""


class VadStage(Stage):
    """Makes a VadCall a call; `detect` answers the requests of all of them."""

    def __init__(self, detect: Detect, settings: VadSettings | None = None) -> None:
        self._detect = detect
        self._settings = settings or VadSettings()

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> CallStage:
        one = VadCall(call, self._detect, self._settings, parts)
        if call.channels > 1 and call.channel_mode != ChannelMode.SEPARATE:
            return WithoutCopies(one, call, parts, audio)
        return one


class VadCall(CallStage):
    """One call."""

    spec = VAD

    def __init__(self, call: CallStarted, detect: Detect, settings: VadSettings, parts: Mapping[str, bytes]) -> None:
        super().__init__()
        self._detect = detect
        self._channels = [Channel(number, call, settings) for number in range(max(1, call.channels))]
        for channel in self._channels:
            restore(channel, parts)
        state = json.loads(parts.get("state", b"{}"))
        self._waiting = [Event(SPEECH, at_ms, codec.read(SPEECH, body)) for at_ms, body in state.get("waiting", [])]
        self._skew = ms_to_samples(settings.max_skew_ms, call.sample_rate)
        patience = ms_to_samples(settings.patience_ms, call.sample_rate)
        self._awaiting = Awaiting(len(self._channels), patience, chunk_samples(call.sample_rate))
        self._idle_ms: int | None = state.get("idle_ms")
        """Where the sound ends, while the call is idle."""
        if "lines" in state:
            self._awaiting.reached_ms = state["reached_ms"]
            self._awaiting.lines = [Line(*line) for line in state["lines"]]
        else:
            for channel in self._channels:  # new, or as an older version left it
                self._awaiting.give_up(channel.number, channel.sequencer.position)
                if channel.closed:
                    self._awaiting.close(channel.number)

    async def on_frame(self, frame: Frame) -> None:
        """Give the frame to its channel, and stop to wait for channels that are behind its start."""
        channel, reached_ms = self._channels[frame.channel], self._awaiting.reached_ms
        if self._awaiting.lines[frame.channel].absent and (start := channel.sequencer.start_of(frame)) is not None:
            channel.come_back(reached_ms + 1, start)
            if self._idle_ms is not None:
                end_ms = max(self._idle_ms, samples_to_ms(start, channel.sequencer.sample_rate))
                self._wait(Event(SPEECH, reached_ms + 1, Idle(self._idle_ms, end_ms, over=True)))
                self._idle_ms = None
        before = channel.sequencer.position
        start = channel.take(frame, reached_ms)
        for doubt in channel.doubt(frame, start):
            self._wait(Event(SPEECH, max(doubt.position, reached_ms + 1), _body(doubt)))
        if channel.sequencer.position > before:
            for absent in self._awaiting.bring(frame.channel, start, channel.sequencer.position):
                self._channels[absent].leave(reached_ms + 1)
        given_up = start // self._skew * self._skew - self._skew
        for other in self._channels:
            if not other.closed and other.sequencer.position < given_up and other is not channel:
                detail = f"nothing came while channel {frame.channel} was {self._skew} samples ahead"
                other.lag(given_up, detail, self._awaiting.reached_ms)
                self._awaiting.give_up(other.number, given_up)

    async def on_key(self, key: KeyPress) -> None:
        """Its event waits for its turn."""
        event = self._channels[key.channel].press(key)
        at_ms = max(event.position, self._awaiting.reached_ms + 1)
        self._wait(Event(SPEECH, at_ms, _body(event)))

    def _wait(self, event: Event) -> None:
        self._waiting = sorted([*self._waiting, event], key=_order)

    async def on_idle(self, idle: AudioIdle) -> None:
        """All that came is told; every channel is absent until sound comes."""
        if self._idle_ms is not None:
            return
        gone = self._awaiting.pause()
        at_ms = self._awaiting.reached_ms
        for number in gone:
            self._channels[number].leave(at_ms)
        self._idle_ms = max(channel.end_ms for channel in self._channels)
        self._wait(Event(SPEECH, at_ms, Idle(self._idle_ms, self._idle_ms)))

    async def on_closed(self, closed: AudioClosed) -> None:
        self._channels[closed.channel].close(closed, self._awaiting.reached_ms)
        self._awaiting.close(closed.channel)

    async def work(self, through_ms: int) -> None:
        busy = [channel for channel in self._channels if channel.busy]
        if len(busy) == 1:
            decided = [await busy[0].run(self._detect)]
        else:
            decided = await together(channel.run(self._detect) for channel in busy)
        self._tell([event for events in decided for event in events], through_ms)

    async def on_skip(self, entry: Entry | None, through_ms: int, detail: str) -> None:
        """A frame or a key press becomes a Gap. A closing entry closes anyway; less than a chunk is left out."""
        events: list[Event] = []
        if isinstance(entry, Frame):
            events = self._channels[entry.channel].skip(entry.end_sample, detail)
        elif isinstance(entry, KeyPress):
            channel = self._channels[entry.channel]
            events = channel.skip(channel.sequencer.position, detail)
        elif isinstance(entry, AudioClosed):
            channel = self._channels[entry.channel]
            events = channel.skip(channel.sequencer.position, detail) + channel.finish(entry.reason)
        reached_ms = self._awaiting.reached_ms
        if isinstance(entry, Frame | KeyPress | AudioClosed):
            channel = self._channels[entry.channel]
            self._awaiting.give_up(channel.number, channel.sequencer.position)
            if channel.closed:
                self._awaiting.close(channel.number)
        placed = [Event(SPEECH, max(event.position, reached_ms + 1), _body(event)) for event in events]
        self._tell(placed, through_ms)

    def snapshot(self) -> Mapping[str, bytes]:
        waiting = [(event.position, codec.write(SPEECH, _body(event)).decode()) for event in self._waiting]
        lines = [_STORED(line) for line in self._awaiting.lines]
        state = {
            "waiting": waiting,
            "reached_ms": self._awaiting.reached_ms,
            "lines": lines,
            "idle_ms": self._idle_ms,
        }
        parts = {"state": json.dumps(state).encode()}
        for channel in self._channels:
            parts.update(save(channel))
        return parts

    def promise(self, through_ms: int, quiet_ms: int) -> int:
        return self._reached_ms

    @property
    def _reached_ms(self) -> int:
        """The position that all channels have reached for which the call waits."""
        return FOREVER if all(channel.finished for channel in self._channels) else self._awaiting.reached_ms

    def audio_from(self, through_ms: int) -> Mapping[int, int]:
        return {channel.number: channel.sequencer.position for channel in self._channels}

    def _tell(self, events: list[Event], through_ms: int) -> None:
        """Out goes what lies before the position promised; the rest waits."""
        if events:
            self._waiting = sorted(self._waiting + events, key=_order)
        promised_ms = self._reached_ms
        out = [event for event in self._waiting if event.position <= promised_ms]
        self._waiting = self._waiting[len(out) :]
        if promised_ms == FOREVER:
            out = [Event(SPEECH, min(event.position, self._last_ms), _body(event)) for event in out]
        self.publish(*out)
        if through_ms == FOREVER:
            self.publish(self._end())

    @property
    def _last_ms(self) -> int:
        """Position of the last events; a key may be pressed behind the last sound."""
        return max(self._awaiting.reached_ms + 1, *(channel.last_ms for channel in self._channels))

    def _end(self) -> Event:
        """The last event; of the reasons of the channels the gravest: invalid, then idle, then hangup."""
        ended = AudioEnded(
            end_ms=max(channel.end_ms for channel in self._channels),
            reason=max((channel.reason for channel in self._channels), key=int),
        )
        return Event(SPEECH, self._last_ms, ended)


def _order(event: Event) -> tuple[int, int, int]:
    body = _body(event)
    if isinstance(body, Idle):
        return event.position, -1 if body.over else MAX_CHANNELS, 0
    rank = len(_KINDS) if isinstance(body, Absence) and not body.over else _KINDS.index(type(body))
    return event.position, body.channel, rank


def _body(event: Event) -> Idle | Absence | FormatDoubt | Gap | Dtmf | Speech | Music | Silence | Clipping:
    assert isinstance(event.body, _KINDS)
    return event.body
