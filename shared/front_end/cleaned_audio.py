"""Reads the audio of a call by time, processed by the front end that the call asked for."""

import asyncio
from concurrent.futures import Executor

from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import ms_to_samples
from speakerline.shared.contract.v1 import CallStarted, FrontEnd
from speakerline.shared.front_end.level import Leveller
from speakerline.shared.front_end.noise import denoised
from speakerline.shared.front_end.reverberation import dereverberated
from speakerline.shared.runtime.stage import AudioReader

CONTEXT_MS = 3000
"""Audio before a window from which level, noise and reverberation are estimated."""


def cleans(front_end: FrontEnd | None) -> bool:
    """Whether the front end changes the audio at all."""
    return front_end is not None and (front_end.level or front_end.denoise or front_end.dereverberate)


def clean(samples: Float32s, sample_rate: int, front_end: FrontEnd) -> Float32s:
    """The samples (n,), -1 to 1, processed: dereverberation first, because it needs linear audio, gain control last."""
    if front_end.dereverberate:
        samples = dereverberated(samples, sample_rate)
    if front_end.denoise:
        samples = denoised(samples, sample_rate)
    if front_end.level:
        samples = Leveller(sample_rate).push(samples)
    return samples


class CleanedAudio(AudioReader):
    """Reads more than was asked for, cleans it, and gives what was asked for.

    An answer depends on the sound and on (channel, start, end) alone, never on what was read before."""

    def __init__(self, audio: AudioReader, call: CallStarted, front_end: FrontEnd, executor: Executor) -> None:
        self._audio, self._rate, self._front_end, self._executor = audio, call.sample_rate, front_end, executor
        self._context = ms_to_samples(CONTEXT_MS, call.sample_rate)

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Float32s:
        """`end_sample - start_sample` cleaned samples, -1 to 1."""
        context = min(start_sample, self._context)
        sound = await self._audio.read(channel, start_sample - context, end_sample)
        work = asyncio.get_running_loop().run_in_executor
        cleaned = await work(self._executor, clean, sound, self._rate, self._front_end)
        return cleaned[context:]

    async def read_source(self, source_id: str) -> Float32s | None:
        """A source, which was separated from cleaned sound, as it is."""
        return await self._audio.read_source(source_id)
