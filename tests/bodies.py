"""What an event tells, for a test that knows of which kind it is."""

from typing import Any

from speakerline.shared.runtime.stage import Event


def body(event: Event) -> Any:
    return event.body
