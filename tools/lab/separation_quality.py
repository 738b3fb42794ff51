"""How much better separated voices are than their mixture, and the examples that the estimate is learned from."""

from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from speakerline.services.separation.activity import FRAME_MS
from speakerline.services.separation.quality import LEAST_DB, MOST_DB, features
from speakerline.services.separation.regions import Region, Regions
from speakerline.services.separation.separator import SourceSeparator, separate_at
from speakerline.shared.arrays import Float32s, Float64s
from speakerline.shared.contract.v1 import Overlap, Separation
from speakerline.shared.pipeline import OVERLAPS, SOURCES
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.tools.score.separation import si_sdr_db
from speakerline.tools.simulate.simulator import SimulatedCall

SILENT_DBFS = -45.0
"""A voice below this in a region is not there."""


def true_improvements_db(
    outputs: Sequence[Float32s] | Float32s, voices: Sequence[Float32s], mixture: Float32s
) -> list[float]:
    """Of each output against the mixture, within what `quality` estimates; under the pairing with the highest sum.

    Voices that are silent here are nobody; an output that is nobody's has the least."""
    there = [voice for voice in voices if 10 * np.log10(np.mean(np.square(voice)) + 1e-12) > SILENT_DBFS]
    before = [si_sdr_db(mixture, voice) for voice in there]
    gain = np.full((len(outputs), max(len(there), len(outputs))), LEAST_DB)
    for at, output in enumerate(outputs):
        for who, voice in enumerate(there):
            gain[at, who] = np.clip(si_sdr_db(output, voice) - before[who], LEAST_DB, MOST_DB)
    rows = np.arange(len(outputs))
    best = max(permutations(range(gain.shape[1]), len(outputs)), key=lambda who: gain[rows, list(who)].sum())
    return [float(value) for value in gain[rows, list(best)]]


def examples(
    call: SimulatedCall, heard: OfflineCall, separator: SourceSeparator
) -> Iterator[tuple[Float64s, list[float]]]:
    """For each region of a call that was separated: `quality.features` and what is true."""
    for region in _regions(heard):
        begin, end = (ms * call.rate // 1000 for ms in region.sound_ms)
        mixture = call.samples[begin:end, region.channel]
        outputs = separate_at(separator, mixture, call.rate)
        inside = slice(*((ms - region.sound_ms[0]) // FRAME_MS for ms in (region.start_ms, region.end_ms)))
        cut = slice(*((ms - region.sound_ms[0]) * call.rate // 1000 for ms in (region.start_ms, region.end_ms)))
        voices = [voice[begin:end][cut] for voice in call.voices.values()]
        yield features(mixture, outputs, call.rate, inside), true_improvements_db(outputs[:, cut], voices, mixture[cut])


async def estimated_and_true(call: SimulatedCall, heard: OfflineCall) -> list[tuple[float, float]]:
    """Of every source of a call that was separated."""
    found: list[tuple[float, float]] = []
    for event in heard.events(SOURCES):
        one = event.body
        if not isinstance(one, Separation) or not one.sources:
            continue
        begin, end = (ms * call.rate // 1000 for ms in (one.sources[0].start_ms, one.sources[0].end_ms))
        sounds = [await heard.read_source(source.source_id) for source in one.sources]
        voices = [voice[begin:end] for voice in call.voices.values()]
        kept = [sound for sound in sounds if sound is not None]
        true = true_improvements_db(kept, voices, call.samples[begin:end, one.channel])
        found += zip([source.improvement_db for source in one.sources], true, strict=True)
    return found


def _regions(heard: OfflineCall) -> list[Region]:
    regions, due = Regions(1000), list[Region]()
    for event in heard.events(OVERLAPS):
        one = event.body
        if isinstance(one, Overlap):
            due += regions.due(event.position - 1)
            regions.take(one.overlap_id, one.channel, one.start_ms, one.end_ms, one.voices, event.position)
    return [region for region in [*due, *regions.due(2**40)] if not region.too_short]
