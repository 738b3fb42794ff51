"""Background tasks end, even where a cancellation gets lost."""

import asyncio

import pytest

from speakerline.shared.client.producer import Producer
from speakerline.shared.client.sender import Sender
from speakerline.shared.runtime import ending
from speakerline.shared.runtime.ending import end
from tests.runtime.playing import a_call, working


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "AGAIN_S", 0.02)


class Deaf:
    """Does nothing for ever, and loses the first cancellations."""

    def __init__(self, loses: int) -> None:
        self.heard = 0
        self._loses = loses

    async def __call__(self) -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.heard += 1
                if self.heard > self._loses:
                    raise


async def test_a_task_that_lost_cancellations_ends_nonetheless() -> None:
    deaf, keen = Deaf(2), Deaf(0)
    tasks = [asyncio.create_task(one()) for one in (deaf, keen)]
    await asyncio.sleep(0)
    await asyncio.wait_for(end(tasks), 30)
    assert all(task.cancelled() for task in tasks)
    assert (deaf.heard, keen.heard) == (3, 1)


async def test_whoever_is_ended_while_it_ends_others_ends_them_first() -> None:
    deaf = Deaf(2)
    other = asyncio.create_task(deaf())

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await end([other])

    worker = asyncio.create_task(work())
    await asyncio.sleep(0)
    await asyncio.wait_for(end([worker]), 30)
    left = not other.done()
    while not other.done():
        other.cancel()
        await asyncio.sleep(0)
    assert not left
    assert worker.cancelled()


async def test_errors_and_tasks_that_are_done_are_no_matter() -> None:
    async def fail() -> None:
        raise ValueError("it failed")

    failed = asyncio.create_task(fail())
    await asyncio.sleep(0.01)
    await end([failed])
    await end([])


async def test_a_worker_stops_though_its_report_lost_the_cancellation(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = Deaf(1)
    monkeypatch.setattr("speakerline.shared.runtime.worker.Worker._report_lags", lambda worker: deaf())

    async def work() -> None:
        async with working(redis_url):
            await asyncio.sleep(0.1)

    await asyncio.wait_for(work(), 30)
    assert deaf.heard > 1


async def test_a_producer_closes_though_its_pump_lost_the_cancellation(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = Deaf(1)
    monkeypatch.setattr(Sender, "_pump_frames", lambda producer: deaf())
    producer = Producer(redis_url)
    await producer.start(a_call("c"))
    await asyncio.sleep(0.01)
    await asyncio.wait_for(producer.aclose(), 30)
    assert deaf.heard == 2
