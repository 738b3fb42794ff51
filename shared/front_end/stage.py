"""Puts the front end before any stage that reads sound by time; the stage knows nothing of it.

runtime ──> CleanedCall ──> CallStage ──read──> CleanedAudio ──read──> the call's sound
                └── asks that the sound before every window is kept, too
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from speakerline.shared.audio.pcm import ms_to_samples
from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.front_end.cleaned_audio import CONTEXT_MS, CleanedAudio, cleans
from speakerline.shared.runtime.stage import AudioReader, CallStage, Entry, Stage, Step


class FrontEndStage(Stage):
    """Calls that ask for cleaned sound get it; of all others `stage` alone takes care."""

    def __init__(self, stage: Stage, executor: Executor | None = None) -> None:
        self._stage = stage
        self._executor = executor or ThreadPoolExecutor(1, "front-end")

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> CallStage:
        if call.front_end is None or not cleans(call.front_end):
            return self._stage.open(call, parts, audio)
        one = self._stage.open(call, parts, CleanedAudio(audio, call, call.front_end, self._executor))
        context = ms_to_samples(CONTEXT_MS, call.sample_rate)
        return CleanedCall(one, context)


class CleanedCall(CallStage):
    """One call; `context` samples before what the stage needs are needed as well."""

    def __init__(self, one: CallStage, context: int) -> None:
        super().__init__()
        self._one, self._context = one, context

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        return self._kept(await self._one.push(entries, through_ms))

    async def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step:
        return self._kept(await self._one.skip(entry, through_ms, detail))

    def snapshot(self) -> Mapping[str, bytes]:
        return self._one.snapshot()

    def shed(self, level: int, behind_s: float = 0.0) -> None:
        self._one.shed(level, behind_s)

    def _kept(self, step: Step) -> Step:
        step.audio_from = {channel: max(0, sample - self._context) for channel, sample in step.audio_from.items()}
        return step
