"""Asr as a stage."""

from collections.abc import Mapping, Sequence

from shared.contract.v1 import CallStarted
from shared.runtime.stage import AudioReader, CallStage, Entry, Stage, Step


class AsrStage(Stage):
    """Makes a AsrCall a call."""

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> "AsrCall":
        return AsrCall()


class AsrCall(CallStage):
    """One call."""

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        return Step(through_ms=through_ms, audio_from={0: 2**40})

    def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step:
        return Step(through_ms=through_ms, audio_from={0: 2**40})

    def snapshot(self) -> Mapping[str, bytes]:
        return {}
