"""Timeline events out of the bytes that were kept, and what is in them."""

from typing import Any

import betterproto2

from speakerline.shared import codec
from speakerline.shared.contract.v1 import TimelineEvent
from speakerline.shared.pipeline import TIMELINE


def decoded(timeline: list[bytes]) -> list[TimelineEvent]:
    return [codec.read(TIMELINE, json) for json in timeline]


def body(event: TimelineEvent) -> Any:
    """The one message that the event carries."""
    return betterproto2.which_one_of(event, "kind")[1]


def bodies(timeline: list[bytes], kind: type[Any]) -> list[Any]:
    """All messages of one kind, in order."""
    return [found for event in decoded(timeline) if isinstance(found := body(event), kind)]
