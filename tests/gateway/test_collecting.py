"""What a gateway has when it has started, Python does not look through again."""

import asyncio
import gc
from types import SimpleNamespace
from typing import Any, cast

from speakerline.services.gateway.serving import YOUNG_OBJECTS, _settle
from speakerline.shared.runtime.server import Server


async def test_what_is_there_when_it_is_up_is_left_alone_and_not_before() -> None:
    server: Any = SimpleNamespace(up=asyncio.Event())
    usual, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        settling = asyncio.create_task(_settle(cast(Server, server)))
        await asyncio.sleep(0)
        assert (gc.get_threshold(), gc.get_freeze_count()) == (usual, frozen)
        server.up.set()
        await settling
        assert gc.get_threshold() == (YOUNG_OBJECTS, *usual[1:])
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
        gc.set_threshold(*usual)
