"""What a worker does every third of a lease: keep its calls, notice those it lost, end dead lines."""

import time
from collections.abc import Mapping
from typing import Any

from speakerline.shared.keys import audio_key, stage_key
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import AUDIO
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.lobby import Lobby
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.ownership import Ownership, Waiting
from speakerline.shared.runtime.workplace import Workplace


class Heartbeat:
    """`calls` is the worker's own table; what was lost is let go there."""

    def __init__(
        self,
        redis: Shard,
        ownership: Ownership,
        lobby: Lobby,
        calls: Mapping[bytes, OwnedCall],
        workplace: Workplace,
        options: WorkerOptions,
        metrics: StageMetrics,
        log: Log,
    ) -> None:
        self.waiting = Waiting()
        """The calls that wait for any worker of the stage."""
        self.moved_at = time.monotonic()
        """When another call than before was the next, or none waited."""
        self._redis = redis
        self._ownership = ownership
        self._lobby = lobby
        self._calls = calls
        self._workplace = workplace
        self._options = options
        self._metrics = metrics
        self._log = log

    async def beat(self) -> bool:
        """Gives whether there are calls to take up: leases of ours without a call in memory, or room for more."""
        before, silent = dict(self._calls), self._lobby.entries
        leases = await self._ownership.beat(before)
        for entry, call in before.items():
            if leases.get(entry) != call.claim.token:
                call.trust.let_go("lost")
        await self._lobby.check(silent, leases)
        held = {entry for entry, call in self._calls.items() if not call.trust.gone}
        missing = self._ownership.missing(leases, held | self._lobby.entries)
        self._note(await self._ownership.waiting())
        return missing or self._workplace.room > 0

    def _note(self, waiting: Waiting) -> None:
        if not waiting.count or waiting.oldest != self.waiting.oldest:
            self.moved_at = time.monotonic()
        self.waiting = waiting

    async def mark_idle(self) -> None:
        """Say so in the calls on which nothing came for a while; only the reader of frames may do that."""
        now, idle_s = time.monotonic(), self._options.idle_s
        quiet = [call for call in self._calls.values() if call.trust.usable and now - call.heard_at >= idle_s]
        answers = await scripts.run_all(self._redis, "mark_idle", [self._mark_of(call) for call in quiet])
        for call, marked in zip(quiet, answers, strict=True):
            if isinstance(marked, Exception):
                raise marked
            if marked:
                self._log.info("call is idle", call_id=call.id, idle_s=idle_s)

    def _mark_of(self, call: OwnedCall) -> tuple[list[str], list[Any]]:
        """Keys and arguments of mark_idle.lua."""
        audio = [audio_key(call.id, int(name.removeprefix(f"{AUDIO}:"))) for name in call.work.inputs]
        read = [f"{position}-{number}" for position, number in call.work.read]
        return [stage_key(call.id, self._ownership.stage), *audio], [call.claim.fence, *read]

    async def close_idle(self) -> None:
        """End the audio of calls on which nothing came for too long; only the reader of frames may do that."""
        now = time.monotonic()
        for call in list(self._calls.values()):
            if not call.trust.usable or now - call.heard_at < self._options.idle_close_s:
                continue
            for name, (position, number) in zip(call.work.inputs, call.work.read, strict=True):
                keys = [
                    audio_key(call.id, int(name.removeprefix(f"{AUDIO}:"))),
                    stage_key(call.id, self._ownership.stage),
                ]
                if await scripts.run(self._redis, "close_idle", keys, call.claim.fence, f"{position}-{number}"):
                    self._metrics.close("idle")
                    idle_s = self._options.idle_close_s
                    self._log.warning("closed, no frame for too long", call_id=call.id, log=name, idle_s=idle_s)
