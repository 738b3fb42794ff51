"""Which channels of a recording are worth sending: one pass over all of it, before anything is sent.

Channels without a voice and copies of better ones are left out. Where no channel has a voice, nothing is decided.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from speakerline.services.vad.build import Settings, load_detector
from speakerline.services.vad.detector import FRESH, Detector, Request
from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.survey import BLOCK_MS, ChannelSurvey
from speakerline.shared.front_end.high_pass import HighPass

VOICE = 0.5
"""Mean probability of speech from which a block counts as voiced."""
VOICED_BLOCKS = 2
"""A channel with less is one without a voice: a detector errs for a moment in hours of noise."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """kept: channels, ascending. left_out: why each of the others is not."""

    kept: tuple[int, ...]
    left_out: dict[int, str]


def choose(blocks: Iterator[Float32s], channels: int, rate: int) -> Chosen:
    """`blocks`: the recording in blocks (channels, n) of BLOCK_MS at 8 or 16 kHz; a shorter last one is passed over."""
    survey, detector = ChannelSurvey(channels, rate), load_detector(Settings.from_environment())
    states, passes = [FRESH] * channels, [HighPass(rate) for _ in range(channels)]
    for block in blocks:
        if block.shape[1] == BLOCK_MS * rate // 1000:
            heard = np.stack([one.push(sound) for one, sound in zip(passes, block, strict=True)])
            survey.push(heard, _voiced(detector, heard, rate, states))
    silent = [side.voiced < VOICED_BLOCKS for side in survey.sides]
    left_out = {}
    for channel in range(channels):
        if silent[channel] and not all(silent):
            left_out[channel] = "no voice on it"
        elif copy := survey.copy_of(channel):
            left_out[channel] = str(copy)
    return Chosen(tuple(one for one in range(channels) if one not in left_out), left_out)


def _voiced(detector: Detector, block: Float32s, rate: int, states: list[bytes]) -> list[bool]:
    """Where somebody speaks; `states` of the detector go on."""
    requests = [Request(rate, state, np.ascontiguousarray(one)) for state, one in zip(states, block, strict=True)]
    answers = detector.run(requests)
    states[:] = [answer.state for answer in answers]
    return [float(answer.probabilities.mean()) >= VOICE for answer in answers]
