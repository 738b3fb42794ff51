"""Puts the front end before any stage that reads sound by time; the stage knows nothing of it.

runtime ──> CleanedCall ──> CallStage ──read──> CleanedAudio ──read──> HighPassedAudio ──read──> the call's sound
                └── asks that the sound before every window is kept, too
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from speakerline.shared.audio.pcm import ms_to_samples
from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.front_end.cleaned_audio import CONTEXT_MS, CleanedAudio, cleans
from speakerline.shared.front_end.high_pass import SETTLING_MS, HighPassedAudio
from speakerline.shared.runtime.stage import AudioReader, CallStage, Entry, Stage, Step


class FrontEndStage(Stage):
    """Every call is heard through a high-pass, and calls that ask for it get cleaned sound."""

    def __init__(self, stage: Stage, executor: Executor | None = None) -> None:
        self._stage = stage
        self._executor = executor or ThreadPoolExecutor(1, "front-end")

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> CallStage:
        heard: AudioReader = HighPassedAudio(audio, call)
        context_ms = SETTLING_MS
        if call.front_end is not None and cleans(call.front_end):
            heard = CleanedAudio(heard, call, call.front_end, self._executor)
            context_ms += CONTEXT_MS
        return CleanedCall(self._stage.open(call, parts, heard), ms_to_samples(context_ms, call.sample_rate))


class CleanedCall(CallStage):
    """One call; `context` samples before what the stage needs are needed as well."""

    def __init__(self, one: CallStage, context: int) -> None:
        super().__init__()
        self._one, self._context, self.tick_ms = one, context, one.tick_ms

    async def push(self, entries: Sequence[Entry], through_ms: int, quiet_ms: int = -1) -> Step:
        return self._kept(await self._one.push(entries, through_ms, quiet_ms))

    async def skip(self, entry: Entry | None, through_ms: int, detail: str, quiet_ms: int = -1) -> Step:
        return self._kept(await self._one.skip(entry, through_ms, detail, quiet_ms))

    def snapshot(self) -> Mapping[str, bytes]:
        return self._one.snapshot()

    def shed(self, level: int, behind_s: float = 0.0) -> None:
        self._one.shed(level, behind_s)

    def _kept(self, step: Step) -> Step:
        step.audio_from = {channel: max(0, sample - self._context) for channel, sample in step.audio_from.items()}
        return step
