"""The whole pipeline over recordings in memory: what `speakerline process` does, without Redis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry

from speakerline.shared.contract.v1 import TimelineEvent
from speakerline.shared.pipeline import PIPELINE, TIMELINE, StageSpec
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.runtime.stage import Stage
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.pipeline.stages import build_stage
from speakerline.tools.score.rttm import Segment
from speakerline.tools.score.score import labels_of


class Pipeline:
    """All stages with their models; many calls can be run one after the other."""

    def __init__(self, settings: Settings, known: Mapping[str, Stage] | None = None) -> None:
        """`known`: stages, by name, that another pipeline has built; they are taken as they are."""
        metrics = Metrics(CollectorRegistry())
        self.stages: dict[str, Stage] = dict(known or {})
        for spec in PIPELINE:
            if spec.name not in self.stages:
                self.stages[spec.name] = build_stage(spec.name, settings, metrics.for_stage(spec.name))

    async def run(self, call: OfflineCall, specs: Iterable[StageSpec] = PIPELINE) -> None:
        """Run these stages over the call, in the order given; what earlier stages said must be there."""
        for spec in specs:
            await call.run(self.stages[spec.name], spec)


def timeline_of(call: OfflineCall) -> Timeline:
    """The timeline as it stands at the end of a call that the aggregator has heard."""
    timeline = Timeline(call.call.call_id)
    for event in call.events(TIMELINE):
        assert isinstance(event.body, TimelineEvent)
        timeline.apply(event.body)
    return timeline


def segments_of(timeline: Timeline) -> list[Segment]:
    """Who is shown when, for `tools.lab.scoring`; turns without a speaker are left out."""
    return [
        Segment(speaker, start / 1000, end / 1000)
        for speaker, spans in labels_of(timeline).items()
        for start, end in spans
    ]
