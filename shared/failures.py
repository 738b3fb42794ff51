"""Errors as logs tell them: what went wrong, and never a word of a call."""

import traceback
from pathlib import Path

from redis.exceptions import RedisError

from speakerline.shared.errors import SpeakerlineError

NEAREST = 3
"""Places in the code that are told, the one that raised last."""


def told(error: BaseException) -> str:
    """The message of errors that are ours, Redis's or the system's. Any other may quote what it was given, as Python's
    `invalid literal for int(): 'hello'` does: of those the kind is told, and the places in the code."""
    if isinstance(error, (SpeakerlineError, RedisError, OSError)) and str(error):
        return str(error)
    places = [f"{Path(one.filename).name}:{one.lineno}" for one in traceback.extract_tb(error.__traceback__)[-NEAREST:]]
    return f"{type(error).__name__} at {', '.join(places)}" if places else type(error).__name__
