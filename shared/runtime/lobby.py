"""Announced calls of which nothing has come yet: held by their lease, but without a place among the worker's calls.

claim ──something lies on its logs────────────────────────> to be opened
  └──nothing──> silent ──XREAD: the first entry────────────> to be opened, or free for others where no place is left
                   └──too long, or too many of them──> closed: an entry, too, so that the call ends as every other does

The loop reads the logs of the newest at every turn. Those of the others are read beside it, by reads that wait long,
and longer for calls that have been silent for long (patience.py): a read costs Redis as much as it names logs.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest

from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.keys import CALLS, stage_key, stream_key
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import AUDIO, StageSpec
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.call import inputs_of
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.ownership import Claim, Ownership

Announced = tuple[Claim, CallStarted]

AFTER_START = b"0-1"
"""Id of the entry that opens a log of sound."""

NEWEST = 16
"""Most calls bring sound soon after they are announced: so many are in the reads of the loop."""

CHECKED = 16
"""Silent calls that are asked at one heartbeat, in turn, whether a read has missed something."""


@dataclass(slots=True, eq=False)
class _Silent:
    claim: Claim
    call: CallStarted
    logs: list[str]
    """Names of their keys."""
    since: float = field(default_factory=time.monotonic)
    asked_at: float = field(default_factory=time.monotonic)
    reader: int = 0
    """Who reads its logs: 0 = the loop, and others beside it."""
    closed: bool = False


class Lobby:
    """The silent calls of one worker. Only the stage that reads frames closes any of them."""

    def __init__(
        self,
        redis: Shard,
        spec: StageSpec,
        ownership: Ownership,
        options: WorkerOptions,
        metrics: StageMetrics,
        log: Log,
    ) -> None:
        self._redis = redis
        self._spec = spec
        self._ownership = ownership
        self._options = options
        self._metrics = metrics
        self._log = log
        self._reads_frames = spec.inputs[0].stream == AUDIO
        self._silent: dict[bytes, _Silent] = {}
        self._stirred: dict[bytes, _Silent] = {}

    @property
    def entries(self) -> set[bytes]:
        """The announcements of the calls in here."""
        return self._silent.keys() | self._stirred.keys()

    @property
    def ids(self) -> set[str]:
        """Of the calls in here."""
        return {silent.call.call_id for silent in (*self._silent.values(), *self._stirred.values())}

    @property
    def silent(self) -> int:
        """How many calls wait for their first entry."""
        return len(self._silent)

    @property
    def stirred(self) -> int:
        """How many came to life and are to be opened."""
        return len(self._stirred)

    @property
    def watched(self) -> Mapping[bytes, bytes]:
        """Keys of logs to be read by the loop, with the id after which the first entry comes."""
        return self._logs_of(silent for silent in self._silent.values() if not silent.reader)

    def set_apart(self, reader: int, silent_s: float) -> Mapping[bytes, bytes]:
        """The same of logs to be read by that reader from now on: those of calls that have been silent for so long, but
        for the newest and what a later reader has."""
        until = time.monotonic() - silent_s
        older = list(self._silent.values())[:-NEWEST]
        for silent in older:
            if silent.reader < reader and silent.since <= until:
                silent.reader = reader
        return self._logs_of(silent for silent in older if silent.reader == reader)

    async def receive(self, announced: Sequence[Announced]) -> list[Announced]:
        """Keep the silent ones. Gives those to be opened."""
        made = [self._made(claim, call) for claim, call in announced]
        answers = await self._ask(made)
        for silent, heard in zip(made, answers, strict=True):
            if not heard:
                self._silent[silent.claim.entry] = silent
        if self._reads_frames:
            too_many = len(self._open()) - self._options.silent_calls
            await self._close(self._open()[: max(0, too_many)], "unheard")
        return [one for one, heard in zip(announced, answers, strict=True) if heard]

    def stir(self, logs: Iterable[bytes]) -> None:
        """Something came on the logs with these keys."""
        moved = set(logs)
        if not moved:
            return
        for entry, silent in list(self._silent.items()):
            if moved.intersection(self._keys(silent)):
                self._stirred[entry] = self._silent.pop(entry)

    async def leave(self, room: int, most: int) -> list[Announced]:
        """Calls to be opened, at most so many, those with sound first. Where more came to life than there is room for,
        the others become free for other workers."""
        leaving = sorted(self._stirred.values(), key=lambda silent: silent.closed)
        if others := leaving[room:]:
            await self._ownership.release(silent.claim.entry for silent in others)
        self._stirred = {silent.claim.entry: silent for silent in leaving[min(room, most) : room]}
        return [(silent.claim, silent.call) for silent in leaving[: min(room, most)]]

    async def check(self, before: set[bytes], leases: Mapping[bytes, int]) -> None:
        """After a heartbeat, of what was in here before it: drop what was lost; look after the others."""
        for waiting in (self._silent, self._stirred):
            for entry in before & waiting.keys():
                if leases.get(entry) != waiting[entry].claim.token:
                    del waiting[entry]
        await self._look_at(nsmallest(CHECKED, self._silent.values(), key=lambda silent: silent.asked_at))
        if self._reads_frames:
            until = time.monotonic() - self._options.idle_close_s
            await self._close([silent for silent in self._open() if silent.since < until], "idle")

    async def look(self) -> None:
        """Find all that came to life, however that was missed."""
        await self._look_at(list(self._silent.values()))

    async def _look_at(self, calls: Sequence[_Silent]) -> None:
        now = time.monotonic()
        for silent, heard in zip(calls, await self._ask(calls), strict=True):
            silent.asked_at = now
            if heard and silent.claim.entry in self._silent:
                self._stirred[silent.claim.entry] = self._silent.pop(silent.claim.entry)

    def restart(self) -> None:
        """After an outage, in which nothing could come."""
        for silent in self._silent.values():
            silent.since = time.monotonic()

    def _made(self, claim: Claim, call: CallStarted) -> _Silent:
        return _Silent(claim, call, [stream_key(call.call_id, name) for name in inputs_of(self._spec, call)])

    def _logs_of(self, calls: Iterable[_Silent]) -> Mapping[bytes, bytes]:
        after = AFTER_START if self._reads_frames else b"0-0"
        return dict.fromkeys((key for silent in calls for key in self._keys(silent)), after)

    def _keys(self, silent: _Silent) -> list[bytes]:
        return [self._redis.key(log).encode() for log in silent.logs]

    def _open(self) -> list[_Silent]:
        """The oldest first."""
        return [silent for silent in self._silent.values() if not silent.closed]

    async def _ask(self, calls: Sequence[_Silent]) -> list[int]:
        keys = [CALLS]
        words: list[bytes | int] = []
        for silent in calls:
            keys += [stage_key(silent.call.call_id, self._spec.name), *silent.logs]
            words += [silent.claim.entry, len(silent.logs)]
        return list(await scripts.run(self._redis, "heard", keys, *words)) if calls else []

    async def _close(self, calls: Sequence[_Silent], why: str) -> None:
        me = (self._spec.name, self._ownership.me)
        runs = [((CALLS, *silent.logs), (*me, silent.claim.entry, silent.claim.token, why)) for silent in calls]
        for silent, closed in zip(calls, await scripts.run_all(self._redis, "close_silent", runs), strict=True):
            if isinstance(closed, Exception):
                raise closed
            silent.closed = bool(closed)
            if closed:
                self._metrics.close(why)
                self._log.warning("closed, no sound came", call_id=silent.call.call_id, why=why)
