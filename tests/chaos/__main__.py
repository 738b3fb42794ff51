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

SIGINT and SIGTERM end a run early: it tells what it knows by then, and has failed.
"""

import argparse
import asyncio
import logging
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos import options
from tests.chaos.fated_models import fated_stages
from tests.chaos.plan import FATAL_CALLS, Plan, plan_toys
from tests.chaos.redis_faults import redis_of
from tests.chaos.run import Run
from tests.chaos.stopping import until_stopped
from tests.chaos.workers import RECOGNISER
from tests.runtime.reference import timeline_of

LEAST_CALLS = 4


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
            identical, overloaded = asyncio.run(_chaos(given, calls, seed, folder / str(calls)))
            if identical or not overloaded or calls <= LEAST_CALLS:
                return 0 if identical else 1
            calls = max(LEAST_CALLS, calls // 2)
            print("workers were overloaded: the same with fewer calls")
    finally:
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)


async def _chaos(given: argparse.Namespace, calls: int, seed: int, folder: Path) -> tuple[bool, bool]:
    """Whether every timeline is what it must be, and whether fewer calls may do better: workers were overloaded."""
    folder.mkdir(parents=True, exist_ok=True)
    plan, expected = await _planned(given, calls, seed)
    async with redis_of(given.redis, random.Random(seed + 2)) as redis:
        run = Run(given, plan, expected, redis, seed, folder)
        try:
            stopped = await until_stopped(run.play())
            return await run.judge(stopped), run.overloads > 0 and not stopped
        finally:
            run.close()


async def _planned(given: argparse.Namespace, calls: int, seed: int) -> tuple[Plan, dict[str, list[bytes]]]:
    """What is played, and the timelines of what is not erased, without faults."""
    if given.real:
        from tests.chaos.real_calls import expect, plan_real

        plan = plan_real(calls, given.seconds, seed, given.longest)
        plan.forget(given.forget, seed)
        if given.bulk:
            plan.make_bulk()
        return plan, await expect(plan)
    plan = plan_toys(calls, given.seconds, seed, given.longest, 0 if given.no_faults else FATAL_CALLS)
    plan.forget(given.forget, seed)
    if given.bulk:
        plan.make_bulk()
    stages = fated_stages()
    expected = {
        one.call.call_id: await asyncio.to_thread(timeline_of, one.call, one.frames, stages=stages)
        for one in plan.lasting
    }
    return plan, expected


if __name__ == "__main__":
    sys.exit(main())
