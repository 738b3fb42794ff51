"""Who watches while all this happens: in the end each must hold what is stored, whatever Redis lost on the way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.contract.v1 import Snapshot, TimelineEvent
from speakerline.shared.runtime.ending import end
from speakerline.shared.timeline.timeline import Timeline

PATIENCE_S = 60.0
"""After the timelines have ended."""
STORED_S = 10.0
"""For what is read from Redis at once."""


class Watchers:
    """One of all calls, one each of some, and one each of those that are erased, who must hear of it."""

    def __init__(self, url: str, call_ids: Sequence[str], erased_ids: Sequence[str]) -> None:
        self.restarts = 0
        self._subscriber = Subscriber(url)
        self._of_all = {call_id: Timeline(call_id) for call_id in call_ids}
        self._of_one = {call_id: Timeline(call_id) for call_id in call_ids[::4]}
        self._tasks = [
            asyncio.create_task(self._watch_all()),
            *(asyncio.create_task(self._watch(timeline)) for timeline in self._of_one.values()),
            *(asyncio.create_task(self._watch(Timeline(call_id))) for call_id in erased_ids),
        ]

    async def problems(self, url: str) -> list[str]:
        """A line for everyone who holds something else than is stored."""
        _, late = await asyncio.wait(self._tasks, timeout=PATIENCE_S)
        await end(late)
        found = [f"{len(late)} watchers heard of no end"] if late else []
        failed = [task for task in self._tasks if task not in late and task.exception()]
        found += [f"a watcher failed: {task.exception()!r}" for task in failed]
        await self._subscriber.aclose()
        async with Subscriber(url) as subscriber:
            for kind, timelines in (("all calls", self._of_all), ("one call", self._of_one)):
                for call_id, timeline in timelines.items():
                    if plain(timeline) != plain(await stored(subscriber, call_id)):
                        found.append(f"{call_id}: who watched {kind} holds something else than is stored")
        return found

    async def _watch(self, timeline: Timeline) -> None:
        async for event in self._subscriber.follow(timeline.call_id):
            self._take(timeline, event)

    async def _watch_all(self) -> None:
        async for event in _events(self._subscriber):
            if event.call_id in self._of_all:
                self._take(self._of_all[event.call_id], event)
            if all(timeline.ended for timeline in self._of_all.values()):
                return

    def _take(self, timeline: Timeline, event: TimelineEvent) -> None:
        timeline.apply(event)
        self.restarts += event.restarted is not None


async def _events(subscriber: Subscriber) -> AsyncIterator[TimelineEvent]:
    async for _, event in subscriber.follow_all():
        yield event


async def stored(subscriber: Subscriber, call_id: str) -> Timeline:
    """A call from Redis: empty where it never began, and without an end what is there after a while."""
    timeline = Timeline(call_id)

    async def fold() -> None:
        async for event in subscriber.follow(call_id):
            timeline.apply(event)

    if await subscriber.exists(call_id):
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(fold(), STORED_S)
    return timeline


def plain(timeline: Timeline) -> Snapshot:
    """What it holds, whoever wrote it."""
    snapshot = timeline.snapshot()
    snapshot.epochs = []
    return snapshot
