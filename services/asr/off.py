"""Asr that is switched off: no words, and no sound is kept for them."""

from collections.abc import Mapping, Sequence

from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.runtime.stage import AudioReader, CallStage, Entry, Stage, Step


class OffStage(Stage):
    """Makes an OffCall a call."""

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> "OffCall":
        return OffCall(call.channels)


class OffCall(CallStage):
    """One call."""

    def __init__(self, channels: int) -> None:
        self._needed = dict.fromkeys(range(channels), LAST_POSITION - 1)

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        return Step(through_ms=through_ms, audio_from=self._needed)

    def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step:
        return Step(through_ms=through_ms, audio_from=self._needed)

    def snapshot(self) -> Mapping[str, bytes]:
        return {}
