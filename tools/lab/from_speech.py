"""From a folder of single-speaker utterances to a calibration: simulated calls between people who are then told
apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from speakerline.shared.voiceprints.calibration import Calibration
from speakerline.shared.voiceprints.embedder import Embedder
from speakerline.tools.lab.calibrate import LabelledWindows, calibrate_windows
from speakerline.tools.lab.front_end import LabelledCall, Scores, listen
from speakerline.tools.media.whole_file import read_audio
from speakerline.tools.score.rttm import read_rttm
from speakerline.tools.simulate.simulator import CallSettings, simulate_call
from speakerline.tools.simulate.turn_taking import Conversation
from speakerline.tools.simulate.voices import find_utterances

SPEAKERS = (2, 2, 1, 3, 2, 2, 4, 2, 1, 3)
DURATIONS_S = (90.0, 60.0, 120.0, 90.0, 200.0, 45.0, 90.0)
OVERLAPS = (0.5, 0.2, 0.8)
"""The mix of calls: mostly two people, of all lengths, calm and lively."""
HELD_SHARE = 0.3
"""Share of the speakers who are kept for learning when two clusters are one person."""


def calibrate_from_speech(
    name: str,
    folders: Sequence[Path],
    segmentation: Scores,
    embedder: Embedder,
    fit_calls: int = 110,
    held_calls: int = 50,
    first_seed: int = 0,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Calibration:
    """The calibration of `embedder` from simulated calls; each call draws its people from one of the folders.

    Simulates fit_calls + held_calls calls of about 90 s and listens to them (about 3 s of one core each with GE2E).
    `tell` is called with the number of calls done and of all calls.
    """
    pools = [find_utterances(folder) for folder in folders]
    heard: list[LabelledWindows] = []
    for number in range(fit_calls + held_calls):
        held = number >= fit_calls
        seed = first_seed + number
        settings = CallSettings(
            Conversation(
                speakers=SPEAKERS[number % len(SPEAKERS)],
                duration_s=DURATIONS_S[number % len(DURATIONS_S)],
                overlap=OVERLAPS[number % len(OVERLAPS)],
            )
        )
        side = split_speakers(pools[number // len(SPEAKERS) % len(pools)], HELD_SHARE, first_seed)[held]
        simulated = simulate_call(side, seed, settings)
        call = LabelledCall(simulated.name, simulated.samples, simulated.rate, simulated.truth)
        heard.append((call, listen(call, segmentation, embedder)))
        tell(number + 1, fit_calls + held_calls)
    return calibrate_windows(name, heard[:fit_calls], heard[fit_calls:])


def split_speakers(
    utterances: dict[str, list[Path]], held_share: float, seed: int
) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
    """(fit, held) halves of a folder with different speakers."""
    names = sorted(utterances)
    held = set(np.random.default_rng([seed, 0x4E1D]).permutation(len(names))[: round(held_share * len(names))].tolist())
    return (
        {name: utterances[name] for at, name in enumerate(names) if at not in held},
        {name: utterances[name] for at, name in enumerate(names) if at in held},
    )


def read_labelled(audio: Path, rttm: Path) -> LabelledCall:
    """A recording and its truth; an RTTM of one recording may bear any name, one of several must have the audio's."""
    samples, rate = read_audio(audio)
    truths = read_rttm(rttm)
    if len(truths) != 1 and audio.stem not in truths:
        raise ValueError(f"{rttm} has no recording {audio.stem!r}, only {', '.join(sorted(truths)) or 'none'}")
    truth = truths.get(audio.stem) or next(iter(truths.values()))
    return LabelledCall(audio.stem, samples, rate, truth)
