"""Asr that is switched off is done with a call at its first entry: it has no words, and keeps neither the call nor its
sound. Calls that began like that stay without words."""

from collections.abc import Mapping

from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import ASR
from speakerline.shared.runtime.stage import FOREVER, AudioReader, CallStage, Entry, Stage


class OffStage(Stage):
    """Makes an OffCall a call."""

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> "OffCall":
        return OffCall(call.channels)


class OffCall(CallStage):
    """One call."""

    spec = ASR

    def __init__(self, channels: int) -> None:
        super().__init__()
        self._channels = channels

    async def on_skip(self, entry: Entry | None, through_ms: int, detail: str) -> None:
        """Nothing is lost."""

    def snapshot(self) -> Mapping[str, bytes]:
        return {}

    def promise(self, through_ms: int, quiet_ms: int) -> int:
        """No word follows, whatever comes."""
        return FOREVER

    def audio_from(self, through_ms: int) -> Mapping[int, int]:
        return dict.fromkeys(range(self._channels), LAST_POSITION - 1)
