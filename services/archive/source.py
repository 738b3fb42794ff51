"""What the archive asks Redis: pages of the firehose, calls as they stand, and which calls are to be erased."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from speakerline.shared import codec
from speakerline.shared.client.forget import clear_slow_commands
from speakerline.shared.contract.v1 import Snapshot, TimelineEvent
from speakerline.shared.keys import ARCHIVE, ERASURES, FIREHOSE, archived_erased_key, meta_key, stage_key
from speakerline.shared.pipeline import AGGREGATOR, TIMELINE
from speakerline.shared.runtime import append_only
from speakerline.shared.runtime.commit import all_keys
from speakerline.shared.runtime.connection import Shard, entry_id, pairs
from speakerline.shared.runtime.redis_clock import RedisClock
from speakerline.shared.timeline.parts import UnreadableTimeline, read_snapshot
from speakerline.shared.timeline.stored import StoredTimeline, epochs_of

PAGE = 1000
"""Events that are read at once."""
SCAN = 1000
ABSENT_S = 7 * 86_400
"""So long after it was there for the last time, Redis keeps nothing for an archive any more."""
ANSWER_S = 60
ENDLESS = -1
"""What TTL answers for a key without a lifetime."""
_META = "call:{*}:meta"


@dataclass(frozen=True, slots=True)
class FirehoseEntry:
    """An event of the firehose. `event` is None where it can't be read: what follows it in its call is then a hole."""

    id: str
    call_id: str
    event: TimelineEvent | None
    sent_at_ms: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A call as Redis has it; `seq` of the snapshot is 0 where it has none. `parts`: what the snapshot is made of.

    `position`: an id of the firehose; what came before it is in the snapshot."""

    snapshot: Snapshot
    parts: Mapping[str, bytes]
    began_at_ms: int
    position: str


class Source:
    """A Redis, by short commands, and one that waits."""

    def __init__(self, redis: Shard) -> None:
        self.redis = redis
        self._firehose = redis.key(FIREHOSE)
        self.clock = RedisClock()

    async def page(self, position: str, wait_s: float) -> list[FirehoseEntry]:
        """The first events after the position; waits so long for one."""
        command = ("XREAD", "COUNT", PAGE, "BLOCK", max(1, round(1000 * wait_s)), "STREAMS", self._firehose, position)
        answer = await self._ask(*command)
        return [_read(raw_id, flat) for _, entries in answer or () for raw_id, flat in entries or ()]

    async def _ask(self, *command: Any) -> Any:
        return await self.redis.execute_command(*command)

    async def oldest(self) -> str:
        """Id of the first event that is there; empty where there is none."""
        found = await self._ask("XRANGE", self._firehose, "-", "+", "COUNT", 1)
        return found[0][0].decode() if found else ""

    async def newest(self) -> str:
        """Id of the last event that is there; 0-0 where there is none."""
        found = await self._ask("XREVRANGE", self._firehose, "+", "-", "COUNT", 1)
        return found[0][0].decode() if found else "0-0"

    async def time_ms(self) -> int:
        """Since 1970, by the clock of Redis."""
        self.clock.heard(await self.redis.time())
        return round(1000 * self.clock.now())

    async def standing(self, call_id: str) -> Standing:
        """Raises UnreadableTimeline."""
        position = await self.newest()
        fields: dict[bytes, bytes] = await self._ask("HGETALL", self.redis.key(stage_key(call_id, AGGREGATOR.name)))
        announced: bytes | None = await self._ask("HGET", self.redis.key(meta_key(call_id)), "entry")
        stored = StoredTimeline.of_fields(call_id, fields)
        began_at_ms = entry_id(announced)[0] if announced else await self.time_ms()
        return Standing(stored.snapshot(), stored.parts, began_at_ms, position)

    async def calls(self) -> AsyncIterator[dict[str, tuple[int, str]]]:
        """All calls that Redis holds, some at a time: the `seq` and the last epoch of each."""
        before, behind = self.redis.key(_META).split("*")
        cursor: Any = 0
        while True:
            cursor, keys = await self._ask("SCAN", cursor, "MATCH", f"{before}*{behind}", "COUNT", SCAN)
            names = [key.decode() for key in keys if key.isascii()]
            if ids := [name.removeprefix(before).removesuffix(behind) for name in names]:
                yield await self._states(ids)
            if not int(cursor):
                return

    async def _states(self, call_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        asking = self.redis.pipeline(transaction=False)
        for call_id in call_ids:
            asking.hmget(self.redis.key(stage_key(call_id, AGGREGATOR.name)), "part:head", "epochs")
        states = {}
        for call_id, (head, epochs) in zip(call_ids, await asking.execute(), strict=True):
            with suppress(UnreadableTimeline):
                if seq := read_snapshot({"head": head or b"{}"}, lenient=True).seq:
                    states[call_id] = (seq, "".join(epochs_of(epochs)[-1:]))
        return states

    async def exists(self, call_id: str) -> bool:
        return bool(await self.redis.exists(self.redis.key(meta_key(call_id))))

    async def release(self, call_id: str, channels: int) -> bool:
        """An ended call need not wait for the archive: what is left of its life is that of any other. False while a
        stage works on it."""
        meta = self.redis.key(meta_key(call_id))
        left_s, told = await self._ask("TTL", meta), await self._ask("HGET", meta, "ttl_s")
        if left_s == ENDLESS:
            return False
        if told and left_s > int(told):
            releasing = self.redis.pipeline(transaction=False)
            for key in all_keys(call_id, channels):
                releasing.expire(self.redis.key(key), int(told))
            await releasing.execute()
        return True

    async def tell(self, position: str, wait_s: int, records: bool) -> None:
        """There is an archive, how far it is, and whether it records sound."""
        now_s = await self.time_ms() / 1000
        telling = self.redis.pipeline(transaction=False)
        archive = self.redis.key(ARCHIVE)
        telling.hset(archive, mapping={"position": position, "wait_s": wait_s, "records": int(records), "at": now_s})
        telling.expire(archive, ABSENT_S)
        telling.expire(self.redis.key(ERASURES), ABSENT_S)
        await telling.execute()

    async def erasures(self) -> dict[str, tuple[str, bool]]:
        """Calls that are to be erased, each with the position up to which the firehose may tell of them, and whether
        `forget` does not wait for it any more."""
        found: dict[bytes, bytes] = await self._ask("HGETALL", self.redis.key(ERASURES))
        told = {call_id.decode(): position.partition(b" ") for call_id, position in found.items()}
        return {call_id: (position.decode(), bool(late)) for call_id, (position, _, late) in told.items()}

    async def erased(self, call_id: str, archived: int, left: str, late: bool) -> None:
        """Nothing of the call is in the archive any more, but `left`, nor that somebody asked for it."""
        await self.redis.set(self.redis.key(archived_erased_key(call_id)), f"{archived} {left}".strip(), ex=ANSWER_S)
        await self.redis.hdel(self.redis.key(ERASURES), call_id)
        if late:
            await clear_slow_commands(self.redis, [call_id])
            await append_only.rewrite(self.redis)


def after(one: str, other: str) -> bool:
    """Whether one id of an entry is above the other."""
    return entry_id(one.encode()) > entry_id(other.encode())


def _read(raw_id: bytes, flat: list[bytes]) -> FirehoseEntry:
    fields = pairs(flat)
    sent_at_ms = _sent_at_ms(fields) or entry_id(raw_id)[0]
    call_id = fields.get(b"call_id", b"").decode(errors="replace")
    try:
        event = codec.read(TIMELINE, fields.get(b"event", b""))
        event.epoch = fields.get(b"epoch", b"").decode()
    except (codec.InvalidEvent, UnicodeDecodeError):
        return FirehoseEntry(raw_id.decode(), call_id, None, sent_at_ms)
    return FirehoseEntry(raw_id.decode(), call_id, event, sent_at_ms)


def _sent_at_ms(fields: Mapping[bytes, bytes]) -> int:
    """0 where that can't be read."""
    try:
        return round(float(fields.get(b"sent_at", b"0")) * 1000)
    except (ValueError, OverflowError):
        return 0
