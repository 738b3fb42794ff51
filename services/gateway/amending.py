"""Corrects calls that Redis has let go: through the firehose, from which the archive takes what follows from it.

One correction of a call at a time, over all gateways; it is answered when the archive has it. Where that takes too long
its answer is 503, and the next one, which may be the same again, waits for it.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.gateway import Gateway
from speakerline.shared import codec
from speakerline.shared.client.amendments import amendment
from speakerline.shared.client.corrections import CorrectionRefused, Taken, repeated
from speakerline.shared.contract.v1 import Correction, TimelineEvent
from speakerline.shared.keys import ARCHIVE, FIREHOSE, amending_key, late_key
from speakerline.shared.pipeline import TIMELINE
from speakerline.shared.runtime.commit import FIREHOSE_LENGTH
from speakerline.shared.timeline.timeline import Timeline

WAIT_S = 10.0
LOOK_EVERY_S = 0.1
LOCK_MS = 30_000
"""Longer than all of it takes: of a gateway that died, the lock ends by itself."""
LATE_MS = 600_000
"""How long the next correction waits for one that the archive has not taken: then it was lost on the way."""
LATE = "the archive has not taken the correction yet: ask again with the same correction_id"
AWAY_S = 10.0
"""The archive tells every second that it is there."""


async def amend_archived(gateway: Gateway, call_id: str, said: Correction, archived: str) -> Taken:
    """Correct the newest call of this id in the archive. `archived`: which one is meant, if not empty.

    Raises InvalidCorrection, CorrectionRefused, Refused."""
    async with _alone(gateway, call_id):
        await _until_late_is_archived(gateway, call_id)
        snapshot = await gateway.archive.snapshot(call_id)
        if snapshot is None:
            raise Refused(404, "unknown", "no such call")
        if archived and await gateway.archive.snapshot(call_id, int(archived)) != snapshot:
            raise CorrectionRefused("ended", "a newer call has this id: expected a correction of that one")
        timeline = Timeline.from_snapshot(snapshot)
        if there := timeline.corrections.get(said.correction_id):
            return repeated(there, said, timeline.at_ms)
        if not timeline.ended:
            raise CorrectionRefused("ended", "the end of the call was lost: expected a call that is whole")
        await _check_archive(gateway, call_id)
        await _publish(gateway, call_id, [*amendment(timeline, said)])
        await _until_archived(gateway, call_id, timeline.seq)
    return Taken(said.correction_id, timeline.at_ms)


async def _check_archive(gateway: Gateway, call_id: str) -> None:
    shard = gateway.shard_with(call_id)
    told_at, (now_s, _) = await shard.hget(shard.key(ARCHIVE), "at"), await shard.time()
    if not told_at or now_s - float(told_at) > AWAY_S:
        raise Refused(503, "archive", "the archive is away: try again")


async def _publish(gateway: Gateway, call_id: str, events: list[TimelineEvent]) -> None:
    """All or none."""
    shard = gateway.shard_with(call_id)
    writing, now = shard.pipeline(transaction=True), f"{time.time():.3f}"
    for event in events:
        fields = {"sent_at": now, "call_id": call_id, "event": codec.write(TIMELINE, event)}
        told = {**fields, "audio_at": now, "epoch": event.epoch}
        writing.xadd(shard.key(FIREHOSE), told, maxlen=FIREHOSE_LENGTH, approximate=True)  # type: ignore[arg-type]
    await writing.execute()


async def _until_archived(gateway: Gateway, call_id: str, seq: int) -> None:
    if not await _reaches(gateway, call_id, seq):
        shard = gateway.shard_with(call_id)
        await shard.set(shard.key(late_key(call_id)), seq, px=LATE_MS)
        raise Refused(503, "archive", LATE)


async def _until_late_is_archived(gateway: Gateway, call_id: str) -> None:
    shard = gateway.shard_with(call_id)
    late = shard.key(late_key(call_id))
    if (seq := await shard.get(late)) is None:
        return
    if not await _reaches(gateway, call_id, int(seq)):
        raise Refused(503, "archive", LATE)
    await shard.delete(late)


async def _reaches(gateway: Gateway, call_id: str, seq: int) -> bool:
    """Whether the archive has the call's event `seq` soon."""
    until = time.monotonic() + WAIT_S
    while not ((snapshot := await gateway.archive.snapshot(call_id)) and snapshot.seq >= seq):
        if time.monotonic() > until:
            return False
        await asyncio.sleep(LOOK_EVERY_S)
    return True


@asynccontextmanager
async def _alone(gateway: Gateway, call_id: str) -> AsyncIterator[None]:
    shard, mine = gateway.shard_with(call_id), os.urandom(8).hex()
    key = shard.key(amending_key(call_id))
    until = time.monotonic() + WAIT_S
    while not await shard.set(key, mine, nx=True, px=LOCK_MS):
        if time.monotonic() > until:
            raise CorrectionRefused("busy", "others correct the call at the same time: try again")
        await asyncio.sleep(LOOK_EVERY_S)
    try:
        yield
    finally:
        if await shard.get(key) == mine.encode():
            await shard.delete(key)
