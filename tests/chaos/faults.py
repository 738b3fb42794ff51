"""The faults: which, when, and what they did."""

import asyncio
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from redis.exceptions import RedisError

from speakerline.shared.runtime.connection import connect
from tests.chaos.redis_faults import RedisFaults
from tests.chaos.workers import Supervisor

WEIGHTS = {
    "SIGKILL": 4,
    "SIGSTOP": 3,
    "SIGTERM": 3,
    "connections dropped": 4,
    "scripts flushed": 1,
}
OF_REDIS = 1
"""The weight of each fault of the kind of Redis."""
EVERY_S = (0.2, 1.6)
KILLED_EVERY_S = 4.0
"""Where nothing else happens but that the workers of one stage are killed."""
PAUSED_LEASES = (1.5, 3.0)
DROPPED_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class WorkerFault:
    kind: str
    at: float
    stage: str
    owned: frozenset[str]
    log: Path


@dataclass(slots=True, eq=False)
class Faults:
    supervisor: Supervisor
    redis: RedisFaults
    lease_s: float
    rng: random.Random
    stage: str = ""
    """Nothing but SIGKILL, of workers of this stage alone."""
    count: Counter[str] = field(default_factory=Counter)
    on_workers: list[WorkerFault] = field(default_factory=list)
    _wounded: list["asyncio.Task[None]"] = field(default_factory=list)

    async def inject(self, seconds: float) -> None:
        """One after the other, at random, for so long; returns when the last one is over."""
        started = time.monotonic()
        watching = asyncio.create_task(self.redis.watch())
        while time.monotonic() - started < seconds:
            await asyncio.sleep(KILLED_EVERY_S if self.stage else self.rng.uniform(*EVERY_S))
            weights = {**WEIGHTS, **dict.fromkeys(self.redis.per_minute, OF_REDIS)}
            kind = "SIGKILL" if self.stage else self.rng.choices(list(weights), list(weights.values()))[0]
            per_minute = self.redis.per_minute.get(kind)
            if per_minute and self.count[kind] >= 1 + int((time.monotonic() - started) / 60 * per_minute):
                kind = "SIGKILL"
            await self._one(kind)
        await asyncio.gather(*self._wounded)
        watching.cancel()

    async def _one(self, kind: str) -> None:
        if kind in self.redis.per_minute:
            self.count[kind] += 1
            await self.redis.inflict(kind)
        elif kind in ("connections dropped", "scripts flushed"):
            await self._disturb_redis(kind)
        else:
            self._hit_worker(kind)

    def _hit_worker(self, kind: str) -> None:
        victim = self.supervisor.pick(self.rng, self.stage)
        if victim is None:
            return
        owned = frozenset(self.supervisor.owned_by(victim))
        self.on_workers.append(WorkerFault(kind, time.time(), victim.stages[0], owned, victim.log))
        self.count[kind] += 1
        if kind == "SIGKILL":
            victim.kill()
            self.supervisor.replace(victim)
        elif kind == "SIGTERM":
            victim.signal(signal.SIGTERM)
            self.supervisor.replace(victim)
        else:
            victim.signal(signal.SIGSTOP)
            self.supervisor.paused.add(victim)

            async def wake() -> None:
                await asyncio.sleep(self.lease_s * self.rng.uniform(*PAUSED_LEASES))
                victim.signal(signal.SIGCONT)
                self.supervisor.paused.discard(victim)

            self._wounded.append(asyncio.create_task(wake()))

    async def _disturb_redis(self, kind: str) -> None:
        redis = connect(self.rng.choice(self.redis.nodes).url)
        try:
            if kind == "scripts flushed":
                await redis.script_flush()
                self.count[kind] += 1
                return
            clients = [client["id"] for client in await redis.client_list() if "client|list" not in client["cmd"]]
            for client in self.rng.sample(clients, min(DROPPED_AT_ONCE, len(clients))):
                self.count[kind] += await redis.execute_command("CLIENT", "KILL", "ID", client)
        except RedisError:
            pass  # it happens to be away
        finally:
            await redis.aclose()
