"""A signal ends a command wherever it is, once, and what it has to take down is taken down."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from speakerline.shared.contract.v1 import TimelineEvent
from speakerline.tools.cli.command_line import INTERRUPTED, _unless_signalled
from speakerline.tools.cli.file_commands import _until_failure
from speakerline.tools.cli.signals import SIGNALS, interruptible


@pytest.fixture(params=SIGNALS, ids=lambda number: number.name)
def number(request: pytest.FixtureRequest) -> signal.Signals:
    found: signal.Signals = request.param
    if signal.getsignal(found) == signal.SIG_IGN:
        pytest.skip("it is ignored here, as in the background of a shell, and stays so")
    return found


def test_work_that_never_gives_way_ends_at_once(number: signal.Signals) -> None:
    steps = []

    async def command() -> int:
        try:
            with interruptible():
                os.kill(os.getpid(), number)
                steps.append("went on")
        finally:
            await asyncio.sleep(0.01)
            steps.append("taken down")
        return 0

    assert asyncio.run(_unless_signalled(command())) == INTERRUPTED
    assert steps == ["taken down"]


def test_after_such_work_a_signal_cancels_as_before(number: signal.Signals) -> None:
    async def command() -> int:
        with interruptible():
            pass
        os.kill(os.getpid(), number)
        await asyncio.sleep(60)
        return 0

    assert asyncio.run(_unless_signalled(command())) == INTERRUPTED


async def test_nobody_is_made_to_hear_signals() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with interruptible():
        assert [signal.getsignal(number) for number in SIGNALS] == before
    assert [signal.getsignal(number) for number in SIGNALS] == before


async def test_who_is_cancelled_while_an_event_is_awaited_leaves_nobody_waiting() -> None:
    ended = asyncio.Event()

    async def events() -> AsyncIterator[TimelineEvent]:
        try:
            await asyncio.sleep(60)
            yield TimelineEvent("c")
        finally:
            ended.set()

    feeding = asyncio.create_task(asyncio.sleep(60, 0))
    awaiting = asyncio.ensure_future(anext(_until_failure(events(), feeding)))
    await asyncio.sleep(0.01)
    awaiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await awaiting
    feeding.cancel()
    assert ended.is_set()


@pytest.mark.parametrize("imported", ["asyncio", "speakerline.tools.cli.file_commands"])
def test_ctrl_c_ends_a_command_that_is_still_being_imported(imported: str) -> None:
    program = f"""
import os, signal, sys

class Presses:
    def find_spec(self, name, path=None, target=None):
        if name == {imported!r}:
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:  # as an import swallows it that calls back
                pass

sys.meta_path.insert(0, Presses())
from speakerline.tools.cli.main import main
sys.exit(main(["process", "--help"]))
"""
    words = ["env", "--default-signal=INT", sys.executable, "-c", program]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")
