"""What of a timeline must be the same in every run.

Words come when they come: nothing on the timeline waits for them. So what asr says is compared by itself, without its
place among the other events, and all the rest byte for byte, numbered as if asr had said nothing.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from speakerline.shared.pipeline import ASR

_SEQ = re.compile(rb'"seq":\d+')
_COUNTED_SO_FAR = ("words", "words_per_min")


def comparable(timeline: Sequence[bytes]) -> list[bytes]:
    """First the final transcripts as they were in the end and the gaps of asr, in order; then everything else, to the
    end of the call. Raises AssertionError where the revisions of a transcript don't grow."""
    told: dict[str, dict[str, Any]] = {}
    revisions: dict[str, int] = {}
    rest: list[bytes] = []
    for event in timeline:
        body = json.loads(event)
        if _is_of_asr(body):
            _tell(told, revisions, body)
        else:
            rest.append(_SEQ.sub(b'"seq":%d' % (len(rest) + 1), _without_counts(event, body), count=1))
    return [*(json.dumps(body, sort_keys=True).encode() for body in told.values()), *rest]


def _is_of_asr(body: dict[str, Any]) -> bool:
    marks = (body.get("gap"), body.get("degraded"))
    return "transcript" in body or any(mark and mark.get("stage") == ASR.name for mark in marks)


def _tell(told: dict[str, dict[str, Any]], revisions: dict[str, int], body: dict[str, Any]) -> None:
    """Of a transcript only its end counts. How often it was told before, as an interim one, or because its speakers
    changed, may be another number in another run; one without words takes interim words back."""
    del body["seq"]
    body.pop("at_ms", None)
    transcript = body.get("transcript")
    if transcript is None:
        told[f"mark {len(told)}"] = body
        return
    name, revision = transcript["transcript_id"], transcript.pop("revision")
    assert revision > revisions.get(name, 0), f"revision {revision} after {revisions[name]}: {body}"
    revisions[name] = revision
    if transcript.get("final") and transcript.get("words"):
        told[name] = body
    else:
        told.pop(name, None)


def _without_counts(event: bytes, body: dict[str, Any]) -> bytes:
    """Statistics in the middle of a call tell the words so far."""
    summary = body.get("call_summary")
    if not summary:
        return event
    for one in (summary, *summary.get("speakers", ())):
        for name in _COUNTED_SO_FAR:
            one.pop(name, None)
    return json.dumps(body, separators=(",", ":")).encode()
