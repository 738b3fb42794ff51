"""Voiceprints that a process of their own makes: to import and load the models takes a second, in which no other thread
of this process would get far."""

from collections.abc import Callable, Sequence

from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.uploads import RATE
from speakerline.shared.arrays import Float32s
from speakerline.shared.client.voiceprints import StoredVoiceprint
from speakerline.shared.client.voices import make_voiceprint
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.runtime.isolation import IsolatedModel, ModelFailed

LIMIT_S = 120.0
MEMORY_MB = 4096.0
"""The embedder that ships takes 300; others run under torch."""

Recordings = Sequence[Float32s]


def voiceprint_of(recordings: Recordings) -> StoredVoiceprint:
    """Blocking: to be called in a thread. The process ends with it, and gives its memory back.

    recordings: (n,) each, at 16 kHz. Raises NotOneVoice, ModelMissing, and Refused with status 503."""
    maker: IsolatedModel[Recordings, StoredVoiceprint | SpeakerlineError] = IsolatedModel(
        maker_of_voiceprints, LIMIT_S, MEMORY_MB, "voiceprints"
    )
    try:
        (made,) = maker.run([recordings])
    except ModelFailed as error:
        raise Refused(503, "voiceprint", "no voiceprint could be made now: try again") from error
    finally:
        maker.close()
    if isinstance(made, SpeakerlineError):
        raise made
    return made


def maker_of_voiceprints() -> Callable[[list[Recordings]], list[StoredVoiceprint | SpeakerlineError]]:
    """What runs there: what is wrong with a recording is an answer, too."""

    def made(recordings: Recordings) -> StoredVoiceprint | SpeakerlineError:
        try:
            return make_voiceprint(recordings, RATE)
        except SpeakerlineError as error:
            return error

    return lambda batch: [made(recordings) for recordings in batch]
