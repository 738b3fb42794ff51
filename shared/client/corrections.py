"""Corrects calls that run: an operator's act goes into the call's own log, at the place that clustering has reached."""

from dataclasses import dataclass, replace
from datetime import datetime, timezone

from speakerline.shared import codec
from speakerline.shared.contract.v1 import Correction, ReassignTurn
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.keys import meta_key, stage_key, stream_key
from speakerline.shared.pipeline import CLUSTERING, OPERATOR
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard, entry_id, pairs
from speakerline.shared.timeline.corrections import ACTS, InvalidCorrection, checked
from speakerline.shared.timeline.timeline import Timeline

MOST = 1000
"""Corrections of one call."""
MOST_AT_ONCE = 64
"""Corrections of one call that clustering has not taken yet."""


class CorrectionRefused(SpeakerlineError):
    """A correction that comes too late, or is one too many. `reason`: `gone`, `ended`, `full` or `busy`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


_REFUSED = {
    b"GONE": "no such call",
    b"ENDED": "the call is ending: try again when its timeline has ended",
    b"FULL": f"the call has {MOST} corrections: expected no more",
    b"BUSY": f"{MOST_AT_ONCE} corrections of the call wait to be applied: try again",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """A correction that will be on the timeline. at_ms: its place among the call's events."""

    correction_id: str
    at_ms: int


async def correct(redis: Shard, timeline: Timeline, said: Correction) -> Taken:
    """Write a correction of the call whose timeline this is; the same id again is the same correction.

    Raises InvalidCorrection, also for another act under an id that was used; CorrectionRefused."""
    call_id = timeline.call_id
    waiting = await _waiting(redis, call_id)
    if before := waiting.get(said.correction_id):
        return repeated(before[1], said, before[0])
    others = {name: one for name, (_, one) in waiting.items()}
    whole = replace(checked(said, timeline, others), corrected_at=now_text(), refused="")
    answer = await scripts.run(
        redis,
        "insert",
        [meta_key(call_id), stream_key(call_id, OPERATOR), stage_key(call_id, CLUSTERING.name)],
        *(whole.correction_id, codec.write(OPERATOR, whole), MOST, MOST_AT_ONCE),
    )
    if isinstance(answer, bytes):
        raise CorrectionRefused(answer.decode().lower(), _REFUSED[answer])
    status, raw_id, stored = answer
    at_ms = entry_id(raw_id)[0]
    there = codec.read(OPERATOR, stored)
    return repeated(there, said, at_ms) if status == b"THERE" and there else Taken(said.correction_id, at_ms)


async def _waiting(redis: Shard, call_id: str) -> dict[str, tuple[int, Correction]]:
    """All corrections of the call, with their places."""
    entries = await redis.execute_command("XRANGE", redis.key(stream_key(call_id, OPERATOR)), "-", "+")
    read = ((entry_id(raw_id)[0], codec.read(OPERATOR, pairs(flat)[b"event"])) for raw_id, flat in entries)
    return {one.correction_id: (at_ms, one) for at_ms, one in read if one}


def repeated(there: Correction, said: Correction, at_ms: int) -> Taken:
    """The answer to a correction whose id was used. Raises InvalidCorrection where that was another one."""
    if _asked(there, said) != _asked(said, said):
        raise InvalidCorrection(f"correction_id {said.correction_id!r} was used for something else: expected a new one")
    return Taken(said.correction_id, at_ms)


def now_text() -> str:
    """RFC 3339, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def _asked(told: Correction, said: Correction) -> Correction:
    """What a client says of it; where it left the speaker of a turn open, so does this."""
    turn, asked = told.reassign_turn, said.reassign_turn
    plain = Correction(told.correction_id, **{name: getattr(told, name) for name in ACTS})
    if turn and asked:
        plain.reassign_turn = ReassignTurn(turn.turn_id, turn.speaker_id if asked.speaker_id else "")
    return plain
