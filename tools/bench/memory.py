"""What a call holds in Redis, by kind."""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from speakerline.shared.pipeline import AUDIO
from speakerline.shared.runtime.commit import all_keys


@dataclass(frozen=True, slots=True)
class CallMemory:
    """Mean bytes a call, by Redis's MEMORY USAGE: sound, events between stages, state of stages, public timeline."""

    audio: int
    events: int
    state: int
    timeline: int

    @property
    def total(self) -> int:
        return self.audio + self.events + self.state + self.timeline


async def call_memory(redis: Redis, call_ids: Sequence[str]) -> CallMemory:
    """Of mono calls."""
    sums = dict.fromkeys(("audio", "events", "state", "timeline"), 0)
    for call_id in call_ids:
        keys = all_keys(call_id, 1)
        pipeline = redis.pipeline(transaction=False)
        for key in keys:
            pipeline.execute_command("MEMORY", "USAGE", key, "SAMPLES", 0)
        for key, used in zip(keys, await pipeline.execute(), strict=True):
            sums[kind_of(key)] += used or 0
    count = max(1, len(call_ids))
    return CallMemory(**{kind: total // count for kind, total in sums.items()})


def kind_of(key: str) -> str:
    """`call:{a}:stage:vad` is state, `call:{a}:audio:0` audio, `call:{a}:timeline` the timeline, the rest events."""
    name = key.rpartition("}:")[2]
    if name.startswith(AUDIO):
        return "audio"
    if name.startswith(("stage:", "meta")):
        return "state"
    return "timeline" if name == "timeline" else "events"
