"""Calls for measuring separation: people whom the separator's training never heard, and each voice by itself."""

from collections.abc import Iterator
from pathlib import Path

from speakerline.tools.simulate.simulator import CallSettings, SimulatedCall, simulate_call
from speakerline.tools.simulate.turn_taking import Conversation
from speakerline.tools.simulate.voices import find_utterances
from speakerline.tools.training.mixtures import find_speakers
from speakerline.tools.training.training import TrainSettings, split_speakers

Speakers = dict[str, list[Path]]
PEOPLE = (2, 2, 3, 2)
DURATIONS_S = (90.0, 60.0, 120.0)
OVERLAPS = (0.5, 0.5, 0.8)
"""The mix of calls: about a tenth of the speech is overlapped."""


def held_out(training: TrainSettings, more: Path | None = None) -> tuple[Speakers, Speakers]:
    """Two halves of the people that a training left out for validation; those of the folder `more` join the second.

    One to learn from how separation behaves, one to measure on."""
    speakers = find_speakers(training.speech, training.leave_out)
    _, held = split_speakers(speakers, training.validation_speakers, training.seed)
    names = sorted(held)
    fit = {name: held[name] for name in names[::2]}
    measure = {name: held[name] for name in names[1::2]}
    if more is not None and more.is_dir():
        measure |= {f"{more.name}/{name}": paths for name, paths in find_utterances(more).items()}
    return fit, measure


def simulated_calls(speakers: Speakers, count: int, first_seed: int) -> Iterator[SimulatedCall]:
    """So many calls, always the same ones."""
    for number in range(count):
        manner = Conversation(
            speakers=PEOPLE[number % len(PEOPLE)],
            duration_s=DURATIONS_S[number % len(DURATIONS_S)],
            overlap=OVERLAPS[number % len(OVERLAPS)],
        )
        yield simulate_call(speakers, first_seed + number, CallSettings(manner))
