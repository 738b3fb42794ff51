"""Calls that are erased by requests of their own, at the same time."""

import asyncio

import pytest
from redis.exceptions import ConnectionError as Away

from speakerline.services.gateway.erasing import Erasing
from speakerline.shared.client.forget import Erased
from speakerline.shared.keys import shard_of
from tests.client.spoken_call import spoken
from tests.gateway.running import running

FORGET = "speakerline.services.gateway.erasing.forget_each"


class Forgetting:
    """Erases nothing, and notes what it was asked for; a call that is named so can't be reached."""

    def __init__(self) -> None:
        self.turns: list[list[str]] = []
        self.may_go_on = asyncio.Event()

    async def __call__(self, url: str, *call_ids: str) -> dict[str, Erased]:
        self.turns.append([*call_ids])
        await self.may_go_on.wait()
        if "away" in call_ids:
            raise Away
        return {one: Erased(len(one), "") for one in call_ids}


async def test_calls_that_wait_for_an_erasure_are_erased_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FORGET, forgetting := Forgetting())
    erasing = Erasing("redis://", 1)
    asked = []
    for call_id in ("a", "bb", "", "dddd"):
        asked.append(asyncio.create_task(erasing(call_id)))
        await asyncio.sleep(0.001)
    forgetting.may_go_on.set()
    assert await asyncio.gather(*asked) == [Erased(count, "") for count in (1, 2, 0, 4)]
    assert forgetting.turns == [["a"], ["bb", "", "dddd"]]


async def test_a_shard_that_is_away_fails_its_own_calls_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FORGET, forgetting := Forgetting())
    forgetting.may_go_on.set()
    other = next(one for one in "abcdefgh" if shard_of(one, 2) != shard_of("away", 2))
    erasing = Erasing("redis://", 2)
    there, away = await asyncio.gather(erasing(other), erasing("away"), return_exceptions=True)
    assert (there, type(away)) == (Erased(1, ""), Away)


async def test_each_is_told_of_its_own_call(redis_url: str) -> None:
    async with running(redis_url) as gateway, spoken(redis_url, "a"), spoken(redis_url, "b"):
        answers = await asyncio.gather(*(gateway.client.delete(f"/calls/{one}") for one in ("a", "nobody", "b")))
    assert [answer.status_code for answer in answers] == [200, 404, 200]
