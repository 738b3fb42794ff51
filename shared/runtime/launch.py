"""Starts one stage as a service: settings from the environment, models loaded, then served until SIGTERM."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import uvloop

from speakerline.shared.environment import EnvironmentSettings
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.pipeline import StageSpec
from speakerline.shared.runtime.ending import end
from speakerline.shared.runtime.metrics import Metrics, StageMetrics
from speakerline.shared.runtime.service import serve
from speakerline.shared.runtime.service_settings import ServiceSettings
from speakerline.shared.runtime.stage import Stage

S = TypeVar("S", bound=EnvironmentSettings)
T = TypeVar("T", bound=Stage)

Beside = Callable[[T, ServiceSettings], Awaitable[None]]
"""Work that goes on beside the stage, until cancelled."""


def launch(
    spec: StageSpec, settings: type[S], build: Callable[[S, StageMetrics], T], beside: Beside[T] | None = None
) -> None:
    """Run the stage that `build` makes. What it can't start with ends the process with one line and status 1."""
    try:
        uvloop.install()
        asyncio.run(_serve(spec, settings, build, beside))
    except SpeakerlineError as error:
        sys.exit(f"{spec.name}: {error}")


async def _serve(
    spec: StageSpec, settings: type[S], build: Callable[[S, StageMetrics], T], beside: Beside[T] | None
) -> None:
    service, metrics = ServiceSettings.from_environment(), Metrics()
    stage = build(settings.from_environment(), metrics.for_stage(spec.name))
    task = asyncio.ensure_future(beside(stage, service)) if beside else None
    try:
        await serve(spec, stage, service, metrics)
    finally:
        if task:
            await end([task])
            if not task.cancelled():
                task.result()
