"""Opens calls: from a claim, or anew when what is in memory is in doubt. What is committed decides, nothing else.

claim ──unreadable──> refused          take.lua ──> GONE, DUPLICATE, finished ──> acknowledged
  └──> take.lua                                 ──> RUNNING, ENDED ──> refused
                                                ──> FENCED ──> let go
                                                ──> OTHER  ──> parked
                                                ──> state  ──> stage.open ──raised──> parked
                                                                   └──> OwnedCall
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from redis.exceptions import ResponseError

from speakerline.shared.codec import InvalidEvent, read_call
from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.failures import told
from speakerline.shared.keys import shard_of
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import StageSpec
from speakerline.shared.runtime.audio_reader import RedisAudio
from speakerline.shared.runtime.call import CallWork
from speakerline.shared.runtime.connection import Shard, is_no_group, is_outage, pairs
from speakerline.shared.runtime.lobby import Announced
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.ownership import Claim, Ownership
from speakerline.shared.runtime.stage import Stage
from speakerline.shared.runtime.trust import Report

USED = {
    b"RUNNING": "its call_id is that of a call that goes on: expected one that was never used",
    b"ENDED": "its call_id was used before, by a call that has ended: expected one that was never used",
}
"""Why an announcement is refused whose id has another."""

OWNERS_BEFORE_CAREFUL = 2
"""So many owners without a single commit: the next one goes entry by entry."""


class Opener:
    """`ttl_s`: how long a call stays in Redis after its last stage is done with it."""

    def __init__(
        self,
        redis: Shard,
        spec: StageSpec,
        stage: Stage,
        ownership: Ownership,
        ttl_s: int,
        metrics: StageMetrics,
        log: Log,
    ) -> None:
        self._redis = redis
        self._spec = spec
        self._stage = stage
        self._ownership = ownership
        self._ttl_s = ttl_s
        self._metrics = metrics
        self._log = log

    async def read(self, claims: Iterable[Claim]) -> list[Announced]:
        """The announcements that are calls; the others are refused."""
        announced = []
        for claim in claims:
            try:
                announced.append((claim, self._of_this_shard(read_call(claim.announcement))))
            except InvalidEvent as error:
                await self.refuse(claim, str(error))
        return announced

    def _of_this_shard(self, call: CallStarted) -> CallStarted:
        """The call itself. Raises InvalidEvent where its sound is, or will be, looked for elsewhere."""
        here = self._redis.address
        if (shard := shard_of(call.call_id, here.shards)) != here.number:
            raise InvalidEvent(f"its call_id is of shard {shard} of {here.shards}, and this is shard {here.number}")
        return call

    async def open(self, announced: Sequence[Announced], known: Mapping[bytes, OwnedCall]) -> list[OwnedCall]:
        """The calls to work on; one that is known is to be replaced by the new object, or was let go."""
        if not announced:
            return []
        replies = await self._ownership.open(announced, self._ttl_s, self._spec.readable)
        judged = zip(announced, replies, strict=True)
        opened = [await self._judge(claim, call, reply, known.get(claim.entry)) for (claim, call), reply in judged]
        return [call for call in opened if call]

    async def refuse(self, claim: Claim, reason: str) -> None:
        """Tell why the announcement is no call, and take it out of everybody's way."""
        self._metrics.refused.inc()
        self._log.warning("call refused", entry=claim.entry.decode(), reason=reason)
        await self._ownership.refuse(claim, reason, self._ttl_s)

    async def _judge(self, claim: Claim, call: CallStarted, reply: Any, before: OwnedCall | None) -> OwnedCall | None:
        if isinstance(reply, Exception):
            await self._refuse_or_park(claim, call, before, reply)
            return None
        if isinstance(reply, bytes) and reply.startswith(b"OTHER"):
            version, readable = reply.split()[1].decode(), " or ".join(map(str, self._spec.readable))
            problem = f"its state has version {version}, this {self._spec.name} reads {readable}"
            await self._park(claim, call, before, problem)
            return None
        if isinstance(reply, bytes):
            if before:
                before.trust.let_go(reply.decode().lower())
            if reply in USED:
                await self.refuse(claim, USED[reply])
            elif reply != b"FENCED":
                await self._ownership.acknowledge(claim.entry, delete=reply == b"DUPLICATE")
            return None
        fields, stages, finished = reply
        stored = {name.decode(errors="replace"): value for name, value in pairs(fields).items()}
        if stored.get("finished"):
            if before:
                before.trust.let_go("finished")
            await self._ownership.acknowledge(claim.entry, delete=int(finished) > stages.count(b","))
            return None
        try:
            work = CallWork(self._spec, call, stored)
            stage = self._stage.open(call, work.parts, RedisAudio(self._redis, call))
            tries, owners = int(stored.get("tries", 0)), int(stored.get("owners", 0))
        except Exception as error:
            await self._park_unread(claim, call, before, error)
            return None
        suspect = tries > 0 or owners > OWNERS_BEFORE_CAREFUL
        return self._own(OwnedCall(claim, call, work, stage, tries=tries), suspect, before)

    async def _refuse_or_park(
        self, claim: Claim, call: CallStarted, before: OwnedCall | None, error: Exception
    ) -> None:
        """What Redis says of the keys of one call is no reason to end the work on others. Raises an outage."""
        if not isinstance(error, ResponseError) or is_outage(error) or is_no_group(error):
            raise error
        if "WRONGTYPE" in str(error):
            await self.refuse(claim, f"a key of the call holds something else: {error}")
        else:
            await self._park_unread(claim, call, before, error)

    async def _park_unread(self, claim: Claim, call: CallStarted, before: OwnedCall | None, error: Exception) -> None:
        self._metrics.failures.inc()
        await self._park(claim, call, before, f"its state can't be read: {told(error)}")

    async def _park(self, claim: Claim, call: CallStarted, before: OwnedCall | None, problem: str) -> None:
        """Its state stays as it is, for a worker that can read it."""
        if before:
            before.trust.let_go("parked")
        if await self._ownership.park(claim.entry):
            self._log.error("call parked", call_id=call.call_id, reason=problem)

    def _own(self, owned: OwnedCall, suspect: bool, before: OwnedCall | None) -> OwnedCall:
        if before:
            owned.trust, owned.heard_at = before.trust.reloaded(), before.heard_at
        else:
            self._metrics.take("takeover" if owned.claim.token > 1 else "new")
            self._log.info("call taken", call_id=owned.id, token=owned.claim.token)
        if suspect:
            owned.trust.report(Report.WARNED, time.monotonic())
        return owned
