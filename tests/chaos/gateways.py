"""Gateways that are killed and stopped in turns, and dashboards that come back to whichever answers."""

import asyncio
import random
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx

from speakerline.shared import codec
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.pipeline import TIMELINE
from speakerline.shared.runtime.ending import end
from speakerline.shared.timeline.timeline import Timeline
from tests.chaos.watching import PATIENCE_S, plain, stored
from tests.gateway.plain_http import http_client
from tests.gateway.running import Blocks
from tests.gateway.serving import GatewayProcess

GATEWAYS = 2
PAUSE_S = 0.3
"""Of a dashboard, before it comes back: browsers wait some seconds."""
ANSWER_S = 10.0
EVERY_S = (4.0, 10.0)
"""Between two faults."""


class Gateways:
    """Two on one Redis, each on a port that stays the same."""

    def __init__(self, url: str, folder: Path) -> None:
        self.count = {signal.SIGKILL: 0, signal.SIGTERM: 0}
        self._processes = [GatewayProcess(url, folder / f"gateway-{number}.log") for number in range(GATEWAYS)]

    @property
    def urls(self) -> list[str]:
        return [process.url for process in self._processes]

    def start_all(self) -> None:
        for process in self._processes:
            process.launch()

    async def until_all_up(self, timeout_s: float) -> None:
        """Raises RuntimeError with the logs of those that are not."""
        until = time.monotonic() + timeout_s
        for process in self._processes:
            while not await answers(process.url):
                if time.monotonic() > until:
                    raise RuntimeError(f"a gateway did not start, see {process.log}")
                await asyncio.sleep(0.1)

    async def hit(self, seconds: float, rng: random.Random) -> None:
        """Now and then one of them ends, by one signal or the other, and is started again."""
        until = time.monotonic() + seconds
        while (pause_s := rng.uniform(*EVERY_S)) < until - time.monotonic():
            await asyncio.sleep(pause_s)
            victim, how = rng.choice(self._processes), rng.choice(list(self.count))
            await asyncio.to_thread(victim.end, how)
            victim.launch()
            self.count[how] += 1

    def close(self) -> None:
        for process in self._processes:
            if process.process and process.process.poll() is None:
                process.process.kill()
                process.process.wait()


class Dashboards:
    """One for each of the calls, by Server-Sent Events."""

    def __init__(self, urls: Sequence[str], call_ids: Sequence[str]) -> None:
        self._dashboards = [Dashboard(call_id, urls) for call_id in call_ids]
        self._tasks = [asyncio.create_task(one.watch()) for one in self._dashboards]

    @property
    def came_back(self) -> int:
        """How often one of them lost its gateway within a call."""
        return sum(one.came_back for one in self._dashboards)

    async def problems(self, url: str) -> list[str]:
        """A line for everyone who was told something twice, missed it, or holds something else than is stored."""
        _, late = await asyncio.wait(self._tasks, timeout=PATIENCE_S)
        await end(late)
        told = await asyncio.gather(*self._tasks, return_exceptions=True)
        found = [f"{len(late)} dashboards heard of no end"] if late else []
        found += [f"a dashboard failed: {error!r}" for error in told if isinstance(error, Exception)]
        async with Subscriber(url) as subscriber:
            for one in self._dashboards:
                if plain(one.timeline) != plain(await stored(subscriber, one.timeline.call_id)):
                    found.append(f"{one.timeline.call_id}: a dashboard holds something else than is stored")
        return found


class Dashboard:
    """Follows one call as a browser does: with the id of what it had last, it comes back to the next gateway."""

    def __init__(self, call_id: str, urls: Sequence[str]) -> None:
        self.timeline = Timeline(call_id)
        self.came_back = 0
        self._urls = urls
        self._last = ""

    async def watch(self) -> None:
        """Until the call has ended. Raises AssertionError for a repeat, TimelineHole for what is missing."""
        tries = 0
        async with http_client(timeout=None) as client:
            while not self.timeline.ended:
                url, seq = self._urls[tries % len(self._urls)], self.timeline.seq
                with suppress(httpx.HTTPError):  # its gateway is gone
                    if await answers(url):
                        await self._listen(client, url)
                self.came_back += seq < self.timeline.seq and not self.timeline.ended
                tries += 1
                await asyncio.sleep(PAUSE_S)

    async def _listen(self, client: httpx.AsyncClient, url: str) -> None:
        headers, parser = {"Last-Event-ID": self._last} if self._last else {}, Blocks()
        path = f"{url}/calls/{self.timeline.call_id}/events"
        async with client.stream("GET", path, params={"wait": True}, headers=headers) as answer:
            if answer.status_code == 503:  # Redis has just gone
                return
            assert answer.status_code == 200, f"{self.timeline.call_id}: {answer.status_code} after {self._last!r}"
            async for line in answer.aiter_lines():
                if (block := parser.take(line)) and block.data:
                    event = codec.read(TIMELINE, block.data.encode())
                    assert self.timeline.apply(event), f"{self.timeline.call_id}: told event {block.id} twice"
                    self._last = block.id


async def answers(url: str) -> bool:
    """Whether a gateway is there, and ready."""
    try:
        async with http_client(timeout=ANSWER_S) as client:
            return (await client.get(f"{url}/readyz")).status_code == 200
    except httpx.HTTPError:
        return False
