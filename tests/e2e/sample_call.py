"""The sample call of pyannote.audio, a real phone call of two women: its sound in any encoding, and who spoke when."""

import asyncio
import functools

import numpy as np
import soxr

from speakerline.shared.arrays import Int16s
from speakerline.shared.audio.pcm import bytes_per_sample, encode, ms_to_samples, to_int16
from speakerline.shared.contract.v1 import CallStarted, ChannelMode, Encoding
from speakerline.tools.media.reading import open_recording
from speakerline.tools.sample_call import sample_call
from speakerline.tools.score.files import Labels, read_rttm
from tests.e2e.wire import WireCall

RATES = {Encoding.MULAW: 8000, Encoding.ALAW: 8000, Encoding.S16LE: 16000}
"""What a telephone line and a softphone send."""


def announcement(
    call_id: str, encoding: Encoding, channels: int = 1, mode: ChannelMode = ChannelMode.AUTO
) -> CallStarted:
    """Always the same but for the id, so that timelines can be compared byte by byte."""
    return CallStarted(
        call_id=call_id,
        sample_rate=RATES[encoding],
        encoding=encoding,
        channels=channels,
        channel_mode=mode,
        producer_id="exchange",
    )


@functools.cache
def samples(sample_rate: int) -> Int16s:
    """The whole call, mono."""
    (sound,) = open_recording(sample_call(), "mix").read()
    return to_int16(soxr.resample(sound, 16000, sample_rate))


@functools.cache
def pcm(encoding: Encoding, seconds: int = 30) -> bytes:
    """The call, or its beginning, as a producer sends it."""
    return encode(samples(RATES[encoding])[: seconds * RATES[encoding]], encoding)


def labels() -> Labels:
    """Per speaker, when they talk: the reference made by hand."""
    (found,) = read_rttm(sample_call().with_suffix(".rttm")).values()
    return found


def alone(speaker: str, sample_rate: int) -> Int16s:
    """The same call with only this speaker in it: where somebody else talks, too, there is silence."""
    own, others = labels()[speaker], [span for who, spans in labels().items() if who != speaker for span in spans]
    heard = np.zeros(len(samples(sample_rate)), bool)
    for value, spans in ((True, own), (False, others)):
        for start_ms, end_ms in spans:
            heard[ms_to_samples(start_ms, sample_rate) : ms_to_samples(end_ms, sample_rate)] = value
    return np.where(heard, samples(sample_rate), 0).astype(np.int16)


def frames(sound: bytes, encoding: Encoding, frame_ms: int) -> list[tuple[int, bytes]]:
    """Pieces of the sound, each with the position after its last sample."""
    width = bytes_per_sample(encoding)
    size = ms_to_samples(frame_ms, RATES[encoding]) * width
    pieces = [sound[at : at + size] for at in range(0, len(sound), size)]
    ends = np.cumsum([len(piece) // width for piece in pieces]).tolist()
    return list(zip(ends, pieces, strict=True))


async def trickle(call: WireCall, encoding: Encoding, speed: float, seconds: int = 30) -> None:
    """20 ms frames of the call or its beginning, paced as a telephone would, `speed` times as fast."""
    clock = asyncio.get_running_loop().time
    started = clock()
    for number, (end_sample, piece) in enumerate(frames(pcm(encoding, seconds), encoding, 20)):
        await asyncio.sleep(max(0.0, started + number * 0.02 / speed - clock()))
        await call.frame(end_sample, piece)
    await call.close()
