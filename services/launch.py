"""Starts one stage as a service: settings from the environment, models loaded, then served until SIGTERM."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import uvloop

from services.model_files import ModelMissing
from services.settings import Settings
from services.stages import build_stage, spec_of
from shared.environment import InvalidSettings
from shared.runtime.ending import end
from shared.runtime.metrics import Metrics
from shared.runtime.service import serve
from shared.runtime.service_settings import ServiceSettings
from shared.runtime.stage import Stage

Beside = Callable[[Stage, ServiceSettings], Awaitable[None]]
"""Work that goes on beside the stage, until cancelled."""


def launch(name: str, beside: Beside | None = None) -> None:
    """Run the stage. What it can't start with ends the process with one line and status 1."""
    try:
        uvloop.install()
        asyncio.run(_serve(name, beside))
    except (InvalidSettings, ModelMissing) as error:
        sys.exit(f"{name}: {error}")


async def _serve(name: str, beside: Beside | None) -> None:
    settings, metrics = ServiceSettings.from_environment(), Metrics()
    stage = build_stage(name, Settings.from_environment(), metrics.for_stage(name))
    task = asyncio.ensure_future(beside(stage, settings)) if beside else None
    try:
        await serve(spec_of(name), stage, settings, metrics)
    finally:
        if task:
            await end([task])
            if not task.cancelled():
                task.result()
