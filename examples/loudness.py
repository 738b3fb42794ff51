"""A stage that marks speech which is too quiet to trust: its level in dBFS, on the timeline as a Degraded span."""

import json
from collections.abc import Mapping

import numpy as np

from speakerline.shared.contract import v1
from speakerline.shared.pipeline import SPEECH, Input, StageSpec, Stream
from speakerline.shared.runtime.stage import AudioReader, CallStage, Event, Stage

LEVELS: Stream[v1.OverlapBody] = Stream("levels")
LOUDNESS = StageSpec("loudness", (Input(SPEECH),), (LEVELS,), reads_audio=True)

LONGEST_MS = 20_000
"""Of a longer segment only the end is measured, so that little sound is kept."""


class LoudnessStage(Stage):
    """Makes a LoudnessCall a call."""

    def __init__(self, quiet_dbfs: float = -45.0) -> None:
        self._quiet_dbfs = quiet_dbfs

    def open(self, call: v1.CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> CallStage:
        return LoudnessCall(call, parts, audio, self._quiet_dbfs)


class LoudnessCall(CallStage):
    """One call."""

    spec = LOUDNESS

    def __init__(self, call: v1.CallStarted, parts: Mapping[str, bytes], audio: AudioReader, quiet_dbfs: float) -> None:
        super().__init__()
        self._call, self._audio, self._quiet_dbfs = call, audio, quiet_dbfs
        state = json.loads(parts.get("state", b"{}"))
        self._quiet_ms: int = state.get("quiet_ms", 0)

    async def on_event(self, event: Event, at_ms: int) -> None:
        match event.body:
            case v1.Speech(state=v1.SpeechState.CLOSED) as speech:
                await self._measure(speech, at_ms)

    def snapshot(self) -> Mapping[str, bytes]:
        return {"state": json.dumps({"quiet_ms": self._quiet_ms}).encode()}

    def audio_from(self, through_ms: int) -> Mapping[int, int]:
        first = max(0, through_ms - LONGEST_MS) * self._call.sample_rate // 1000
        return dict.fromkeys(range(self._call.channels), first)

    async def _measure(self, speech: v1.Speech, at_ms: int) -> None:
        rate, start_ms = self._call.sample_rate, max(speech.start_ms, at_ms - LONGEST_MS)
        sound = await self._audio.read(speech.channel, start_ms * rate // 1000, speech.end_ms * rate // 1000)
        level_dbfs = 20 * np.log10(np.sqrt(np.mean(np.square(sound))) + 1e-9)
        if level_dbfs < self._quiet_dbfs:
            self._quiet_ms += speech.end_ms - speech.start_ms
            told = f"quiet speech, {level_dbfs:.0f} dBFS; {self._quiet_ms / 1000:.1f} s of it so far"
            self.publish(Event(LEVELS, at_ms, v1.Degraded(speech.start_ms, speech.end_ms, LOUDNESS.name, told)))
