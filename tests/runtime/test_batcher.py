"""Batches across calls: formed while one runs, and a failure stays with its culprit."""

import asyncio
import threading

import pytest

from speakerline.shared.runtime.batcher import Batcher, Gatherer


async def test_what_is_asked_while_one_batch_runs_forms_the_next() -> None:
    sizes: list[int] = []
    busy, go = threading.Event(), threading.Event()

    def double(numbers: list[int]) -> list[int]:
        busy.set()
        go.wait(60)
        return [number * 2 for number in numbers]

    batcher = Batcher(double, 8, on_batch=lambda size, seconds: sizes.append(size))
    first = asyncio.create_task(batcher(1))
    await asyncio.to_thread(busy.wait, 60)
    others = [asyncio.create_task(batcher(number)) for number in range(2, 12)]
    await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(first, *others) == [number * 2 for number in range(1, 12)]
    assert sizes == [1, 8, 2]


async def test_only_the_culprit_fails() -> None:
    def invert(numbers: list[int]) -> list[float]:
        return [1 / number for number in numbers]

    batcher = Batcher(invert, 8)
    answers = await asyncio.gather(*(batcher(number) for number in (1, 0, 2)), return_exceptions=True)
    assert answers[0] == 1.0 and answers[2] == 0.5
    assert isinstance(answers[1], ZeroDivisionError)


async def test_a_small_batch_needs_no_thread_and_its_culprit_fails_alone() -> None:
    def invert(numbers: list[int]) -> list[tuple[int, float]]:
        return [(threading.get_ident(), 1 / number) for number in numbers]

    batcher = Batcher(invert, 8, is_small=lambda batch: len(batch) < 4)
    small = await asyncio.gather(*(batcher(number) for number in (1, 0, 2)), return_exceptions=True)
    assert small[0] == (threading.get_ident(), 1.0) and small[2] == (threading.get_ident(), 0.5)
    assert isinstance(small[1], ZeroDivisionError)
    large = await asyncio.gather(*map(batcher, (1, 2, 4, 5)))
    assert threading.get_ident() not in {thread for thread, _ in large}


async def test_a_wrong_number_of_answers_is_an_error_and_nobody_waits_forever() -> None:
    async def forget_one(numbers: list[int]) -> list[int]:
        return numbers[1:]

    gatherer: Gatherer[int, int] = Gatherer(forget_one, 8)
    answers = await asyncio.wait_for(asyncio.gather(gatherer(1), gatherer(2), return_exceptions=True), 20)
    assert all(isinstance(answer, RuntimeError) and "1 answers to 2 inputs" in str(answer) for answer in answers)


async def test_one_that_gave_up_waiting_disturbs_nobody() -> None:
    gatherer: Gatherer[int, int] = Gatherer(_slow_echo, 8)
    waiting = [asyncio.create_task(gatherer(number)) for number in range(3)]
    await asyncio.sleep(0.01)
    waiting[1].cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert (answers[0], answers[2]) == (0, 2)
    with pytest.raises(asyncio.CancelledError):
        await waiting[1]
    assert await gatherer(7) == 7


async def _slow_echo(numbers: list[int]) -> list[int]:
    await asyncio.sleep(0.05)
    return numbers
