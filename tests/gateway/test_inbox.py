"""What comes is taken in order by whoever hears; what nobody hears waits."""

import asyncio
from collections.abc import Sequence

import pytest

from speakerline.services.gateway.inbox import Inbox, Message

OVER = {"type": "websocket.disconnect", "code": 1000}


class Hearer:
    """Takes messages until there are `enough`; remembers."""

    def __init__(self, enough: int = 99) -> None:
        self.heard: list[Message] = []
        self.enough = enough

    def take(self, messages: Sequence[Message]) -> bool:
        self.heard += messages
        return len(self.heard) < self.enough


async def test_what_came_before_is_heard_first_and_the_end_last() -> None:
    inbox, hearer = Inbox(lambda: None), Hearer()
    inbox.add([b"a", b"b"])
    hearing = asyncio.create_task(inbox.hear(hearer.take))
    await asyncio.sleep(0)
    inbox.add([b"c"])
    assert hearer.heard == [b"a", b"b", b"c"], "taken at once, without a turn of the task"
    inbox.put_nowait({"type": "websocket.receive", "text": "d"})
    inbox.put_nowait(OVER)
    assert await hearing == OVER
    assert hearer.heard == [b"a", b"b", b"c", "d"]


@pytest.mark.parametrize("before", [True, False], ids=["before it was waited for", "afterwards"])
async def test_who_has_enough_leaves_what_comes_next(before: bool) -> None:
    inbox, hearer = Inbox(lambda: None), Hearer(enough=1)
    if before:
        inbox.add([b"a"])
    hearing = asyncio.create_task(inbox.hear(hearer.take))
    await asyncio.sleep(0)
    if not before:
        inbox.add([b"a"])
    inbox.add([b"b"])
    inbox.put_nowait(OVER)
    assert await hearing is None
    assert hearer.heard == [b"a"]
    hearer.enough = 99
    assert await inbox.hear(hearer.take) == OVER
    assert hearer.heard == [b"a", b"b"]


@pytest.mark.parametrize("before", [True, False], ids=["before it was waited for", "afterwards"])
async def test_a_fault_in_taking_is_told_to_who_hears_and_to_nobody_else(before: bool) -> None:
    inbox = Inbox(lambda: None)
    if before:
        inbox.add([b"a"])
    hearing = asyncio.create_task(inbox.hear(lambda messages: messages[1] == b"b"))
    await asyncio.sleep(0)
    if not before:
        inbox.add([b"a"])
    with pytest.raises(IndexError):
        await hearing
    inbox.add([b"c"])
    assert (await inbox.get())["bytes"] == b"c"


async def test_who_does_not_hear_any_more_takes_nothing() -> None:
    inbox, hearer = Inbox(lambda: None), Hearer()
    hearing = asyncio.create_task(inbox.hear(hearer.take))
    await asyncio.sleep(0)
    hearing.cancel()
    inbox.add([b"a"])
    await asyncio.wait([hearing])
    assert hearer.heard == [] and not inbox.is_awaited
    assert (await inbox.get())["bytes"] == b"a"


async def test_each_wait_is_told_once() -> None:
    waits = list[bool]()
    inbox, hearer = Inbox(lambda: waits.append(inbox.is_awaited)), Hearer(enough=3)
    hearing = asyncio.create_task(inbox.hear(hearer.take))
    await asyncio.sleep(0)
    for message in (b"a", b"b", b"c"):
        inbox.add([message])
    await hearing
    assert waits == [True]


async def test_who_asks_for_one_gets_events_of_asgi_in_order() -> None:
    inbox = Inbox(lambda: None)
    first = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.add([b"a", "b"])
    inbox.put_nowait(OVER)
    assert [await first, await inbox.get(), await inbox.get()] == [
        {"type": "websocket.receive", "bytes": b"a"},
        {"type": "websocket.receive", "text": "b"},
        OVER,
    ]
