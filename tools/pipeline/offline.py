"""The whole pipeline over recordings in memory: what `speakerline process` does, without Redis."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry

from speakerline.shared.contract.v1 import TimelineEvent
from speakerline.shared.pipeline import PIPELINE, TIMELINE, StageSpec
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.runtime.stage import Stage
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.pipeline.stages import build_stage


class Pipeline:
    """Stages with their models; many calls can be run one after the other."""

    def __init__(
        self, settings: Settings, known: Mapping[str, Stage] | None = None, specs: Iterable[StageSpec] = PIPELINE
    ) -> None:
        """Builds the stages `specs`. `known`: stages, by name, that are built already; they are taken as they are."""
        metrics = Metrics(CollectorRegistry())
        self.stages: dict[str, Stage] = dict(known or {})
        for spec in specs:
            if spec.name not in self.stages:
                self.stages[spec.name] = build_stage(spec.name, settings, metrics.for_stage(spec.name))

    async def run(self, call: OfflineCall, specs: Iterable[StageSpec] = PIPELINE) -> None:
        """Run these stages over the call, in the order given; the events of earlier stages must be there."""
        for spec in specs:
            await call.run(self.stages[spec.name], spec)


def timeline_events(call: OfflineCall) -> list[TimelineEvent]:
    """The timeline events of a call, as `speakerline process` writes them."""
    bodies = (event.body for event in call.events(TIMELINE))
    return [body for body in bodies if isinstance(body, TimelineEvent)]
