"""Live call audio in, a per-speaker timeline out. What programs need, under one name:

    from speakerline import Producer, Subscriber, Timeline, TimelineHole

`speakerline.events` has the events, `docs/python.md` examples that run. Everything else may change in any release.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speakerline import events
    from speakerline.shared.client.producer import OutgoingCall, Producer, ProducerError
    from speakerline.shared.client.subscriber import Subscriber
    from speakerline.shared.timeline.timeline import Timeline, TimelineHole

__all__ = ["OutgoingCall", "Producer", "ProducerError", "Subscriber", "Timeline", "TimelineHole", "events"]

_HOMES = {
    "OutgoingCall": "speakerline.shared.client.producer",
    "Producer": "speakerline.shared.client.producer",
    "ProducerError": "speakerline.shared.client.producer",
    "Subscriber": "speakerline.shared.client.subscriber",
    "Timeline": "speakerline.shared.timeline.timeline",
    "TimelineHole": "speakerline.shared.timeline.timeline",
    "events": "speakerline.events",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Loaded when it is first asked for: every module of ours imports this package, and most need none of it."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        home = import_module(_HOMES[name])
        return home if _HOMES[name] == f"{__name__}.{name}" else getattr(home, name)
