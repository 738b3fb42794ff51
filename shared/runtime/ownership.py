"""Who owns a call: a consumer group over the stream `calls`.

A pending entry of the stage's group is the lease, its delivery count is the fencing token: taking over raises it. The
heartbeat keeps it young, but for calls that are silent, of which an owner is enough that tells of itself. There is no
coordinator; load follows capacity, because a worker takes only what it has room for.
"""

import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from speakerline.shared.codec import MAX_CHANNELS, announced_id
from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.keys import CALLS, REFUSED, audio_key, loads_key, meta_key, stage_key
from speakerline.shared.pipeline import PIPELINE
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.commit import all_keys
from speakerline.shared.runtime.connection import Shard, pairs
from speakerline.shared.runtime.worker_name import new_name

FORGOTTEN_AFTER_MS = 3_600_000
"""A consumer that holds nothing and was silent for so long is a worker that died."""

FREE_MS = 86_400_000
"""As idle as a call seems that anybody may take at once."""

OFFERED_MS = FREE_MS // 2
"""The same of a call that is meant for a peer with less to do."""

MOST_COUNTED = 1000
"""Waiting calls are counted up to here."""

MOST_LEASES = 100_000
"""More than a worker has."""

PARKED_S = 60.0
"""How long a worker leaves a call alone whose state it could not read."""

REFUSED_S = 86_400
"""How long a refusal is told of."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An announcement that is now ours: `token` grows with every owner."""

    entry: bytes
    token: int
    announcement: bytes
    nonce: str = field(default_factory=lambda: os.urandom(4).hex(), compare=False)

    @property
    def fence(self) -> str:
        """What every write of the owner is compared by. A Redis that lost its last second, or all, gives the same
        tokens out once more; the nonce tells the owner of then from the one of now."""
        return f"{self.entry.decode()}/{self.token}/{self.nonce}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Calls without an owner: how many, the oldest announcement, its age, and how many more are parked."""

    count: int = 0
    oldest: bytes = b""
    age_s: float = 0.0
    parked: int = 0


class Ownership:
    """The calls that one worker of one stage has of a shard.

    lease_s: how long an owner may be silent before others take its calls. me: the name of the worker."""

    def __init__(self, redis: Shard, stage: str, lease_s: float, me: str = "") -> None:
        self.me = me or new_name(stage)
        self.wake_key = f"calls:wake:{stage}"
        """Written where a call of the stage becomes free."""
        self.my_wake_key = f"wake:{self.me}"
        """Written where this worker alone should look up from its read."""
        self._redis = redis
        self._group = self.stage = stage
        self._lease_s = lease_s
        self._claim_after = 0.0
        self._unknown: dict[bytes, int] = {}
        self._parked: dict[bytes, float] = {}
        """Calls that I could not read, and nobody has taken since; with the monotonic second at which I try again."""

    async def join(self) -> None:
        """Create the group, at the beginning of the stream: what was announced before counts too."""
        await scripts.run(self._redis, "join", [CALLS], self._group, FORGOTTEN_AFTER_MS)

    def outage(self) -> None:
        """After an outage everybody looks idle: wait one lease before claiming, so that the owners beat first."""
        self._claim_after = time.monotonic() + self._lease_s

    async def take(self, room: int, owned: set[bytes], offers: int = 0, leave_new: bool = False) -> list[Claim]:
        """At most `room` calls: pending for me but not in memory (a lost reply), orphaned, offered, or new.

        `offers`: the most of those that peers offer; the others are left to them, for a lease. `leave_new`: what is new
        is left to them for good."""
        claims = await self._recover(owned)
        room -= len(claims)
        if room > 0 and time.monotonic() >= self._claim_after:
            resting = [entry for entry in self._parked if self._rests(entry)]
            words = (self._group, self.me, int(self._lease_s * 1000), room, OFFERED_MS, offers, *resting)
            flat = await scripts.run(self._redis, "claim", [CALLS, loads_key(self.stage)], *words)
            claims += [_claim(*flat[at : at + 3]) for at in range(0, len(flat), 3)]
            room -= len(flat) // 3
        if room > 0 and not leave_new:
            command = ("XREADGROUP", "GROUP", self._group, self.me, "COUNT", room)
            reply = await self._redis.execute_command(*command, "STREAMS", self._redis.key(CALLS), ">")
            for _, entries in reply or ():
                claims += [_claim(entry, fields, 1) for entry, fields in entries]
        return [claim for claim in claims if claim.entry not in owned]

    async def beat(self, heard: Iterable[bytes] = ()) -> dict[bytes, int]:
        """Refresh the leases of calls that are not silent. Gives the token of every entry that is still mine."""
        await scripts.run(self._redis, "beat", [CALLS], self._group, self.me, *heard)
        leases: list[dict[str, Any]] = await self._redis.xpending_range(
            self._redis.key(CALLS), self._group, "-", "+", MOST_LEASES, consumername=self.me
        )
        return {lease["message_id"]: lease["times_delivered"] for lease in leases}

    def missing(self, mine: dict[bytes, int], owned: set[bytes]) -> bool:
        """Remember which of my leases belong to no call in memory; whether there are any."""
        self._unknown = {entry: token for entry, token in mine.items() if entry not in owned}
        return bool(self._unknown)

    async def open(self, announced: Sequence[tuple[Claim, CallStarted]], ttl_s: int, readable: range) -> list[Any]:
        """Install the token of each call; the replies of `take.lua`, each of which may be an exception.

        `readable`: versions of the states that are read."""
        stages = ",".join(spec.name for spec in PIPELINE)
        runs = [
            (
                _keys_to_take(call, self._group),
                (
                    *(self._group, self.me, claim.entry, claim.token, claim.fence, claim.announcement, stages, ttl_s),
                    *(readable[0], readable[-1]),
                ),
            )
            for claim, call in announced
        ]
        return await scripts.run_all(self._redis, "take", runs)

    async def acknowledge(self, entry: bytes, delete: bool = False) -> None:
        """This stage is done with the call. Delete only when all are: claiming forgets leases whose entry is gone."""
        pipeline = self._redis.pipeline(transaction=True)
        if delete:
            pipeline.xdel(self._redis.key(CALLS), entry)
        pipeline.xack(self._redis.key(CALLS), self._group, entry)
        await pipeline.execute()

    async def refuse(self, claim: Claim, reason: str, ttl_s: int) -> None:
        """The announcement is no call that can be processed: tell why, and take it out of everybody's way.

        `ttl_s`: how long what was written for the call stays."""
        call_id = announced_id(claim.announcement)
        keys = [CALLS, REFUSED, *(all_keys(call_id, MAX_CHANNELS) if call_id else ())]
        told = (len(claim.announcement), reason, REFUSED_S, ttl_s)
        await scripts.run(self._redis, "refuse", keys, self._group, claim.entry, *told)

    async def release(self, entries: Iterable[bytes]) -> int:
        """Hand these calls over at once. Gives how many."""
        return await self._set_free(FREE_MS, [*entries])

    async def release_all(self) -> int:
        """Hand all calls over at once. Gives how many."""
        return await self._set_free(FREE_MS, ["all"])

    async def offer(self, entries: Iterable[bytes]) -> int:
        """Hand these calls over to peers that have less. Gives how many."""
        return await self._set_free(OFFERED_MS, [*entries])

    async def release_of(self, dead: str) -> int:
        """Set free the calls of a worker whose process is gone, before its leases run out. Gives how many."""
        return await self._set_free_of(dead, FREE_MS, ["all"])

    async def _set_free(self, idle_ms: int, entries: Sequence[bytes | str]) -> int:
        return await self._set_free_of(self.me, idle_ms, entries)

    async def _set_free_of(self, worker: str, idle_ms: int, entries: Sequence[bytes | str]) -> int:
        keys = [CALLS, self.wake_key]
        return int(await scripts.run(self._redis, "release", keys, self._group, worker, idle_ms, *entries))

    async def park(self, entry: bytes) -> bool:
        """Leave a call to other workers, and try it again after PARKED_S. False where I parked it before."""
        first = entry not in self._parked
        self._parked[entry] = math.inf
        try:
            await self._set_aside(entry)
        finally:
            self._parked[entry] = time.monotonic() + PARKED_S
        return first

    async def _set_aside(self, entry: bytes) -> None:
        await scripts.run(self._redis, "park", [CALLS, self.wake_key], self._group, self.me, entry)

    def _rests(self, entry: bytes) -> bool:
        return self._parked.get(entry, 0.0) > time.monotonic()

    async def _recover(self, owned: set[bytes]) -> list[Claim]:
        claims = []
        for entry, token in self._unknown.items():
            if entry in owned:
                continue
            if self._rests(entry):
                await self._set_aside(entry)
                continue
            found = await self._redis.execute_command("XRANGE", self._redis.key(CALLS), entry, entry)
            if found:
                claims.append(_claim(entry, found[0][1], token))
            else:
                await self.acknowledge(entry)
        self._unknown = {}
        return claims

    async def waiting(self) -> Waiting:
        """The announced calls that no worker of the stage has."""
        asked_at = time.monotonic()
        reply = await scripts.run(self._redis, "waiting", [CALLS], self._group, MOST_COUNTED)
        count, oldest, age_ms, parked = reply
        self._parked = {
            entry: again_at
            for entry, again_at in self._parked.items()
            if entry in parked or again_at >= asked_at + PARKED_S  # parked meanwhile
        }
        return Waiting(int(count), oldest, int(age_ms) / 1000, len(parked))


def _keys_to_take(call: CallStarted, stage: str) -> list[str]:
    audio = (audio_key(call.call_id, channel) for channel in range(call.channels))
    return [CALLS, stage_key(call.call_id, stage), meta_key(call.call_id), *audio]


def _claim(entry: bytes, fields: list[Any], token: int) -> Claim:
    return Claim(entry, int(token), pairs(fields).get(b"event", b""))
