"""The real stages at work on one Redis, in this process, and what comes out of them."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from speakerline.shared import codec
from speakerline.shared.client.producer import Producer
from speakerline.shared.contract.v1 import CallStarted, TimelineEvent
from speakerline.shared.keys import LAST_POSITION, stream_key
from speakerline.shared.pipeline import TIMELINE
from speakerline.shared.runtime.connection import connect, entry_id, pairs
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.stage import Stage
from speakerline.shared.runtime.worker import WorkerOptions
from speakerline.tools.pipeline.local import running
from tests.e2e.wire import WireCall
from tests.runtime.comparable import comparable

PATIENCE_S = 120.0
"""How long the end of a timeline is waited for, on a machine that has much else to do."""


@dataclass(frozen=True, slots=True)
class Models:
    """The stages with their models loaded, once for many systems."""

    stages: Mapping[str, Stage]
    metrics: Metrics


class System:
    """Workers of every stage between `start` and `stop`; both may be called again."""

    def __init__(self, url: str, models: Models, options: WorkerOptions | None = None) -> None:
        self.url, self.redis = url, connect(url, timeout_s=PATIENCE_S)
        self._models, self._options = models, options
        self._workers = AsyncExitStack()

    async def __aenter__(self) -> "System":
        await self.start()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.stop()
        await self.redis.aclose()

    async def start(self) -> None:
        await self._workers.enter_async_context(
            running(self.url, self._models.stages, self._models.metrics, self._options)
        )

    async def stop(self) -> None:
        """As SIGTERM does: steps are finished and committed, calls handed over."""
        await self._workers.aclose()

    def wire(self, call: CallStarted) -> WireCall:
        return WireCall(self.redis, call)

    async def play(self, call: CallStarted, channels: Sequence[Sequence[tuple[int, bytes]]]) -> list[bytes]:
        """The whole call through the producer client; its timeline as `timeline` gives it."""
        producer = Producer(self.url, producer_id=call.producer_id)
        try:
            outgoing = await producer.start(call)
            for number, frames in enumerate(channels):
                for end_sample, pcm in frames:
                    outgoing.send(pcm, number, end_sample)
            await outgoing.end()
        finally:
            await producer.aclose()
        return await self.timeline(call.call_id)

    async def timeline(self, call_id: str, within_s: float = PATIENCE_S) -> list[bytes]:
        """Every event as `comparable` gives it, once the timeline is closed. The call's own id is taken out of them."""
        events = comparable(await self._closed(call_id, within_s))
        return [json.replace(call_id.encode(), b"CALL") for json in events]

    async def events(self, call_id: str, within_s: float = PATIENCE_S) -> list[TimelineEvent]:
        """The same as they came, decoded."""
        return [codec.read(TIMELINE, json) for json in await self._closed(call_id, within_s)]

    async def _closed(self, call_id: str, within_s: float) -> list[bytes]:
        key, until = stream_key(call_id, TIMELINE), asyncio.get_running_loop().time() + within_s
        while asyncio.get_running_loop().time() < until:
            entries = await self.redis.execute_command("XRANGE", key, "-", "+")
            if entries and entry_id(entries[-1][0])[0] == LAST_POSITION:
                return [pairs(flat)[b"event"] for _, flat in entries[:-1]]
            await asyncio.sleep(0.05)
        raise AssertionError(f"the timeline of {call_id!r} did not end within {within_s} s: {len(entries)} events")
