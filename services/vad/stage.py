"""The VAD as a stage: channels are analysed separately, and their events merged by position.

    channel 0 ──run──┐  at 0.. 9.984 s
    channel 1 ──run──┼──> waiting, sorted by (position, channel, kind) ──> out, up to the slowest open channel
    channel 2 ──run──┘  at 0..10.016 s

So the order of events depends only on the sound. The one exception is a channel that stays away: where a frame of
another channel begins far ahead of it (VadSettings.max_skew_ms), it is not waited for any longer. The missing time
becomes a Gap, in whole multiples of that setting; audio that comes later for it is dropped. Frames of several
channels must therefore be given roughly in the order of time, also from a backlog.
"""

import json
from collections.abc import Mapping

from speakerline.services.vad.channel import Channel
from speakerline.services.vad.detector import Detect
from speakerline.services.vad.memory import restore, save
from speakerline.services.vad.settings import VadSettings
from speakerline.shared import codec
from speakerline.shared.audio.pcm import ms_to_samples
from speakerline.shared.contract.v1 import AudioEnded, CallStarted, Clipping, Dtmf, Gap, Music, Silence, Speech
from speakerline.shared.pipeline import SPEECH, VAD
from speakerline.shared.runtime.stage import (
    FOREVER,
    AudioClosed,
    AudioReader,
    CallStage,
    Entry,
    Event,
    Frame,
    KeyPress,
    Stage,
)
from speakerline.shared.runtime.together import together

_KINDS = (Gap, Dtmf, Speech, Music, Silence, Clipping)
"""The order of what one chunk decides on one channel."""


class VadStage(Stage):
    """Makes a VadCall a call; `detect` answers the requests of all of them."""

    def __init__(self, detect: Detect, settings: VadSettings | None = None) -> None:
        self._detect = detect
        self._settings = settings or VadSettings()

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> "VadCall":
        return VadCall(call, self._detect, self._settings, parts)


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

    async def on_frame(self, frame: Frame) -> None:
        """Give the frame to its channel, and stop to wait for channels that are too far behind its start."""
        start = self._channels[frame.channel].take(frame)
        given_up = start // self._skew * self._skew - self._skew
        for channel in self._channels:
            if not channel.closed and channel.sequencer.position < given_up and channel.number != frame.channel:
                channel.lag(given_up, f"nothing came while channel {frame.channel} was {self._skew} samples ahead")

    async def on_key(self, key: KeyPress) -> None:
        """Its event waits for its turn."""
        self._waiting = sorted([*self._waiting, self._channels[key.channel].press(key)], key=_order)

    async def on_closed(self, closed: AudioClosed) -> None:
        self._channels[closed.channel].close(closed)

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
        self._tell(events, through_ms)

    def snapshot(self) -> Mapping[str, bytes]:
        waiting = [(event.position, codec.write(SPEECH, _body(event)).decode()) for event in self._waiting]
        parts = {"state": json.dumps({"waiting": waiting}).encode()}
        for channel in self._channels:
            parts.update(save(channel))
        return parts

    def promise(self, through_ms: int) -> int:
        """The position that all channels have reached."""
        return min((channel.heard_ms for channel in self._channels if not channel.finished), default=FOREVER)

    def audio_from(self, through_ms: int) -> Mapping[int, int]:
        return {channel.number: channel.sequencer.position for channel in self._channels}

    def _tell(self, events: list[Event], through_ms: int) -> None:
        """Out goes what lies before the position promised; the rest waits."""
        if events:
            self._waiting = sorted(self._waiting + events, key=_order)
        promised_ms = self.promise(through_ms)
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
        return max(channel.last_ms for channel in self._channels)

    def _end(self) -> Event:
        """The last event; of the reasons of the channels the gravest: invalid, then idle, then hangup."""
        ended = AudioEnded(
            end_ms=max(channel.end_ms for channel in self._channels),
            reason=max((channel.reason for channel in self._channels), key=int),
        )
        return Event(SPEECH, self._last_ms, ended)


def _order(event: Event) -> tuple[int, int, int]:
    body = _body(event)
    return event.position, body.channel, _KINDS.index(type(body))


def _body(event: Event) -> Gap | Dtmf | Speech | Music | Silence | Clipping:
    assert isinstance(event.body, _KINDS)
    return event.body
