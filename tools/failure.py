"""Errors that end a command with one line instead of a traceback."""

from speakerline.shared.errors import SpeakerlineError


class Failure(SpeakerlineError, RuntimeError):
    """A command can't do what was asked; the message says what was wrong and what was expected."""


def is_told_in_full(error: Exception) -> bool:
    """Whether an error's message is all that a user needs: ours, and those of a Redis or a file out of reach."""
    from redis.exceptions import NoPermissionError

    from speakerline.shared.runtime.connection import is_outage

    return isinstance(error, (SpeakerlineError, NoPermissionError)) or is_outage(error)


def one_line(error: Exception) -> str:
    """The message on one line, with unprintable characters escaped."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
