"""The sound that is decoded: a stretch of the call, or a lifted voice amid it.

call     ~~~~~~~~~~~~~┐          ┌~~~~~~~     crossfades of 20 ms at every change
voice                 └~~~~~~~~~~┘
"""

import numpy as np

from speakerline.services.asr.windows import CONTEXT_MS, LiftedVoice, Region
from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import ms_to_samples
from speakerline.shared.runtime.stage import AudioReader
from speakerline.shared.timeline.spans import Span

FADE_MS = 20
QUIET_MS = 200
"""A pause is looked for as the quietest stretch of this length."""
FRAME_MS = 10

ALIKE = 0.9
"""Correlation from which two sounds say the same."""


async def read(audio: AudioReader, channel: int, span: Span, rate: int) -> Float32s:
    """The sound of a channel, at the call's rate."""
    return await audio.read(channel, ms_to_samples(span[0], rate), ms_to_samples(span[1], rate))


async def voice_amid_call(region: Region, voice: LiftedVoice, audio: AudioReader, rate: int) -> Float32s | None:
    """The region with its context, where the voice takes the place of the call; None where it is not kept any more."""
    start_ms, end_ms = context_of(region)
    source = await audio.read_source(voice.source_id)
    if source is None:
        return None
    samples = (await read(audio, region.channel, (start_ms, end_ms), rate)).copy()
    _lay_over(samples, source, ms_to_samples(voice.start_ms - start_ms, rate), rate)
    return samples


def context_of(region: Region) -> Span:
    """From where to where a region is decoded."""
    return max(0, region.start_ms - CONTEXT_MS), region.end_ms + CONTEXT_MS


async def overlaps_truly(region: Region, audio: AudioReader, rate: int) -> bool:
    """Whether each lifted voice differs from the sound of the call, and from the other voices: else nobody spoke beside
    somebody, or nothing was separated."""
    sounds = [await read(audio, region.channel, (region.start_ms, region.end_ms), rate)]
    for voice in region.voices:
        source = await audio.read_source(voice.source_id)
        if source is None:
            return False
        own: Float32s = np.zeros(len(sounds[0]), np.float32)
        _lay_over(own, source, ms_to_samples(voice.start_ms - region.start_ms, rate), rate)
        sounds.append(own)
    return all(alike(one, other) < ALIKE for at, one in enumerate(sounds) for other in sounds[:at])


def alike(one: Float32s, other: Float32s) -> float:
    """The size of the correlation of two sounds (n,), 0 to 1; 1 where one of them is silent."""
    energy = float(np.sqrt(np.dot(one, one)) * np.sqrt(np.dot(other, other)))
    return abs(float(np.dot(one, other))) / energy if energy > 0 else 1.0


def _lay_over(samples: Float32s, source: Float32s, offset: int, rate: int) -> None:
    """The source in place of what is there from `offset` on, faded in and out."""
    low, high = max(0, offset), min(len(samples), offset + len(source))
    if low >= high:
        return
    own = source[low - offset : high - offset]
    ramp = (np.arange(len(own), dtype=np.float32) + 0.5) / ms_to_samples(FADE_MS, rate)
    weight = np.minimum(1, np.minimum(ramp, ramp[::-1]))
    samples[low:high] += weight * (own - samples[low:high])


async def best_pause_ms(search: Span, channel: int, audio: AudioReader, rate: int) -> int:
    """The middle of the quietest 200 ms in the stretch."""
    half = QUIET_MS // 2
    start_ms, end_ms = max(0, search[0] - half), search[1] + half
    samples = await read(audio, channel, (start_ms, end_ms), rate)
    frame = ms_to_samples(FRAME_MS, rate)
    usable = len(samples) // frame * frame
    power = np.square(samples[:usable], dtype=np.float64).reshape(-1, frame).mean(axis=1)
    width = min(QUIET_MS // FRAME_MS, len(power))
    smooth = np.convolve(power, np.full(width, 1 / width), "valid")
    place = start_ms + int(smooth.argmin()) * FRAME_MS + width * FRAME_MS // 2
    return min(max(place, search[0]), search[1] - 1)
