"""Starts one stage as a service: settings from the environment, models loaded, then served until SIGTERM."""

import asyncio
import sys
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import uvloop

from speakerline.shared.environment import EnvironmentSettings
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.failures import told
from speakerline.shared.logs import Log
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
    """Run the stage that `build` makes, as `run_service` does."""
    run_service(spec.name, _serve(spec, settings, build, beside))


def run_service(name: str, main: Coroutine[Any, Any, None]) -> None:
    """Run a process to its end. What it can't start with ends it with one line and status 1. A fault ends it with its
    places in the code, as `told` tells it: what Python prints may quote words of a call."""
    try:
        uvloop.install()
        asyncio.run(_telling(name, main))
    except SpeakerlineError as error:
        sys.exit(f"{name}: {error}")
    except Exception as error:
        sys.exit(f"{''.join(traceback.format_tb(error.__traceback__))}{name}: {told(error)}")


async def _telling(name: str, main: Coroutine[Any, Any, None]) -> None:
    asyncio.get_running_loop().set_exception_handler(partial(_untold, Log(stage=name)))
    await main


def _untold(log: Log, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio has to say of an error that nobody has handled."""
    error = context.get("exception")
    log.error(context["message"], error=told(error) if error else "")


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
