"""Faults at random while calls are played in real time; their timelines must be, byte for byte, those without faults.

    python -m tests.chaos [--seconds N] [--calls N] [--workers N] [--seed S] [--real [--recogniser]] [--upgrade]
                          [--redis KIND] [--longest S] [--bulk] [--forget SHARE]
                          [--kill STAGE | --no-faults] [--keep DIR]

Toy stages by default: they hash all that they see, so that a lost, doubled or moved frame changes every later event.
Those of separation and asr ask models in processes of their own, which hang, crash or eat the memory over some sounds.
With --real the product's own stages listen to a real recording; the same calls are played without faults to compare.
Their words are hashes of the sound, or with --recogniser those of the configured model, for few calls. What a worker
leaves out under overload shows in both; the limit is the one that services ship with. Where timelines differ and
workers were overloaded, the machine may be too slow for so many calls: half as many are played, down to LEAST_CALLS.

Beside them two gateways are killed and stopped, and dashboards of some calls come back to the one that answers.

Redis is a single one, which dies and loses its last second. With --redis sentinel it has a replica; with cluster there
are three primaries, each with one, and eight shards. Primaries die and are replaced, and shards move.

With --forget a share of the calls is erased while they run: nothing of them may be left, and the others don't notice.
"""

import argparse
import asyncio
import logging
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from speakerline.shared.client.producer import Producer
from speakerline.shared.runtime.service_settings import ServiceSettings
from tests.chaos import options, report
from tests.chaos.fated_models import fated_stages
from tests.chaos.faults import Faults
from tests.chaos.gateways import Dashboards, Gateways
from tests.chaos.leftovers import left_in_redis
from tests.chaos.memory import Memory
from tests.chaos.plan import PRODUCER_ID, Plan, plan_toys
from tests.chaos.playing import play
from tests.chaos.redis_faults import redis_of
from tests.chaos.settling import settle
from tests.chaos.watching import Watchers
from tests.chaos.workers import RECOGNISER, Supervisor
from tests.runtime.playing import timeline
from tests.runtime.reference import timeline_of

LEASE_S = 1.5
LEFT_WITHIN_S = 60.0
UP_WITHIN_S = 600.0
"""Of a busy machine on which every worker loads its models at once."""
SHED_LAG_S = ServiceSettings.model_fields["shed_lag_s"].default
PROBLEMS_SHOWN = 10
LEAST_CALLS = 4
MOST_DASHBOARDS = 20
"""Of as many calls."""
TOYS = "tests.chaos.toy_worker"
REAL = "tests.chaos.real_worker"


def main() -> int:
    given = options.parse(__doc__.splitlines()[0])
    seed = random.randrange(10_000) if given.seed is None else given.seed
    calls = given.calls or max(50, int(given.seconds))
    folder = given.keep or Path(tempfile.mkdtemp(prefix="chaos-"))
    logging.getLogger("speakerline").setLevel(logging.ERROR)
    if given.recogniser:
        os.environ[RECOGNISER] = "1"
    try:
        while True:
            played = f"{given.seconds:g} s, {calls} calls, seed {seed}, {'real' if given.real else 'toy'} stages"
            erased = f", {given.forget:.0%} erased while they run" if given.forget else ""
            faults = ", no faults" if given.no_faults else f", {given.kill} killed every 4 s" if given.kill else ""
            newer = ", every second one newer" if given.upgrade else ""
            print(
                f"chaos: {played}, {given.redis} Redis, {given.workers} workers of each{newer}{erased}{faults}",
                flush=True,
            )
            identical, overloads = asyncio.run(_chaos(given, calls, seed, folder / str(calls)))
            if identical or not overloads or calls <= LEAST_CALLS:
                return 0 if identical else 1
            calls = max(LEAST_CALLS, calls // 2)
            print("workers were overloaded: the same with fewer calls")
    finally:
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)


async def _chaos(given: argparse.Namespace, calls: int, seed: int, folder: Path) -> tuple[bool, int]:
    """Whether every timeline is what it must be, and how often a worker was overloaded."""
    folder.mkdir(parents=True, exist_ok=True)
    plan, expected = await _planned(given, calls, seed)
    async with redis_of(given.redis, random.Random(seed + 2)) as redis:
        settings = {"lease_s": LEASE_S, "lazy_s": 0.25, "shed_lag_s": SHED_LAG_S}
        module = REAL if given.real else TOYS
        supervisor = Supervisor(redis.url, folder, module, settings, given.workers, given.upgrade)
        gateways = Gateways(redis.url, folder)
        supervisor.start_all()
        gateways.start_all()
        try:
            await supervisor.until_all_up(UP_WITHIN_S)
            await gateways.until_all_up(UP_WITHIN_S)
            faults = Faults(supervisor, redis, LEASE_S, random.Random(seed + 1), given.kill)
            guard = asyncio.create_task(supervisor.restart_forever())
            began = time.monotonic()
            memory = Memory(supervisor)
            measuring = asyncio.create_task(memory.watch())
            watchers = Watchers(redis.url, list(expected), [one.call.call_id for one in plan.forgotten])
            dashboards = Dashboards(gateways.urls, [*expected][:: len(expected) // MOST_DASHBOARDS + 1])
            faulty_s = 0.0 if given.no_faults else given.seconds
            injecting = asyncio.create_task(faults.inject(faulty_s))
            hitting = asyncio.create_task(gateways.hit(faulty_s, random.Random(seed + 2)))
            unplayed = await _play_all(redis.url, plan)
            await asyncio.gather(injecting, hitting)
            played_s = time.monotonic() - began
            await settle(redis.url, expected)
            different = await _compare(redis.url, expected)
            settled_s = time.monotonic() - began - played_s
            left = unplayed + await watchers.problems(redis.url) + await dashboards.problems(redis.url)
            left += await left_in_redis(redis, plan, LEFT_WITHIN_S)
            measuring.cancel()
            left += memory.report()
            guard.cancel()
        finally:
            supervisor.close()
            gateways.close()
    report.print_report(plan, faults, gateways, supervisor, LEASE_S, expected)
    print(f"played in {played_s:.1f} s, all timelines ended {settled_s:.1f} s later")
    print(f"{dashboards.came_back} times a dashboard came back to another gateway")
    print(f"watchers began from a snapshot {watchers.restarts} times")
    for problem in [*left, *different][:PROBLEMS_SHOWN]:
        print(f"  {problem}")
    print(f"identical: {len(expected) - len(different)}/{len(expected)}")
    return not different and not left, supervisor.shed()


async def _planned(given: argparse.Namespace, calls: int, seed: int) -> tuple[Plan, dict[str, list[bytes]]]:
    """What is played, and the timelines of what is not erased, without faults."""
    if given.real:
        from tests.chaos.real_calls import expect, plan_real

        plan = plan_real(calls, given.seconds, seed, given.longest)
        plan.forget(given.forget, seed)
        if given.bulk:
            plan.make_bulk()
        return plan, await expect(plan)
    plan = plan_toys(calls, given.seconds, seed, given.longest)
    plan.forget(given.forget, seed)
    if given.bulk:
        plan.make_bulk()
    stages = fated_stages()
    expected = {
        one.call.call_id: await asyncio.to_thread(timeline_of, one.call, one.frames, stages=stages)
        for one in plan.lasting
    }
    return plan, expected


async def _play_all(url: str, plan: Plan) -> list[str]:
    """A line for every call that could not be sent to its end."""
    producer = Producer(url, PRODUCER_ID, patience_s=60)
    started = time.monotonic()
    try:
        playing = (play(url, producer, planned, started) for planned in plan.calls)
        ended = await asyncio.gather(*playing, return_exceptions=True)
    finally:
        await producer.aclose()
    return [f"not sent to its end: {error!r}" for error in ended if error is not None]


async def _compare(url: str, expected: dict[str, list[bytes]]) -> list[str]:
    """A line for every call whose timeline is not what it must be."""
    problems = []
    for call_id, events in expected.items():
        try:
            got = await timeline(url, call_id, 0.0)
        except (TimeoutError, AssertionError) as error:
            problems.append(f"{call_id}: {error}")
            continue
        if got != events:
            at = next(
                (at for at, (a, b) in enumerate(zip(got, events, strict=False)) if a != b), min(len(got), len(events))
            )
            problems.append(
                f"{call_id}: {len(got)} events, expected {len(events)}; first difference at {at}: "
                f"{got[at : at + 1]} instead of {events[at : at + 1]}"
            )
    return problems


if __name__ == "__main__":
    sys.exit(main())
