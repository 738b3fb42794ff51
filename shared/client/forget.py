"""Erases calls: their audio, events, state and announcements, their events in the firehose, and the bytes of all that.

    keys deleted, archive told ──> `calls` and the firehose written anew ──> archive done ──> append-only file rewritten
      └───────────── a power cut that undid it <── on the disk? <── replicas have heard <──────────────┘

From the first step on nobody can write for the call: its token is gone. docs/erasure.md tells what is out of reach.
"""

import asyncio
import json
import uuid
from dataclasses import dataclass

from redis.exceptions import ResponseError

from speakerline.shared.addresses import Address
from speakerline.shared.client.places import places_at
from speakerline.shared.codec import MAX_CHANNELS, announced_id
from speakerline.shared.keys import (
    ARCHIVE,
    CALLS,
    ERASURES,
    FIREHOSE,
    archived_erased_key,
    check_call_id,
    forgotten_key,
    meta_key,
    shard_of,
)
from speakerline.shared.runtime import append_only, scripts
from speakerline.shared.runtime.commit import all_keys
from speakerline.shared.runtime.connection import Shard, connect, is_outage

MARK_S = 86_400
"""How long the producer of an erased call may not send it again, so that frames it still holds don't bring it back."""

PAGE = 1000
PIECE = 500
"""Entries of the firehose that are copied at once: Redis does nothing else for some milliseconds."""
WHOLE = 10**9
"""`calls` is copied at once, because entries in the middle of it may end meanwhile. It has one for each live call."""
BUSY_PAUSE_S = 0.1
REPLICATED_MS = 2000
"""How long replicas are waited for."""

SHOWN = 64
"""Bytes of an id by which it is found among the slow commands, where Redis keeps 128 bytes of each word."""
ARCHIVE_S = 30.0
"""How long the archive may take to erase calls, before we say that it is still at it."""
ARCHIVE_AWAY_S = 5.0
"""An archive tells every second that it is there."""
NOBODY_WAITS = b" late"
"""Told to the archive: it has to see to the append-only file itself."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What `forget` did. `deleted`: keys, stream entries and archived calls; 0 where nothing was known of the calls.

    `left`: what still holds something of them, in words; empty where nothing in reach of Redis or the archive does."""

    deleted: int
    left: str


async def forget(url: str, *call_ids: str) -> Erased:
    """Erase everything that the Redis at `url`, or each shard, and the archive that reads it hold of these calls, even
    while they run. Many cost little more.

    Returns when no power cut can bring them back: two seconds later, where Redis flushes its log once a second.
    Raises InvalidCallId, and ValueError for a URL of no Redis. Where Redis fails in between, the erasure is not
    complete: ask again."""
    erased = (await forget_each(url, *call_ids)).values()
    left = dict.fromkeys(one.left for one in erased if one.left)
    return Erased(sum(one.deleted for one in erased), "; ".join(left))


async def forget_each(url: str, *call_ids: str) -> dict[str, Erased]:
    """The same, told for each call. `left` is of all calls on its shard."""
    places = places_at(url)
    ids: list[list[str]] = [[] for _ in places]
    for call_id in dict.fromkeys(call_ids):
        ids[shard_of(check_call_id(call_id), len(places))].append(call_id)
    erased = await asyncio.gather(*(_forget(place, its) for place, its in zip(places, ids, strict=True) if its))
    return {call_id: told for one in erased for call_id, told in one.items()}


async def _forget(place: Address, ids: list[str]) -> dict[str, Erased]:
    redis = connect(place)
    try:
        erased = await _erase(redis, ids)
        while await _came_back(redis, ids):
            erased = await _erase(redis, ids)
        return erased
    finally:
        await redis.aclose()


async def _erase(redis: Shard, ids: list[str]) -> dict[str, Erased]:
    keys = [await _delete(redis, call_id) for call_id in ids]
    await _rewritten(redis, CALLS, WHOLE)
    told = await _rewritten(redis, FIREHOSE, PIECE, *ids)
    archived, of_archive = await _archive_erased(redis, ids)
    await clear_slow_commands(redis, ids)
    left = "; ".join(filter(None, (of_archive, await append_only.rewrite(redis), await _behind(redis))))
    return {one: Erased(sum(counts), left) for one, *counts in zip(ids, keys, told, archived, strict=True)}


async def _archive_erased(redis: Shard, ids: list[str]) -> tuple[list[int], str]:
    """Wait until the archive has erased them, where there is one. Gives how many it had of each, and what it still
    has."""
    until = asyncio.get_running_loop().time() + ARCHIVE_S
    while waiting := {one: at for one, at in zip(ids, await _waiting(redis, ids), strict=True) if at}:
        now_s, _ = await redis.time()
        away = now_s - float(await redis.hget(redis.key(ARCHIVE), "at") or 0) > ARCHIVE_AWAY_S
        if away or asyncio.get_running_loop().time() > until:
            await redis.hset(redis.key(ERASURES), mapping={one: at + NOBODY_WAITS for one, at in waiting.items()})
            why = "away: it erases them when it is back" if away else "still at it"
            return [0] * len(ids), f"the archive, which is {why}"
        await asyncio.sleep(BUSY_PAUSE_S)
    told: list[bytes | None] = await redis.execute_command(
        "MGET", *(redis.key(archived_erased_key(one)) for one in ids)
    )
    answers = [(answer or b"0").decode().partition(" ") for answer in told]
    return [int(count) for count, _, _ in answers], next((left for _, _, left in answers if left), "")


async def _waiting(redis: Shard, ids: list[str]) -> list[bytes | None]:
    """What the archive was told of each call, until it has erased it."""
    return list(await redis.execute_command("HMGET", redis.key(ERASURES), *ids))


async def _behind(redis: Shard) -> str:
    """What of the replicas has not heard of the erasure, in words: a failover would bring the calls back."""
    try:
        replicas = int((await redis.info("replication")).get("connected_slaves", 0))
        heard = int(await redis.wait(replicas, REPLICATED_MS)) if replicas else 0
    except ResponseError as error:
        if is_outage(error):
            raise
        return "replicas of Redis, as far as one may ask"
    return f"{replicas - heard} of {replicas} replicas of Redis, which are behind" if heard < replicas else ""


async def _came_back(redis: Shard, ids: list[str]) -> bool:
    """Whether Redis went down before the erasure was on its disk: then the marks are gone, too."""
    marks = [redis.key(forgotten_key(call_id)) for call_id in ids]
    before = await redis.exists(*marks)
    await asyncio.sleep(await append_only.flushed_within_s(redis) if before else 0.0)
    return bool(await redis.exists(*marks) < before)


async def _delete(redis: Shard, call_id: str) -> int:
    meta = meta_key(call_id)
    keys = [key for key in all_keys(call_id, MAX_CHANNELS) if key != meta]
    announced = await _announcements_of(redis, call_id)
    known = [CALLS, meta, forgotten_key(call_id), FIREHOSE, ARCHIVE, ERASURES]
    return int(await scripts.run(redis, "forget", [*known, *keys], call_id, MARK_S, *announced))


async def _announcements_of(redis: Shard, call_id: str) -> list[bytes]:
    """Ids of the entries of `calls` that concern this call, also of those that are no announcement."""
    found: list[bytes] = []
    after = "-"
    while entries := await redis.execute_command("XRANGE", redis.key(CALLS), after, "+", "COUNT", PAGE):
        found += [raw_id for raw_id, flat in entries if any(_concerns(value, call_id) for value in flat[1::2])]
        after = f"({entries[-1][0].decode()}"
    return found


def _concerns(announcement: bytes, call_id: str) -> bool:
    """Whether it is of this call; of one whose id can't be read, whether the id stands in it."""
    announced = announced_id(announcement)
    return call_id == announced if announced else call_id.encode() in announcement


async def _rewritten(redis: Shard, stream: str, piece: int, *call_ids: str) -> list[int]:
    """Put a copy without entries of these calls in the place of the stream. Gives how many were left out of each."""
    run = uuid.uuid4().hex
    after, left_out = b"", [0] * len(call_ids)
    while after != b"DONE":
        arguments = (run, after, piece, *call_ids)
        status, counts = await scripts.run(redis, "rewrite", [stream, f"{stream}:copy"], *arguments)
        if status in (b"BUSY", b"LOST"):
            after, left_out = b"", [0] * len(call_ids)
            await asyncio.sleep(BUSY_PAUSE_S)
        else:
            after, left_out = status, [before + count for before, count in zip(left_out, counts, strict=True)]
    return left_out


async def clear_slow_commands(redis: Shard, call_ids: list[str]) -> None:
    """Redis keeps the first bytes of what slow commands were given; some do not let us see that."""
    try:
        kept = [one["command"] for one in await redis.slowlog_get(await redis.slowlog_len())]
        shown = [_as_json(call_id)[:SHOWN] for call_id in call_ids] + [call_id.encode()[:SHOWN] for call_id in call_ids]
        # may show metadata before the id, and the id no more
        announcement = f"xadd {redis.key(CALLS)} ".encode()
        announcing = any(command.lower().startswith(announcement) for command in kept)
        if announcing or any(one in command for one in shown for command in kept):
            await redis.slowlog_reset()
    except ResponseError:
        return


def _as_json(call_id: str) -> bytes:
    """As it stands in the text of an event."""
    return json.dumps(call_id)[1:-1].encode()
