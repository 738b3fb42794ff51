"""The gain of separation: simulated calls of people it was not trained on, with separation on and off, in one run.

`python -m speakerline.tools.lab.separation_gain DATA` prints a table of docs/accuracy.md; with `--fit` it first learns
from other people how good a separated voice is (`services/separation/quality.npz`), which a new network needs.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from speakerline.services.separation.quality import WEIGHTS, learned
from speakerline.services.separation.separator import load_separator
from speakerline.tools.lab.measuring import (
    UP_TO_OVERLAPS,
    off_and_on,
    offline,
    overlaps,
    pooled,
    report,
    shares,
    with_progress,
)
from speakerline.tools.lab.separation_quality import estimated_and_true, examples
from speakerline.tools.pipeline.offline import Pipeline
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.score.report import Labelling
from speakerline.tools.simulate.simulator import CallSettings, SimulatedCall, simulate_call
from speakerline.tools.simulate.turn_taking import Conversation
from speakerline.tools.simulate.voices import Speakers, find_utterances
from speakerline.tools.training.training import TrainSettings, read_settings, speakers_of

TRAINING = Path(__file__).parents[1] / "training" / "train.yaml"
FIT_SEED, MEASURE_SEED = 8000, 7000
PEOPLE = (2, 2, 3, 2)
DURATIONS_S = (90.0, 60.0, 120.0)
OVERLAPS = (0.5, 0.5, 0.8)
"""The mix of calls: about a tenth of the speech is overlapped."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.lab.separation_gain", description=__doc__)
    parser.add_argument("data", type=Path, help="a folder with speech/ and transcripts/")
    parser.add_argument("--training", type=Path, default=TRAINING, help="who was left out of it is measured on")
    parser.add_argument("--separator", default="", metavar="FILE", help="instead of the one that ships")
    parser.add_argument("--calls", type=int, default=24, metavar="N")
    parser.add_argument("--fit", action="store_true", help="learn the estimate of the improvement first")
    given = parser.parse_args(arguments)
    settings = Settings(separation_source=given.separator, asr_model="off")
    try:
        fit_people, people = held_out(read_settings(given.training, given.data), given.data / "transcripts")
        if given.fit:
            asyncio.run(fit(list(simulated_calls(fit_people, 2 * given.calls, FIT_SEED)), settings))
        calls = list(simulated_calls(people, given.calls, MEASURE_SEED))
    except (OSError, ValueError) as error:
        print(f"separation_gain: {error}", file=sys.stderr)
        return 1
    print(asyncio.run(measured(calls, settings)))
    return 0


def held_out(training: TrainSettings, more: Path | None = None) -> tuple[Speakers, Speakers]:
    """Two halves of the people that a training left out for validation; those of the folder `more` join the second.

    One to learn from how separation behaves, one to measure on."""
    _, held = speakers_of(training)
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


async def fit(calls: Sequence[SimulatedCall], settings: Settings) -> None:
    """Learn the weights of `quality` and store them."""
    separator = load_separator(settings.separation_model, settings.separation_source)  # type: ignore[arg-type]
    pipeline = Pipeline(settings, specs=UP_TO_OVERLAPS)
    rows, truths = [], []
    for call in with_progress(calls):
        heard = offline(call)
        await pipeline.run(heard, UP_TO_OVERLAPS)
        for features, improvements in examples(call, heard, separator):
            rows.append(features)
            truths += improvements
    np.savez_compressed(WEIGHTS, weights=learned(np.concatenate(rows), np.array(truths)))


async def measured(calls: Sequence[SimulatedCall], settings: Settings) -> str:
    """The table."""
    labels: dict[tuple[str, str], list[Labelling]] = {}
    pairs: list[tuple[float, float]] = []
    async for call, mode, heard in off_and_on(calls, settings):
        places = {"overlaps": overlaps(call.truth), "everywhere": None}
        for where, scored in places.items():
            labels.setdefault((where, mode), []).append(report(call, heard, scored).final)
        if mode == "on":
            pairs += await estimated_and_true(call, heard)
    lines = ["| where | separation | speech s | DER | missed | false alarm | confusion, all in % |"]
    for (where, mode), found in sorted(labels.items(), key=lambda item: item[0][0], reverse=True):
        error = pooled(found).errors[0]
        lines.append(f"| {where} | {mode} | {error.speech_s:.0f} | {shares(error)} |")
    return "\n".join([*lines, *_agreement(pairs)])


def _agreement(pairs: list[tuple[float, float]]) -> list[str]:
    if len(pairs) < 3:
        return ["too few sources to judge their estimates"]
    estimated, true = np.array(pairs).T
    correlation = float(np.corrcoef(estimated, true)[0, 1])
    error = float(np.sqrt(np.mean(np.square(estimated - true))))
    return [
        f"{len(pairs)} sources: SI-SDR improvement {true.mean():.1f} dB (outputs that are nobody's count as -5), "
        f"estimated {estimated.mean():.1f}, correlation {correlation:.2f}, error {error:.1f} dB"
    ]


if __name__ == "__main__":
    sys.exit(main())
