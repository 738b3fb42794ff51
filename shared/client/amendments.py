"""Corrects calls that have ended, in Redis while it holds them: their timelines go on after `call_ended`."""

import os
from collections.abc import Sequence
from dataclasses import replace

from speakerline.shared import codec
from speakerline.shared.client.corrections import CorrectionRefused, Taken, correct, now_text, repeated
from speakerline.shared.contract.v1 import Correction, TimelineEvent
from speakerline.shared.keys import FIREHOSE, meta_key, stage_key
from speakerline.shared.pipeline import AGGREGATOR, TIMELINE
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.commit import FIREHOSE_LENGTH
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.timeline.amending import Amender
from speakerline.shared.timeline.parts import TimelineParts, read_snapshot
from speakerline.shared.timeline.timeline import Timeline

TRIES = 20
"""Where others correct the same call at the same time."""
PART = "part:"


async def correct_or_amend(redis: Shard, timeline: Timeline, said: Correction) -> Taken:
    """Correct a call that Redis holds, as its timeline says: one that runs, or one that has ended.

    Raises InvalidCorrection, CorrectionRefused."""
    if timeline.ended:
        return await amend(redis, timeline.call_id, said)
    return await correct(redis, timeline, said)


async def amend(redis: Shard, call_id: str, said: Correction) -> Taken:
    """Correct an ended call that Redis holds; the same id again is the same correction.

    Raises InvalidCorrection; CorrectionRefused: `gone`, `ended` before the end is on the timeline, or `busy`."""
    for _ in range(TRIES):
        key = redis.key(stage_key(call_id, AGGREGATOR.name))
        fields: dict[bytes, bytes] = await redis.execute_command("HGETALL", key)
        parts = {name.decode()[5:]: value for name, value in fields.items() if name.startswith(PART.encode())}
        timeline = _timeline(call_id, parts, fields.get(b"epochs", b"").decode().split())
        if there := timeline.corrections.get(said.correction_id):
            return repeated(there, said, timeline.at_ms)
        if not timeline.ended:
            raise CorrectionRefused("ended", "the call is ending: try again when its timeline has ended")
        keeping = TimelineParts(parts)
        events = amendment(timeline, said)
        for event in events:
            keeping.note(event, timeline)
        changed = {name: json for name, json in keeping.write(timeline).items() if parts.get(name) != json}
        epochs = timeline.place.epochs
        answer = await scripts.run(
            redis,
            "amend",
            [meta_key(call_id), stage_key(call_id, AGGREGATOR.name), FIREHOSE],
            *(fields.get(b"version", b"0"), epochs[-1], " ".join(epochs), FIREHOSE_LENGTH, call_id),
            *(len(events), *(codec.write(TIMELINE, event) for event in events)),
            *(len(changed), *(word for name, json in changed.items() for word in (PART + name, json))),
        )
        if answer == b"DONE":
            return Taken(said.correction_id, timeline.at_ms)
        if answer == b"GONE":
            raise CorrectionRefused("gone", "no such call")
    raise CorrectionRefused("busy", "others correct the call at the same time: try again")


def amendment(timeline: Timeline, said: Correction) -> Sequence[TimelineEvent]:
    """The correction and what follows from it, as the next events of an ended call; the timeline has taken them.

    Raises InvalidCorrection."""
    return Amender(timeline, os.urandom(6).hex()).take(replace(said, corrected_at=now_text()))


def _timeline(call_id: str, parts: dict[str, bytes], epochs: list[str]) -> Timeline:
    snapshot = read_snapshot(parts)
    snapshot.call_id, snapshot.epochs = call_id, epochs
    return Timeline.from_snapshot(snapshot)
