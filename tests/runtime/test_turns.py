"""Who goes first: calls that somebody waits for, and nobody waits for ever."""

import asyncio

import pytest

from speakerline.shared.runtime import turns
from speakerline.shared.runtime.turns import Turns


async def later(order: Turns, said: list[str], name: str) -> None:
    async with order.later():
        said.append(name)
        await asyncio.sleep(0)
        said.append(f"{name} done")


async def test_live_steps_are_never_held_up() -> None:
    order = Turns()
    async with order.later(), order.live(), order.live():
        pass


async def test_what_can_wait_waits_for_every_live_step() -> None:
    order, said = Turns(), list[str]()
    async with order.live():
        async with order.live():
            waiting = asyncio.create_task(later(order, said, "bulk"))
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
        assert not said
    await waiting
    assert said == ["bulk", "bulk done"]


async def test_it_goes_one_at_a_time() -> None:
    order, said = Turns(), list[str]()
    await asyncio.gather(*(later(order, said, name) for name in "abc"))
    assert said == ["a", "a done", "b", "b done", "c", "c done"]


async def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 0.05)
    order, said = Turns(), list[str]()
    async with order.live():
        await asyncio.wait_for(asyncio.gather(later(order, said, "a"), later(order, said, "b")), 30)
    assert len(said) == 4


async def test_a_step_that_failed_holds_nothing_up() -> None:
    order, said = Turns(), list[str]()
    with pytest.raises(ValueError):
        async with order.live():
            raise ValueError
    with pytest.raises(ValueError):
        async with order.later():
            raise ValueError
    await asyncio.wait_for(later(order, said, "a"), 30)
