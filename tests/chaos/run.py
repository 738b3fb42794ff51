"""One run: workers, gateways and watchers on a Redis, faults among them, and what became of the calls."""

import argparse
import asyncio
import random
import time
from collections.abc import Mapping
from pathlib import Path

from speakerline.shared.client.producer import Producer
from speakerline.shared.failures import told
from speakerline.shared.runtime.ending import end
from speakerline.shared.runtime.service_settings import ServiceSettings
from tests.chaos import report
from tests.chaos.faults import Faults
from tests.chaos.gateways import Dashboards, Gateways
from tests.chaos.leftovers import left_in_redis
from tests.chaos.memory import Memory
from tests.chaos.plan import PRODUCER_ID, Plan
from tests.chaos.playing import play
from tests.chaos.redis_faults import RedisFaults
from tests.chaos.settling import settle
from tests.chaos.watching import Watchers
from tests.chaos.workers import Supervisor
from tests.runtime.playing import timeline

LEASE_S = 1.5
"""Short, so that takeovers are many and soon. Without faults it is that of services: on a busy machine a worker may be
late by more than this one, and calls would move from worker to worker for no reason."""
LEFT_WITHIN_S = 60.0
UP_WITHIN_S = 600.0
"""Of a busy machine on which every worker loads its models at once."""
IDLE_S = 3600.0
"""A producer that a busy machine keeps from sending has not fallen silent."""
COMPARED_WITHIN_S = 600.0
"""Of a Redis that is there."""
SERVICE = {name: ServiceSettings.model_fields[name].default for name in ("shed_lag_s", "lease_s")}
PROBLEMS_SHOWN = 10
MOST_DASHBOARDS = 20
"""Of as many calls."""
TOYS = "tests.chaos.toy_worker"
REAL = "tests.chaos.real_worker"


class Run:
    """`expected`: the timelines without faults, of the calls that are not erased."""

    def __init__(
        self,
        given: argparse.Namespace,
        plan: Plan,
        expected: Mapping[str, list[bytes]],
        redis: RedisFaults,
        seed: int,
        folder: Path,
    ) -> None:
        self._given, self._plan, self._expected, self._redis, self._seed = given, plan, expected, redis, seed
        self._lease_s = SERVICE["lease_s"] if given.no_faults else LEASE_S
        settings = {**SERVICE, "lease_s": self._lease_s, "lazy_s": 0.25, "idle_s": IDLE_S, "idle_close_s": IDLE_S}
        module = REAL if given.real else TOYS
        self._supervisor = Supervisor(redis.url, folder, module, settings, given.workers, given.upgrade)
        self._gateways = Gateways(redis.url, folder)
        self._faults = Faults(self._supervisor, redis, self._lease_s, random.Random(seed + 1), given.kill)
        self._memory = Memory(self._supervisor)
        self._problems: list[str] = []

    @property
    def overloads(self) -> int:
        """How often a worker was overloaded."""
        return self._supervisor.shed()

    async def play(self) -> None:
        """All calls in real time, with the faults, until their timelines have ended and everybody has watched them."""
        url, given = self._redis.url, self._given
        self._supervisor.start_all()
        self._gateways.start_all()
        await self._supervisor.until_all_up(UP_WITHIN_S)
        await self._gateways.until_all_up(UP_WITHIN_S)
        beside = [asyncio.create_task(self._supervisor.restart_forever()), asyncio.create_task(self._memory.watch())]
        try:
            began = time.monotonic()
            watchers = Watchers(url, list(self._expected), [one.call.call_id for one in self._plan.forgotten])
            watched = [*self._expected][:: len(self._expected) // MOST_DASHBOARDS + 1]
            dashboards = Dashboards(self._gateways.urls, watched)
            faulty_s = 0.0 if given.no_faults else given.seconds
            injecting = self._faults.inject(faulty_s), self._gateways.hit(faulty_s, random.Random(self._seed + 2))
            self._problems, *_ = await asyncio.gather(_play_all(url, self._plan), *injecting)
            played_s = time.monotonic() - began
            await settle(url, self._expected)
            settled_s = time.monotonic() - began - played_s
            self._problems += await watchers.problems(url) + await dashboards.problems(url)
            self._problems += await left_in_redis(self._redis, self._plan, LEFT_WITHIN_S)
        finally:
            await end(beside)
        self._problems += self._memory.report(asked=given.no_faults)
        print(f"played in {played_s:.1f} s, all timelines ended {settled_s:.1f} s later")
        print(f"{dashboards.came_back} times a dashboard came back to another gateway")
        print(f"watchers began from a snapshot {watchers.restarts} times")

    async def judge(self, stopped: str) -> bool:
        """Prints the report. Whether every timeline is what it must be, and nothing else is wrong.

        `stopped`: the signal that ended `play` early; then less is known, and something is wrong."""
        report.print_report(self._plan, self._faults, self._gateways, self._supervisor, self._lease_s, self._expected)
        if stopped:
            print(f"ended by {stopped}: only timelines are compared, as they are now")
            await self._redis.revive()
        different = await asyncio.wait_for(_compare(self._redis.url, self._expected), COMPARED_WITHIN_S)
        for problem in [*self._problems, *different][:PROBLEMS_SHOWN]:
            print(f"  {problem}")
        print(f"identical: {len(self._expected) - len(different)}/{len(self._expected)}")
        return not different and not self._problems and not stopped

    def close(self) -> None:
        self._supervisor.close()
        self._gateways.close()


async def _play_all(url: str, plan: Plan) -> list[str]:
    """A line for every call that could not be sent to its end."""
    producer = Producer(url, PRODUCER_ID, patience_s=60)
    started = time.monotonic()
    try:
        playing = (play(url, producer, planned, started) for planned in plan.calls)
        ended = await asyncio.gather(*playing, return_exceptions=True)
    finally:
        await producer.aclose()
    return [f"not sent to its end: {told(error)}" for error in ended if error is not None]


async def _compare(url: str, expected: Mapping[str, list[bytes]]) -> list[str]:
    """A line for every call whose timeline is not what it must be."""
    problems = []
    for call_id, events in expected.items():
        try:
            got = await timeline(url, call_id, 0.0)
        except (TimeoutError, AssertionError) as error:
            problems.append(f"{call_id}: {error}")
            continue
        if got != events:
            problems.append(f"{call_id}: {report.difference(got, events)}")
    return problems
