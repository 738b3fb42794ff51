"""From folders of single-speaker utterances to a calibration, by simulated calls."""

from collections.abc import Callable, Sequence

import numpy as np

from speakerline.shared.contract.v1 import VoiceWindow
from speakerline.shared.pipeline import VOICES
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.voiceprints.calibration import Calibration
from speakerline.tools.lab.calibrate import LabelledWindows, calibrate_windows
from speakerline.tools.lab.measuring import UP_TO_OVERLAPS, offline
from speakerline.tools.pipeline.offline import Pipeline
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.simulate.simulator import CallSettings, simulate_call
from speakerline.tools.simulate.turn_taking import Conversation
from speakerline.tools.simulate.voices import Speakers

SPEAKERS = (2, 2, 1, 3, 2, 2, 4, 2, 1, 3)
DURATIONS_S = (90.0, 60.0, 120.0, 90.0, 200.0, 45.0, 90.0)
OVERLAPS = (0.5, 0.2, 0.8)
"""The mix of calls: mostly two people, of all lengths, calm and lively."""
HELD_SHARE = 0.3
"""Share of the speakers who are kept for learning when two clusters are one person."""


async def calibrate_from_speech(
    settings: Settings,
    pools: Sequence[Speakers],
    fit_calls: int = 110,
    held_calls: int = 50,
    first_seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Calibration:
    """The calibration of the embedder of `settings` from simulated calls; each call draws its people from one pool.

    Simulates fit_calls + held_calls calls of about 90 s, and runs the vad and embedding stages on them.
    `progress` is called with the number of calls done and of all calls.
    """
    pipeline = Pipeline(settings, specs=UP_TO_OVERLAPS)
    calls: list[LabelledWindows] = []
    for number in range(fit_calls + held_calls):
        held = number >= fit_calls
        seed = first_seed + number
        manner = Conversation(
            speakers=SPEAKERS[number % len(SPEAKERS)],
            duration_s=DURATIONS_S[number % len(DURATIONS_S)],
            overlap=OVERLAPS[number % len(OVERLAPS)],
        )
        side = split_speakers(pools[number // len(SPEAKERS) % len(pools)], HELD_SHARE, first_seed)[held]
        call = simulate_call(side, seed, CallSettings(manner))
        one = offline(call)
        await pipeline.run(one, UP_TO_OVERLAPS)
        calls.append((call, windows_of(one)))
        progress(number + 1, fit_calls + held_calls)
    return calibrate_windows(settings.embedding_model, calls[:fit_calls], calls[fit_calls:])


def windows_of(call: OfflineCall) -> list[VoiceWindow]:
    """The windows of a call; the empty window that ends it is left out."""
    bodies = [event.body for event in call.events(VOICES)]
    return [one for one in bodies if isinstance(one, VoiceWindow) and one.end_ms > one.start_ms]


def split_speakers(utterances: Speakers, held_share: float, seed: int) -> tuple[Speakers, Speakers]:
    """(fit, held) halves of a folder with different speakers."""
    names = sorted(utterances)
    held = set(np.random.default_rng([seed, 0x4E1D]).permutation(len(names))[: round(held_share * len(names))].tolist())
    return (
        {name: utterances[name] for at, name in enumerate(names) if at not in held},
        {name: utterances[name] for at, name in enumerate(names) if at in held},
    )
