"""Errors that end a command with one line instead of a traceback."""


class Failure(RuntimeError):
    """A command can't do what was asked; the message says what was wrong and what was expected."""


def is_told_in_full(error: Exception) -> bool:
    """Whether an error's message is all that a user needs: our own do say what was wrong and what was expected."""
    from redis.exceptions import NoPermissionError

    from speakerline.shared.client.producer import ProducerError
    from speakerline.shared.client.voiceprints import InvalidName, InvalidVoices
    from speakerline.shared.codec import InvalidEvent
    from speakerline.shared.environment import InvalidSettings
    from speakerline.shared.keys import InvalidCallId
    from speakerline.shared.models.files import ModelMissing
    from speakerline.shared.runtime.connection import OUTAGE
    from speakerline.shared.voiceprints.enrollment import NotOneVoice
    from speakerline.tools.media.media_error import MediaError
    from speakerline.tools.score.files import InvalidFile

    media = (InvalidFile, MediaError, NotOneVoice)
    options = (InvalidName, InvalidSettings, InvalidVoices, ModelMissing)
    calls = (InvalidCallId, InvalidEvent, ProducerError)
    return isinstance(error, (Failure, *media, *options, *calls, NoPermissionError, *OUTAGE))


def one_line(error: Exception) -> str:
    """The message on one line, with unprintable characters escaped."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
