"""How a worker outlives outages of Redis: it tells of them, pauses, and tries again."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from speakerline.shared.failures import told
from speakerline.shared.logs import Log
from speakerline.shared.runtime.connection import is_cancelled, is_no_group, is_outage
from speakerline.shared.runtime.metrics import StageMetrics

PAUSE_S = 0.1
LOGGED_EVERY_S = 5.0


class Outages:
    """`after` is called at each, so that nobody takes what was known before for what is true now."""

    def __init__(self, metrics: StageMetrics, log: Log, after: Callable[[BaseException], None]) -> None:
        self._metrics = metrics
        self._log = log
        self._after = after
        self._logged_at = float("-inf")

    async def outlive(self, action: Callable[[], Awaitable[None]]) -> None:
        """Do it; after an outage pause, so that the caller may try again. Raises any other error of the action."""
        try:
            await action()
        except Exception as error:
            if not is_no_group(error) and (not is_outage(error) or is_cancelled()):
                raise
            self.note(error)
            await asyncio.sleep(PAUSE_S)

    def note(self, error: BaseException) -> None:
        """An outage that somebody else met."""
        now = time.monotonic()
        self._metrics.outages.inc()
        if now - self._logged_at > LOGGED_EVERY_S:
            self._log.warning("redis outage", error=told(error))
            self._logged_at = now
        self._after(error)
