"""The dashboard of the bench: one subscriber of the firehose that notes when each event of each call arrives."""

import asyncio
import time
from collections.abc import Sequence

from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.runtime.ending import end
from speakerline.tools.bench.arithmetic import CallTimings
from speakerline.tools.failure import Failure

END_TIMEOUT_S = 180.0


class Listener:
    """Reads from `start` to `stop`; events of unexpected calls are ignored."""

    def __init__(self, url: str) -> None:
        self._subscriber = Subscriber(url)
        self._calls: dict[str, CallTimings] = {}
        self._task: asyncio.Task[None] | None = None
        self._an_end = asyncio.Event()

    def start(self) -> None:
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        if self._task:
            await end([self._task])
        await self._subscriber.aclose()

    def expect(self, call_id: str, frame_ms: int) -> CallTimings:
        """The timings of a call, filled in as events arrive."""
        return self._calls.setdefault(call_id, CallTimings(frame_ms))

    async def until_ended(self, calls: Sequence[CallTimings], timeout_s: float = END_TIMEOUT_S) -> None:
        """Wait for the CallEnded of all. Raises Failure where one does not come."""
        until_s = time.monotonic() + timeout_s
        while missing := sum(not call.ended for call in calls):
            self._an_end.clear()
            try:
                await asyncio.wait_for(self._an_end.wait(), until_s - time.monotonic())
            except asyncio.TimeoutError:
                raise Failure(f"{missing} of {len(calls)} calls have not ended within {timeout_s:.0f} s") from None

    def forget(self, call_id: str) -> None:
        self._calls.pop(call_id, None)

    async def _listen(self) -> None:
        async for _, event in self._subscriber.follow_all("0-0"):
            timings = self._calls.get(event.call_id)
            if timings is not None:
                timings.events.append((time.monotonic(), event))
                if event.call_ended is not None:
                    timings.ended = True
                    self._an_end.set()
