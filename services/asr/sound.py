"""The audio of an utterance: a part of the mixture, or a source in the context of its speaker's own audio.

mixture  ~~~~~~~~~~~~~┐          ┌~~~~~~~     crossfades of 20 ms at every change, within the source
source                └~~~~~~~~~~┘
"""

import numpy as np

from speakerline.services.asr.channel import Part
from speakerline.services.asr.utterances import Utterance
from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import ms_to_samples
from speakerline.shared.runtime.stage import AudioReader
from speakerline.shared.timeline.spans import Span

FADE_MS = 20
QUIET_MS = 200
"""A pause is the quietest span of this length."""
FRAME_MS = 10


async def sound_of(utterance: Utterance, audio: AudioReader, rate: int, margin_ms: int) -> tuple[Float32s, int] | None:
    """Samples at `rate` and the ms of the call at which they begin; None where the sound of its source is not kept any
    more.

    Beyond a source at an edge the sound is the source's own, as far as it goes, and then silence: the mixture holds the
    voice of somebody else."""
    start_ms = max(0, utterance.start_ms - margin_ms)
    end_ms = utterance.end_ms + margin_ms
    mixture = await audio.read(utterance.channel, ms_to_samples(start_ms, rate), ms_to_samples(end_ms, rate))
    samples, parts = mixture.copy(), utterance.parts
    for number, part in enumerate(parts):
        if not part.source_id:
            continue
        source = await audio.read_source(part.source_id)
        if source is None:
            return None
        wide = Part(
            start_ms if number == 0 else part.start_ms,
            end_ms if number == len(parts) - 1 else part.end_ms,
            part.source_id,
            part.sound_ms,
        )
        _lay_over(samples, source, wide, start_ms, rate)
    return samples, start_ms


def _lay_over(samples: Float32s, source: Float32s, part: Part, start_ms: int, rate: int) -> None:
    """The source in place of what is there, faded in and out within its part, where that is an inner one."""
    first, last = (ms_to_samples(ms - start_ms, rate) for ms in part.span)
    offset = first - ms_to_samples(part.sound_ms - start_ms, rate)
    own: Float32s = np.zeros(last - first, np.float32)
    low, high = max(0, -offset), min(len(own), len(source) - offset)
    if low < high:
        own[low:high] = source[offset + low : offset + high]
    ramp = (np.arange(len(own), dtype=np.float32) + 0.5) / ms_to_samples(FADE_MS, rate)
    weight: Float32s = np.ones(len(own), np.float32)
    if first > 0:
        weight = np.minimum(weight, ramp)
    if last < len(samples):
        weight = np.minimum(weight, ramp[::-1])
    samples[first:last] += weight * (own - samples[first:last])


async def best_pause_ms(search: tuple[Span, ...], channel: int, audio: AudioReader, rate: int) -> int:
    """The middle of the quietest 200 ms in the spans."""
    found = [await _quietest(span, channel, audio, rate) for span in search]
    return min(found)[1]


async def _quietest(span: Span, channel: int, audio: AudioReader, rate: int) -> tuple[float, int]:
    """Mean square and place."""
    half = QUIET_MS // 2
    start_ms, end_ms = max(0, span[0] - half), span[1] + half
    samples = await audio.read(channel, ms_to_samples(start_ms, rate), ms_to_samples(end_ms, rate))
    frame = ms_to_samples(FRAME_MS, rate)
    usable = len(samples) // frame * frame
    power = np.square(samples[:usable], dtype=np.float64).reshape(-1, frame).mean(axis=1)
    width = min(QUIET_MS // FRAME_MS, len(power))
    smooth = np.convolve(power, np.full(width, 1 / width), "valid")
    at = int(smooth.argmin())
    place = start_ms + at * FRAME_MS + width * FRAME_MS // 2
    return float(smooth[at]), min(max(place, span[0]), span[1] - 1)
