"""Faults at random while calls are played in real time; their timelines must be, byte for byte, those without faults.

    python -m tests.chaos [--seconds N] [--calls N] [--workers N] [--seed S] [--real [--recogniser]] [--upgrade]
                          [--keep DIR]

Toy stages by default: they hash all that they see, so that a lost, doubled or moved frame changes every later event.
Those of separation and asr ask models in processes of their own, which hang, crash or eat the memory over some sounds.
With --real the product's own stages listen to a real recording; the same calls are played without faults to compare.
Their words are hashes of the sound, or with --recogniser those of the configured model, for few calls. What a worker
leaves out under overload shows in both; the limit is the one that services ship with. Where timelines differ and
workers were overloaded, the machine may be too slow for so many calls: half as many are played, down to LEAST_CALLS.
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

from redis.asyncio import Redis

from speakerline.shared.client.producer import Producer
from speakerline.shared.keys import CALLS
from speakerline.shared.pipeline import PIPELINE
from speakerline.shared.runtime.connection import connect
from speakerline.shared.runtime.service_settings import ServiceSettings
from tests.chaos import report
from tests.chaos.fated_models import fated_stages
from tests.chaos.faults import Faults
from tests.chaos.plan import PRODUCER_ID, Plan, plan_toys
from tests.chaos.playing import play
from tests.chaos.watching import Watchers
from tests.chaos.workers import RECOGNISER, Supervisor
from tests.redis_server import RedisServer
from tests.runtime.playing import timeline
from tests.runtime.reference import timeline_of

LEASE_S = 1.5
SETTLE_S = 120.0
REAL_SETTLE_S = 900.0
"""Words of Whisper take a third of a core a second of sound, so that they come long after it here."""
SHED_LAG_S = ServiceSettings.model_fields["shed_lag_s"].default
PROBLEMS_SHOWN = 10
LEAST_CALLS = 4
TOYS = "tests.chaos.toy_worker"
REAL = "tests.chaos.real_worker"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("CHAOS_SECONDS", "60")))
    parser.add_argument("--calls", type=int, help="default: one a second, at least 50")
    parser.add_argument("--seed", type=int, help="default: another one every time, printed")
    parser.add_argument("--workers", type=int, default=2, help="of each stage (default: 2)")
    parser.add_argument("--real", action="store_true", help="the product's stages and a real recording")
    parser.add_argument("--recogniser", action="store_true", help="with --real: the words of the configured model")
    parser.add_argument("--upgrade", action="store_true", help="every second worker of a stage is of a newer version")
    parser.add_argument("--keep", type=Path, help="keep the logs there")
    given = parser.parse_args()
    seed = random.randrange(10_000) if given.seed is None else given.seed
    calls = given.calls or max(50, int(given.seconds))
    folder = given.keep or Path(tempfile.mkdtemp(prefix="chaos-"))
    logging.getLogger("speakerline").setLevel(logging.ERROR)
    if given.recogniser:
        os.environ[RECOGNISER] = "1"
    try:
        while True:
            played = f"{given.seconds:g} s, {calls} calls, seed {seed}, {'real' if given.real else 'toy'} stages"
            print(f"chaos: {played}, {given.workers} workers of each", flush=True)
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
    plan, expected = await _planned(given.seconds, calls, seed, given.real)
    with RedisServer(aof=True) as server:
        options = {"lease_s": LEASE_S, "lazy_s": 0.25, "shed_lag_s": SHED_LAG_S}
        module = REAL if given.real else TOYS
        supervisor = Supervisor(server.url, folder, module, options, given.workers, given.upgrade)
        supervisor.start_all()
        try:
            await supervisor.until_all_up(120)
            faults = Faults(supervisor, server, LEASE_S, random.Random(seed + 1))
            guard = asyncio.create_task(supervisor.restart_forever())
            began = time.monotonic()
            watchers = Watchers(server.url, list(expected))
            await asyncio.gather(_play_all(server.url, plan), faults.inject(given.seconds))
            played_s = time.monotonic() - began
            different = await _compare(server.url, expected, REAL_SETTLE_S if given.real else SETTLE_S)
            settled_s = time.monotonic() - began - played_s
            left = await watchers.problems(server.url) + await _left_in_redis(server.url, plan)
            guard.cancel()
        finally:
            supervisor.close()
    report.print_report(plan, faults, supervisor, LEASE_S, expected)
    print(f"played in {played_s:.1f} s, all timelines ended {settled_s:.1f} s later")
    print(f"watchers began from a snapshot {watchers.restarts} times")
    for problem in [*different, *left][:PROBLEMS_SHOWN]:
        print(f"  {problem}")
    print(f"identical: {len(expected) - len(different)}/{len(expected)}")
    return not different and not left, supervisor.shed()


async def _planned(seconds: float, calls: int, seed: int, real: bool) -> tuple[Plan, dict[str, list[bytes]]]:
    """What is played, and the timelines without faults."""
    if real:
        from tests.chaos.real_calls import plan_and_expect

        return await plan_and_expect(calls, seconds, seed)
    plan = plan_toys(calls, seconds, seed)
    stages = fated_stages()
    expected = {
        one.call.call_id: await asyncio.to_thread(timeline_of, one.call, one.frames, stages=stages)
        for one in plan.calls
    }
    return plan, expected


async def _play_all(url: str, plan: Plan) -> None:
    producer, redis = Producer(url, PRODUCER_ID, patience_s=60), connect(url)
    started = time.monotonic()
    try:
        await asyncio.gather(*(play(producer, redis, planned, started) for planned in plan.calls))
    finally:
        await producer.aclose()
        await redis.aclose()


async def _compare(url: str, expected: dict[str, list[bytes]], settle_s: float) -> list[str]:
    """A line for every call whose timeline is not what it must be."""
    problems = []
    until = time.monotonic() + settle_s
    for call_id, events in expected.items():
        try:
            got = await timeline(url, call_id, max(1.0, until - time.monotonic()))
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


async def _left_in_redis(url: str, plan: Plan) -> list[str]:
    """What should be gone or bounded once every call is done, and is not."""
    redis = connect(url)
    try:
        until = time.monotonic() + 4 * LEASE_S
        while (problems := await _leftovers(redis, plan)) and time.monotonic() < until:
            await asyncio.sleep(0.2)
        return problems
    finally:
        await redis.aclose()


async def _leftovers(redis: Redis, plan: Plan) -> list[str]:
    problems = []
    if announcements := await redis.xlen(CALLS):
        problems.append(f"{announcements} announcements are still there")
    for group in await redis.xinfo_groups(CALLS):
        if group["pending"]:
            problems.append(f"{group['pending']} leases of {group['name']!r} are still held")
    endless = [key for key in await redis.keys("call:*") if await redis.ttl(key) < 0]
    if endless:
        problems.append(f"{len(endless)} keys without expiry, such as {endless[0]!r}")
    letters = sum([await redis.xlen(f"call:{{{one.call.call_id}}}:dead") for one in plan.calls])
    poisoned = sum(one.poisoned for one in plan.calls)
    if letters != poisoned:
        problems.append(f"{letters} dead letters, expected {poisoned}")
    if len(await redis.xinfo_groups(CALLS)) != len(PIPELINE):
        problems.append("a group is missing")
    return problems


if __name__ == "__main__":
    sys.exit(main())
