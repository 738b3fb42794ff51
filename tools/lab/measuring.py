"""The harness of the laboratory: recordings go through the real stages, `tools.score` scores what they say."""

import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import combinations
from typing import TypeVar

from speakerline.shared.pipeline import AGGREGATOR, ASR, CLUSTERING, EMBEDDING, SEPARATION, VAD
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.timeline.spans import Span, clip, union
from speakerline.tools.pipeline.offline import Pipeline, timeline_events
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.score.files import Labels
from speakerline.tools.score.labelled import LabelledCall
from speakerline.tools.score.metrics import DiarizationError
from speakerline.tools.score.report import Labelling, Report
from speakerline.tools.score.score import score

UP_TO_OVERLAPS = (VAD, EMBEDDING)
FROM_OVERLAPS = (SEPARATION, CLUSTERING, ASR, AGGREGATOR)
FIGURES = "DER / +-0.25 s / without overlap / right speaker, %"
"""What `figures` gives: DER by each of `tools.score.metrics.CONVENTIONS`, and attribution."""

_Call = TypeVar("_Call", bound=LabelledCall)


def offline(call: LabelledCall) -> OfflineCall:
    """The recording, for the stages to process."""
    return OfflineCall.of(call.name, call.samples, call.rate)


def report(call: LabelledCall, heard: OfflineCall, scored: Sequence[Span] | None = None) -> Report:
    """The report of `speakerline score` on a call that all stages have processed; `scored` as its UEM."""
    return score(call.truth, timeline_events(heard), scored)


def pooled(labellings: Sequence[Labelling]) -> Labelling:
    """Of several recordings as if they were one: their seconds are added, so that long ones weigh more."""
    errors = zip(*(one.errors for one in labellings), strict=True)
    return Labelling(labellings[0].after_s, tuple(sum(same[1:], same[0]) for same in errors))


def figures(labelling: Labelling) -> str:
    """A cell of a table, by FIGURES."""
    ders = [f"{100 * error.der:.1f}" for error in labelling.errors]
    return " / ".join([*ders, f"{100 * labelling.attribution:.0f}"])


def shares(error: DiarizationError) -> str:
    """DER and its parts, missed, false alarm and confusion: four cells of a table, in % of reference speech."""
    parts = (error.missed_s, error.false_alarm_s, error.confusion_s)
    return " | ".join(f"{100 * part:.1f}" for part in (error.der, *(part / error.speech_s for part in parts)))


def overlaps(truth: Labels) -> list[Span]:
    """Where two or more people speak, in ms."""
    return union(both for one, other in combinations(truth.values(), 2) for span in one for both in clip(other, *span))


async def off_and_on(calls: Sequence[_Call], settings: Settings) -> AsyncIterator[tuple[_Call, str, OfflineCall]]:
    """Every call, processed once up to its overlaps, and from there with separation "off" and "on"."""
    on = Pipeline(settings)
    shared = {name: stage for name, stage in on.stages.items() if name != SEPARATION.name}
    off = Pipeline(settings.model_copy(update={"separation_model": "off"}), shared)
    for call in with_progress(calls):
        heard = offline(call)
        await on.run(heard, UP_TO_OVERLAPS)
        for mode, pipeline in (("off", off), ("on", on)):
            heard.sounds.clear()
            await pipeline.run(heard, FROM_OVERLAPS)
            yield call, mode, heard


def with_progress(calls: Sequence[_Call]) -> Iterator[_Call]:
    """The same, with their progress on stderr."""
    for number, call in enumerate(calls, 1):
        print(f"\rcall {number} of {len(calls)}", end="", file=sys.stderr, flush=True)
        yield call
    print(file=sys.stderr)
