"""Live call audio in, a per-speaker timeline out. What programs need, under one name:

    from speakerline import Producer, SpeakerlineError, Subscriber, Timeline

docs/python.md has examples. `speakerline.events` has the events. All other modules may change in any release.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speakerline import events
    from speakerline.shared.client.forget import forget
    from speakerline.shared.client.producer import OutgoingCall, Producer, ProducerError
    from speakerline.shared.client.subscriber import Subscriber
    from speakerline.shared.client.voices import Voices, make_voiceprint
    from speakerline.shared.codec import InvalidEvent
    from speakerline.shared.errors import SpeakerlineError
    from speakerline.shared.timeline.formats import export
    from speakerline.shared.timeline.place import TimelineHole
    from speakerline.shared.timeline.timeline import Timeline
    from speakerline.shared.timeline.utterances import Utterance, utterances

_MODULES = {
    "InvalidEvent": "shared.codec",
    "OutgoingCall": "shared.client.producer",
    "Producer": "shared.client.producer",
    "ProducerError": "shared.client.producer",
    "SpeakerlineError": "shared.errors",
    "Subscriber": "shared.client.subscriber",
    "Timeline": "shared.timeline.timeline",
    "TimelineHole": "shared.timeline.place",
    "Utterance": "shared.timeline.utterances",
    "Voices": "shared.client.voices",
    "events": "events",
    "export": "shared.timeline.formats",
    "forget": "shared.client.forget",
    "make_voiceprint": "shared.client.voices",
    "utterances": "shared.timeline.utterances",
}
__all__ = [
    "InvalidEvent",
    "OutgoingCall",
    "Producer",
    "ProducerError",
    "SpeakerlineError",
    "Subscriber",
    "Timeline",
    "TimelineHole",
    "Utterance",
    "Voices",
    "events",
    "export",
    "forget",
    "make_voiceprint",
    "utterances",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Imported on first use, because every module of ours imports this package, and most need none of it."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        module = import_module(f"{__name__}.{_MODULES[name]}")
        return module if name == "events" else getattr(module, name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
