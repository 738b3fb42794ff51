"""An archive in a process that is forked in milliseconds, to be killed at any moment."""

import asyncio
import multiprocessing
import os
import signal
from multiprocessing.process import BaseProcess
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, event

import tests.archive.object_store  # noqa: F401  (fsspec knows it from then on)
from speakerline.services.archive.metrics import ArchiveMetrics
from speakerline.services.archive.serving import archiving
from tests.archive.running import settings_of

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


def start(redis_url: str, database: str, die_at: int = 0, **options: Any) -> BaseProcess:
    """die_at: it kills itself before so many statements of SQL have been executed; 0 = never."""
    process = _FORKS.Process(target=_archive, args=(redis_url, database, die_at, options), daemon=True)
    process.start()
    return process


def kill(process: BaseProcess) -> None:
    """As a machine that loses power, but for what the kernel has taken."""
    process.kill()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL, f"it had ended before: {process.exitcode}"


def _archive(redis_url: str, database: str, die_at: int, options: dict[str, Any]) -> None:
    left = iter(range(die_at - 1, -1, -1))

    def count(*_: Any) -> None:
        if die_at and not next(left):
            os.kill(os.getpid(), signal.SIGKILL)

    async def work() -> None:
        event.listen(Engine, "before_cursor_execute", count)
        event.listen(Engine, "commit", count)
        settings = settings_of(redis_url, database, **options)
        async with archiving(settings, ArchiveMetrics(CollectorRegistry())) as archive:
            await archive.run()

    asyncio.run(work())
