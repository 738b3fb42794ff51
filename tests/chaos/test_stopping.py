"""A chaos run that is ended early tells what it knows, and does not count as passed."""

import asyncio
import signal

import pytest

from tests.chaos.stopping import SIGNALS, until_stopped


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: str(number.name))
async def test_a_signal_ends_the_work_and_is_named(number: signal.Signals) -> None:
    done = []

    async def work() -> None:
        done.append("begun")
        signal.raise_signal(number)
        await asyncio.Event().wait()

    assert await until_stopped(work()) == number.name
    assert done == ["begun"]
    assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler), "a second one ends the process"


async def test_work_that_nothing_ends_is_done_and_what_it_raises_is_raised() -> None:
    async def work(error: Exception | None = None) -> None:
        if error:
            raise error

    assert await until_stopped(work()) == ""
    with pytest.raises(RuntimeError, match="no worker"):
        await until_stopped(work(RuntimeError("no worker")))
