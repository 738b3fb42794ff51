"""Hands calls over to peers with more room. `balance.py` says how many; this tells, asks, and lets go.

beat ──weigh──> some calls are leaving ──their step ends, all is committed──> offered ──> a peer opens them

Peers are workers that read the states of this one, and no others. Beside a newer one that does not, a worker drains: it
takes no new calls, so that it has none left some time.
"""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from speakerline.shared.keys import CALLS, loads_key
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import StageSpec
from speakerline.shared.runtime import balance, scripts
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.driving import Driver
from speakerline.shared.runtime.lobby import Lobby
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.ownership import Ownership
from speakerline.shared.runtime.trust import Trust
from speakerline.shared.runtime.worker_name import has_died
from speakerline.shared.runtime.workplace import Workplace

STAYS_S = 30.0
"""A call that was moved once stays at least so long where it is."""

UNTOLD = (0, 0)
"""What a worker reads that says nothing about it: no state of today."""

KEPT_S = 3600
"""How long loads are kept where no worker tells any more."""


class Balancer:
    """Of one shard: it weighs all calls of the worker, and hands over some of the shard's, which are in `calls`."""

    def __init__(
        self,
        redis: Shard,
        spec: StageSpec,
        ownership: Ownership,
        calls: Mapping[bytes, OwnedCall],
        lobby: Lobby,
        driver: Driver,
        workplace: Workplace,
        options: WorkerOptions,
        metrics: StageMetrics,
        log: Log,
    ) -> None:
        self._most = 0
        """Up to so many calls are taken of those that peers offer; none before it is known what peers have."""
        self.drains = False
        """Whether new calls are left to workers of a newer version."""
        self._offers = 0
        """How often calls were offered."""
        self._newer_at = float("-inf")
        """When a worker of a newer version was heard of."""
        self._redis = redis
        self._spec = spec
        self._ownership = ownership
        self._calls = calls
        self._lobby = lobby
        self._driver = driver
        self._workplace = workplace
        self._options = options
        self._metrics = metrics
        self._log = log
        metrics.comfortable.set(options.comfortable)

    async def weigh(self) -> None:
        """Tell what this worker has, learn what the others have, and mark the calls that go to them."""
        comfortable, behind_s = self._options.comfortable, self._workplace.shedding.behind_s
        shard, scales = self._redis.prefix, self._workplace.scales
        told = {
            "comfortable": comfortable,
            "behind_s": round(behind_s, 3),
            "silent": len(self._lobby.entries),
            "reads": [self._spec.readable[0], self._spec.readable[-1]],
        }
        words = (self._ownership.me, json.dumps(told), int(self._options.lease_s * 1000), KEPT_S)
        keys, offers = [loads_key(self._ownership.stage), CALLS], self._offers
        offered, *peers_told = await scripts.run(self._redis, "weigh", keys, self._ownership.stage, *words)
        each = zip(peers_told[::3], peers_told[1::3], peers_told[2::3], strict=True)
        heard = [(name.decode(), json.loads(words), leases) for name, words, leases in each]
        heard = [one for one in heard if not await self._buried(one[0])]
        self._drain(_oldest_read(words) > self._spec.state_version for _, words, _ in heard)
        if self._offers != offers:
            return  # calls left meanwhile, which these figures have nowhere: the next ones will
        peers = {name: _load(words, leases) for name, words, leases in heard if self._is_read_by(words)}
        scales.put(shard, offered, peers)
        weights = (balance.Load(self._held, comfortable, behind_s), scales.peers)
        offered = scales.offered + sum(call.leaving for call in self._workplace.calls)
        staying = [call for call in self._calls.values() if not call.trust.gone and not call.leaving]
        for call in _movable(staying, time.monotonic())[: balance.to_hand_over(*weights, offered)]:
            call.leaving = True
            self._driver.start(call)
        self._most = self._held + balance.to_take(*weights, offered)

    async def _buried(self, peer: str) -> bool:
        """Whether it has died; then what it had is free, and it is no peer any more."""
        if died := has_died(peer):
            freed = await self._ownership.release_of(peer)
            await self._redis.hdel(self._redis.key(loads_key(self._ownership.stage)), peer)
            self._log.info("a peer on this machine has died, its calls are free", peer=peer, calls=freed)
        return died

    @property
    def wanted(self) -> int:
        """How many calls to take now of those that peers offer; what was taken since the last beat counts."""
        return max(0, self._most - self._held)

    @property
    def _held(self) -> int:
        return sum(not call.trust.gone and not call.leaving for call in self._workplace.calls)

    def _is_read_by(self, words: Mapping[str, Any]) -> bool:
        oldest, newest = words.get("reads", UNTOLD)
        return bool(oldest <= self._spec.state_version <= newest)

    def _drain(self, newer: Iterable[bool]) -> None:
        """For a lease after the last one was heard of: one that is late has not left."""
        now = time.monotonic()
        if any(newer):
            self._newer_at = now
        drains = now - self._newer_at < self._options.lease_s
        if drains != self.drains:
            event = "workers of a newer version take the new calls" if drains else "new calls are taken again"
            self._log.info(event, calls=len(self._calls))
        self.drains = drains
        self._metrics.drains.set(drains)

    async def let_go(self) -> None:
        """Offer the calls whose last step here is over and committed. One that fails now stays."""
        leaving = [call for call in self._calls.values() if call.leaving and not call.driving]
        offered = [call for call in leaving if call.trust.usable and not call.work.uncommitted.since]
        for call in offered:
            call.trust.let_go("handed over")
        if offered:
            count = await self._ownership.offer(call.claim.entry for call in offered)
            self._offers += 1
            self._workplace.scales.offer(self._redis.prefix, count)
            self._metrics.handed_over.inc(count)
            self._log.info("handed over", calls=count)

    async def leave(self) -> None:
        """Be no peer any more."""
        await self._redis.hdel(self._redis.key(loads_key(self._ownership.stage)), self._ownership.me)


def _oldest_read(words: Mapping[str, Any]) -> int:
    return int(words.get("reads", UNTOLD)[0])


def _load(words: Mapping[str, Any], leases: int) -> balance.Load:
    """Of a peer; silent calls are leases, but no work."""
    return balance.Load(max(0, leases - words["silent"]), words["comfortable"], words["behind_s"])


def _movable(calls: Iterable[OwnedCall], now: float) -> list[OwnedCall]:
    """Those between two steps first. What is in doubt, or under suspicion, stays; so does what has just come."""
    movable = [
        call
        for call in calls
        if call.trust.state is Trust.TRUSTED and (call.claim.token == 1 or now - call.opened_at >= STAYS_S)
    ]
    return sorted(movable, key=lambda call: call.driving is not None)
