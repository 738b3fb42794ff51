"""From folders of single-speaker utterances to a calibration, by simulated calls."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from speakerline.shared.contract.v1 import VoiceWindow
from speakerline.shared.pipeline import VOICES
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.voiceprints.calibration import Calibration
from speakerline.shared.voiceprints.vectors import decode_vector
from speakerline.tools.lab.calibrate import LabelledWindows, calibrate_windows, remember, voices_of
from speakerline.tools.lab.enrolled import (
    ENROLLED_RECORDINGS,
    LINES,
    Voices,
    enrolled_voices,
    second_halves,
)
from speakerline.tools.lab.measuring import UP_TO_OVERLAPS, offline
from speakerline.tools.pipeline.offline import Pipeline
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.simulate.simulator import CallSettings, SimulatedCall, simulate_call
from speakerline.tools.simulate.turn_taking import Conversation
from speakerline.tools.simulate.voices import Speakers

SPEAKERS = (2, 2, 1, 3, 2, 2, 4, 2, 1, 3)
DURATIONS_S = (90.0, 60.0, 120.0, 90.0, 200.0, 45.0, 90.0)
OVERLAPS = (0.5, 0.2, 0.8)
"""The mix of calls: mostly two people, of all lengths, calm and lively."""
SHARES = {"line": 0.5, "noisy line": 0.2, "room": 0.2, "wideband": 0.1}
"""Where they take place."""
NAMING_CALLS = 20
"""Further calls, between people who are enrolled: from them it is learned when a name is given."""


async def calibrate_from_speech(
    settings: Settings,
    pools: Sequence[Speakers],
    calls: int = 160,
    first_seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Calibration:
    """The calibration of the embedder of `settings` from simulated calls; each call draws its people from one pool.

    Simulates calls of about 90 s, and NAMING_CALLS of people who are enrolled; runs the vad and embedding stages on
    them. `progress` is called with the number of calls done and of all calls. Raises ValueError where fewer than two
    people have ENROLLED_RECORDINGS.
    """
    people = _enrollable(pools)
    pipeline = Pipeline(settings, specs=UP_TO_OVERLAPS)
    heard: list[LabelledWindows] = []
    for number in range(calls):
        people = pools[number // len(SPEAKERS) % len(pools)]
        call = simulate_call(people, first_seed + number, some_settings(number, first_seed + number))
        one = offline(call)
        await pipeline.run(one, UP_TO_OVERLAPS)
        heard.append((call, windows_of(one)))
        progress(number + 1, calls + NAMING_CALLS)
    named: list[tuple[Voices, Voices]] = []
    enrolled, spoken = enrolled_voices(people), second_halves(people)
    for number in range(NAMING_CALLS):
        call = _naming_call(spoken, number, first_seed + calls + number)
        one = offline(call)
        await pipeline.run(one, UP_TO_OVERLAPS)
        if history := remember(windows_of(one)):
            known = {
                name: decode_vector(voice.at_rate(call.rate)).astype(np.float64) for name, voice in enrolled.items()
            }
            named.append((voices_of(history, call.truth), known))
        progress(calls + number + 1, calls + NAMING_CALLS)
    return calibrate_windows(settings.embedding_model, heard, named)


def _enrollable(pools: Sequence[Speakers]) -> Speakers:
    people = {name: files for pool in pools for name, files in pool.items() if len(files) >= ENROLLED_RECORDINGS}
    if len(people) < 2:
        raise ValueError(
            f"names are judged from people with {ENROLLED_RECORDINGS} recordings or more: expected at least two, "
            f"got {len(people)}"
        )
    return dict(list(people.items())[: 2 * NAMING_CALLS])


def _naming_call(spoken: Speakers, number: int, seed: int) -> SimulatedCall:
    """Two people, others on every call while there are some, on the lines of LINES in turn."""
    names = list(spoken)
    pair = [names[at % len(names)] for at in (2 * number, 2 * number + 1)]
    return simulate_call(spoken, seed, list(LINES.values())[number % len(LINES)], pair)


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
