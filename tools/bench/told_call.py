"""A call whose timeline is written into Redis by hand, as the aggregator commits it."""

import time
from typing import Any

from redis.asyncio import Redis

from speakerline.shared.codec import write, write_call
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.shared.event_kinds import timeline_event
from speakerline.shared.keys import CALLS, FIREHOSE, meta_key, stage_key, stream_key
from speakerline.shared.pipeline import AGGREGATOR, TIMELINE
from speakerline.shared.runtime.log import CLOSING_ID
from speakerline.shared.tenants import tenant_of
from speakerline.shared.timeline.parts import TimelineParts
from speakerline.shared.timeline.timeline import Timeline

EPOCH = "e1"


class ToldCall:
    """Of one channel at 8 kHz. Events are numbered as they are told."""

    def __init__(self, redis: Redis, call_id: str) -> None:
        self.timeline = Timeline(call_id)
        self._redis = redis
        self._parts = TimelineParts({})

    async def tell(self, *said: tuple[int, Any]) -> None:
        """(at_ms, body) pairs: events, and the state after them."""
        call_id = self.timeline.call_id
        entries = []
        for at_ms, body in said:
            event = timeline_event(call_id, self.timeline.seq + 1, at_ms, body)
            entries.append((event.seq, write(TIMELINE, event)))
            event.epoch = EPOCH
            self.timeline.apply(event)
            self._parts.note(event, self.timeline)
        announced = write_call(
            CallStarted(call_id, tenant=tenant_of(call_id), sample_rate=8000, encoding=Encoding.MULAW, channels=1)
        )
        pipeline = self._redis.pipeline(transaction=True)
        if entries[0][0] == 1:
            pipeline.xadd(CALLS, {"event": announced})
        pipeline.hset(meta_key(call_id), "call", announced)
        for name, part in self._parts.write(self.timeline).items():
            pipeline.hset(stage_key(call_id, AGGREGATOR.name), f"part:{name}", part)
        pipeline.hset(stage_key(call_id, AGGREGATOR.name), "epochs", EPOCH)
        for seq, json in entries:
            told: dict[Any, Any] = {"event": json, "epoch": EPOCH, "sent_at": f"{time.time():.3f}"}
            pipeline.xadd(stream_key(call_id, TIMELINE), told, f"{seq}-0")
            pipeline.xadd(FIREHOSE, {"call_id": call_id, **told})
        if self.timeline.ended:
            pipeline.xadd(stream_key(call_id, TIMELINE), {"through": ""}, CLOSING_ID)
        await pipeline.execute()
