"""What is asked together ends together."""

import asyncio

import pytest

from speakerline.shared.runtime.together import together


class Asked:
    """Answers with its number once it is let, and knows whether it was ended."""

    def __init__(self, number: int, error: Exception | None = None) -> None:
        self.ended = False
        self._number, self._error = number, error

    async def __call__(self) -> int:
        if self._error:
            await asyncio.sleep(0)
            raise self._error
        try:
            await asyncio.sleep(3600 if self._number < 0 else 0.001 * (3 - self._number))
        except asyncio.CancelledError:
            await asyncio.sleep(0.001)
            self.ended = True
            raise
        return self._number


async def test_answers_come_in_the_order_of_the_questions() -> None:
    assert await together(Asked(number)() for number in range(3)) == [0, 1, 2]
    assert await together([]) == []


async def test_where_one_fails_the_others_have_ended_before_that_is_told() -> None:
    others = [Asked(-1), Asked(-2)]
    with pytest.raises(LookupError, match="nothing there"):
        await together(one() for one in (others[0], Asked(0, LookupError("nothing there")), others[1]))
    assert [one.ended for one in others] == [True, True]


async def test_who_is_cancelled_takes_them_along() -> None:
    others = [Asked(-1), Asked(-2)]
    asking = asyncio.create_task(_ask(others))
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert [one.ended for one in others] == [True, True]


async def _ask(others: list[Asked]) -> list[int]:
    return await together(one() for one in others)
