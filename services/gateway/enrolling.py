"""Voiceprints are made in a process of their own: importing and loading the models there holds up no call here.

recording ──> process? ──no──> start it, load ──> voiceprint ──> nothing for IDLE_S ──> it ends, and its memory is free
                 └───────yes──────────────────────────^
"""

import asyncio
from collections.abc import Callable, Sequence

from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.uploads import RATE
from speakerline.shared.arrays import Float32s
from speakerline.shared.client.voiceprints import StoredVoiceprint
from speakerline.shared.client.voices import make_voiceprint
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.runtime.ending import end
from speakerline.shared.runtime.isolation import IsolatedModel, ModelFailed

IDLE_S = 60.0
"""Whoever enrols one voice often enrols more."""
LIMIT_S = 120.0
MEMORY_MB = 4096.0
"""The embedder that ships takes 300; others run under torch."""

Recordings = Sequence[Float32s]
"""(n,) each, at 16 kHz, of one person."""


class Enrolling:
    """One voiceprint at a time: each takes seconds of CPU time."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()
        self._maker: IsolatedModel[Recordings, StoredVoiceprint | SpeakerlineError] | None = None
        self._ending: list[asyncio.Task[None]] = []

    async def voiceprint_of(self, read: Callable[[], Recordings]) -> StoredVoiceprint:
        """`read` is called in a thread, and raises what it likes. Raises NotOneVoice, ModelMissing, and Refused with
        status 503."""
        async with self._one_at_a_time:
            await end(self._ending)
            try:
                return await asyncio.to_thread(self._make, read)
            finally:
                self._ending = [asyncio.create_task(self._end_when_idle())]

    async def aclose(self) -> None:
        """End the process; what it is making is not made."""
        await end(self._ending)
        await asyncio.to_thread(self._close)

    def _make(self, read: Callable[[], Recordings]) -> StoredVoiceprint:
        recordings = read()
        self._maker = self._maker or IsolatedModel(maker_of_voiceprints, LIMIT_S, MEMORY_MB, "voiceprints")
        try:
            (made,) = self._maker.run([recordings])
        except ModelFailed as error:
            raise Refused(503, "voiceprint", "no voiceprint could be made now: try again") from error
        if isinstance(made, SpeakerlineError):
            raise made
        return made

    async def _end_when_idle(self) -> None:
        await asyncio.sleep(IDLE_S)
        async with self._one_at_a_time:
            await asyncio.to_thread(self._close)

    def _close(self) -> None:
        maker, self._maker = self._maker, None
        if maker:
            maker.close()


def maker_of_voiceprints() -> Callable[[list[Recordings]], list[StoredVoiceprint | SpeakerlineError]]:
    """What runs there: what is wrong with a recording is an answer, too."""

    def made(recordings: Recordings) -> StoredVoiceprint | SpeakerlineError:
        try:
            return make_voiceprint(recordings, RATE)
        except SpeakerlineError as error:
            return error

    return lambda batch: [made(recordings) for recordings in batch]
