"""Commits what a step changed, many calls in one round trip, and judges the outcome."""

import time
from collections.abc import Sequence

from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.batcher import Gatherer
from speakerline.shared.runtime.call import Uncommitted
from speakerline.shared.runtime.commit import Commit, build
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.ownership import Ownership
from speakerline.shared.runtime.redis_clock import RedisClock
from speakerline.shared.runtime.tracing import exemplar_of
from speakerline.shared.runtime.trust import Report

MOST_AT_ONCE = 64
"""Commits in one round trip."""


class Committer:
    """Holds nothing but commits under way; what is known of a call is in the call."""

    def __init__(
        self, redis: Shard, ownership: Ownership, metrics: StageMetrics, clock: RedisClock, traced: bool = False
    ) -> None:
        """traced: whether calls have traces, which metrics then name."""
        self.succeeded_at = time.monotonic()
        self._redis = redis
        self._ownership = ownership
        self._metrics = metrics
        self._clock = clock
        self._traced = traced
        self._gather: Gatherer[Commit, bytes] = Gatherer(self._run, MOST_AT_ONCE)

    async def commit(self, call: OwnedCall) -> None:
        """All of the call's uncommitted work. A refused commit leaves it let go, or doubtful.

        Raises what Redis raised: whether the commit went through is unknown then, and the call must be reloaded."""
        request = build(call.work, call.claim.fence, call.stage.snapshot(), call.trimmed)
        outcome = (await self._gather(request)).decode()
        self._metrics.commit(outcome.lower())
        if outcome == "FENCED":
            call.trust.let_go("fenced")
        elif outcome == "STALE":
            call.trust.report(Report.STALE, time.monotonic())
        else:
            await self._accepted(call, request, all_done=outcome == "ALL_DONE")

    async def _accepted(self, call: OwnedCall, request: Commit, all_done: bool) -> None:
        work = call.work
        self._measure(call)
        work.version += 1
        work.parts, work.state_version = request.parts, work.spec.state_version
        work.uncommitted, call.tries = Uncommitted(), 0
        call.trimmed = request.trimmed
        self.succeeded_at = time.monotonic()
        call.trust.report(Report.ACCEPTED, self.succeeded_at)
        if work.finished:
            call.trust.let_go("finished")
            await self._ownership.acknowledge(call.claim.entry, delete=all_done)

    def _measure(self, call: OwnedCall) -> None:
        now = self._clock.now()
        events = [output for output in call.work.uncommitted.outputs if output.event is not None]
        if not events:
            return
        self._metrics.events.inc(len(events))
        exemplar = exemplar_of(call.call, self._traced)
        for output in events:
            self._metrics.lose(output.event)
            if output.audio_at:
                self._metrics.lag.observe(max(0.0, now - output.audio_at), exemplar)

    async def _run(self, requests: list[Commit]) -> Sequence[bytes | Exception]:
        return await scripts.run_all(self._redis, "commit", [(request.keys, request.arguments) for request in requests])
