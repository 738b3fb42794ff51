"""What the files of deploy/ may name: the services, their options, their metrics."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from prometheus_client import CollectorRegistry

from speakerline.services.archive.metrics import ArchiveMetrics
from speakerline.services.archive.settings import ArchiveServiceSettings
from speakerline.services.gateway.intake.metrics import IntakeMetrics
from speakerline.services.gateway.metrics import GatewayMetrics
from speakerline.services.gateway.settings import GatewaySettings
from speakerline.shared.environment import PREFIX, EnvironmentSettings
from speakerline.shared.pipeline import PIPELINE
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.service_settings import ServiceSettings
from speakerline.tools.pipeline.settings import Settings

STAGES = tuple(stage.name for stage in PIPELINE)
SERVICES = (*STAGES, "gateway")
SETTINGS = (ServiceSettings, GatewaySettings, ArchiveServiceSettings, Settings)


def options() -> set[str]:
    """The names of all environment variables that a service reads."""
    return {name for kind in SETTINGS for name in _options_of(kind)}


def _options_of(kind: type[EnvironmentSettings]) -> Iterator[str]:
    for name, info in kind.model_fields.items():
        if is_dataclass(info.annotation):
            yield from (f"{PREFIX}{name}_{one.name}".upper() for one in fields(info.annotation))
        else:
            yield f"{PREFIX}{name}".upper()


def series() -> set[str]:
    """The names of all series that a service serves, those of histograms as Prometheus keeps them."""
    registry = CollectorRegistry()
    Metrics(registry)
    IntakeMetrics(registry, GatewayMetrics(registry).refused)
    ArchiveMetrics(registry)
    found = set()
    for family in registry.collect():
        match family.type:
            case "counter":
                found.add(f"{family.name}_total")
            case "histogram":
                found |= {f"{family.name}_{part}" for part in ("bucket", "count", "sum")}
            case _:
                found.add(family.name)
    return found
