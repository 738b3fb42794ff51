"""The faults: which, when, and what they did."""

import asyncio
import random
import signal
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from redis.exceptions import RedisError

from speakerline.shared.runtime.connection import connect
from tests.chaos.workers import Supervisor
from tests.redis_server import RedisServer

WEIGHTS = {
    "SIGKILL": 4,
    "SIGSTOP": 3,
    "SIGTERM": 3,
    "connections dropped": 4,
    "scripts flushed": 1,
    "redis killed": 1,
    "power cut": 1,
}
REDIS_KILLS_PER_MINUTE = 1.5
EVERY_S = (0.2, 1.6)
KILLED_EVERY_S = 4.0
"""Where nothing else happens but that the workers of one stage are killed."""
PAUSED_LEASES = (1.5, 3.0)
DROPPED_AT_ONCE = 4
REDIS_AWAY_S = (0.2, 1.5)
POWER_CUT_S = 1.0
"""The most of the log that a power cut takes, in seconds of writing, as `appendfsync everysec` may lose."""
LOOK_S = 0.05


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
    server: RedisServer
    lease_s: float
    rng: random.Random
    stage: str = ""
    """Nothing but SIGKILL, of workers of this stage alone."""
    count: Counter[str] = field(default_factory=Counter)
    on_workers: list[WorkerFault] = field(default_factory=list)
    _wounded: list["asyncio.Task[None]"] = field(default_factory=list)
    _written: deque[tuple[float, Path, int]] = field(default_factory=deque)
    """Second, log and size: what the log of Redis was in the last second."""

    async def inject(self, seconds: float) -> None:
        """One after the other, at random, for so long; returns when the last one is over."""
        started = time.monotonic()
        looking = asyncio.create_task(self._look_at_log())
        while time.monotonic() - started < seconds:
            await asyncio.sleep(KILLED_EVERY_S if self.stage else self.rng.uniform(*EVERY_S))
            kind = "SIGKILL" if self.stage else self.rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            allowed = 1 + int((time.monotonic() - started) / 60 * REDIS_KILLS_PER_MINUTE)
            if kind in ("redis killed", "power cut") and self.count[kind] >= allowed:
                kind = "SIGKILL"
            await self._one(kind)
        await asyncio.gather(*self._wounded)
        looking.cancel()

    async def _one(self, kind: str) -> None:
        if kind in ("redis killed", "power cut"):
            await self._kill_redis(kind)
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

    async def _kill_redis(self, kind: str) -> None:
        self.count[kind] += 1
        self.server.kill()
        if kind == "power cut":
            self._cut_log()
        await asyncio.sleep(self.rng.uniform(*REDIS_AWAY_S))
        await asyncio.to_thread(self.server.start)

    def _cut_log(self) -> None:
        """What was rewritten meanwhile is on the disk."""
        log = self._log()
        size = log.stat().st_size
        before = [was for at, one, was in self._written if one == log and at > time.monotonic() - POWER_CUT_S]
        with log.open("r+b") as tail:
            tail.truncate(self.rng.randint(min(before, default=size), size))

    async def _look_at_log(self) -> None:
        while True:
            with suppress(FileNotFoundError):  # Redis has just rewritten it
                log = self._log()
                self._written.append((time.monotonic(), log, log.stat().st_size))
            while self._written and self._written[0][0] < time.monotonic() - POWER_CUT_S:
                self._written.popleft()
            await asyncio.sleep(LOOK_S)

    def _log(self) -> Path:
        """The newest one: while Redis rewrites it, there are two."""
        return max((self.server.folder / "appendonlydir").glob("*.incr.aof"), key=lambda log: log.stat().st_mtime)

    async def _disturb_redis(self, kind: str) -> None:
        redis = connect(self.server.url)
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
