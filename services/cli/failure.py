"""Errors that end a command with one line instead of a traceback."""

from services.embedding.enrollment import NotOneVoice
from services.embedding.prepare import ModelMissing
from services.media.media_error import MediaError
from services.score.files import InvalidFile
from services.settings import InvalidSettings
from shared.client.producer import ProducerError
from shared.client.voiceprints import InvalidName
from shared.codec import InvalidEvent
from shared.keys import InvalidCallId
from shared.runtime.connection import OUTAGE


class Failure(RuntimeError):
    """What was asked can't be done; the message says what was wrong and what would have been right."""


EXPECTED = (
    InvalidCallId,
    InvalidEvent,
    InvalidFile,
    InvalidName,
    InvalidSettings,
    MediaError,
    ModelMissing,
    NotOneVoice,
    ProducerError,
    *OUTAGE,
)
"""Errors of other parts that already say all of that."""
