"""Errors that end a command with one line instead of a traceback."""

import re

from speakerline.shared.errors import SpeakerlineError


class Failure(SpeakerlineError, RuntimeError):
    """A command can't do what was asked; the message says what was wrong and what was expected."""


def is_told_in_full(error: Exception) -> bool:
    """Whether an error's message is all that a user needs: ours, and those of a Redis or a file out of reach."""
    from speakerline.shared.runtime.connection import is_outage

    return isinstance(error, SpeakerlineError) or lacks_rights(error) or is_outage(error)


_NO_RIGHT = re.compile("NOPERM|ACL failure in script|user executing the script can't")
"""How an error of a script says so; Redis 6.2, 7.0 and newer."""


def lacks_rights(error: Exception) -> bool:
    """Whether the user of the URL may not do in Redis what is needed."""
    from redis.exceptions import NoPermissionError, ResponseError

    return isinstance(error, NoPermissionError) or (
        isinstance(error, ResponseError) and bool(_NO_RIGHT.search(str(error)))
    )


def one_line(error: Exception) -> str:
    """The message on one line, with unprintable characters escaped."""
    text = " ".join(str(error).split()) or type(error).__name__
    if lacks_rights(error):
        text = f"the user of this Redis may not do what is needed (rights: docs/operations.md): {text}"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
