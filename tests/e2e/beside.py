"""A healthy call that runs beside whatever a test does, and must not notice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from speakerline.shared.contract.v1 import Encoding
from tests.e2e.conftest import SHORT_S
from tests.e2e.sample_call import announcement, frames, pcm
from tests.e2e.system import System


@asynccontextmanager
async def healthy_call_beside(system: System, beginning: list[bytes]) -> AsyncIterator[None]:
    """Half of it comes before the block, half after; its timeline must be what it is without company."""
    call, sound = system.wire(announcement("healthy", Encoding.MULAW)), pcm(Encoding.MULAW, SHORT_S)
    pieces = frames(sound, Encoding.MULAW, 1000)
    await call.announce()
    await call.frames(pieces[: len(pieces) // 2])
    yield
    await call.frames(pieces[len(pieces) // 2 :])
    await call.close()
    assert await system.timeline(call.id) == beginning
