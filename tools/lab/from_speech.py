"""From folders of single-speaker utterances to a calibration, by simulated calls."""

from collections.abc import Callable, Sequence
from dataclasses import replace

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
SHARES = {"line": 0.5, "noisy line": 0.2, "room": 0.2, "wideband": 0.1}
"""Where they take place."""


async def calibrate_from_speech(
    settings: Settings,
    pools: Sequence[Speakers],
    calls: int = 160,
    first_seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Calibration:
    """The calibration of the embedder of `settings` from simulated calls; each call draws its people from one pool.

    Simulates calls of about 90 s, and runs the vad and embedding stages on them. `progress` is called with the number
    of calls done and of all calls.
    """
    pipeline = Pipeline(settings, specs=UP_TO_OVERLAPS)
    heard: list[LabelledWindows] = []
    for number in range(calls):
        people = pools[number // len(SPEAKERS) % len(pools)]
        call = simulate_call(people, first_seed + number, some_settings(number, first_seed + number))
        one = offline(call)
        await pipeline.run(one, UP_TO_OVERLAPS)
        heard.append((call, windows_of(one)))
        progress(number + 1, calls)
    return calibrate_windows(settings.embedding_model, heard)


def some_settings(number: int, seed: int, people: int | None = None) -> CallSettings:
    """A call unlike the others: its people, unless given, length and liveliness by its number; vocal effort, level,
    noise, room and line by chance."""
    manner = Conversation(
        speakers=people or SPEAKERS[number % len(SPEAKERS)],
        duration_s=DURATIONS_S[number % len(DURATIONS_S)],
        overlap=OVERLAPS[number % len(OVERLAPS)],
    )
    random = np.random.default_rng([seed, 0xCA11])
    where = str(random.choice(list(SHARES), p=list(SHARES.values())))
    effort_db, level_spread_db = float(random.uniform(1, 4.5)), float(random.uniform(4, 14))
    ordinary = CallSettings(manner, effort_db=effort_db, level_spread_db=level_spread_db)
    match where:
        case "noisy line":
            return replace(ordinary, noise_dbfs=(-48.0, -34.0))
        case "room":
            return replace(ordinary, reverb_s=(0.15, 0.6))
        case "wideband":
            wide = CallSettings.meeting(manner)
            return replace(wide, effort_db=effort_db, level_spread_db=level_spread_db, reverb_s=(0.01, 0.5))
    return ordinary


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
