"""The supervisor keeps its programs, whatever happens to them or to it."""

import asyncio
from typing import Any

import pytest

from speakerline.tools.cli.supervisor import Supervisor
from tests.runtime.playing import until


async def test_a_program_that_could_not_be_started_is_started_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start, tries = asyncio.create_subprocess_exec, list[Any]()

    async def fail_once(*command: Any, **options: Any) -> asyncio.subprocess.Process:
        tries.append(command)
        if len(tries) == 1:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return await start(*command, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", fail_once)
    supervisor = Supervisor()
    supervisor.start_stage("none_of_this_name", "redis://127.0.0.1:1", 9)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: "process ended" in caplog.messages)
    supervisor.stop()
    await running
    assert caplog.messages[:2] == ["process does not start", "process ended"]
