"""Enrolls people, so that calls show their names: the voices of a running system, and voiceprints of new ones."""

from collections.abc import Iterable

from typing_extensions import Self

from speakerline.shared.arrays import Float32s
from speakerline.shared.client.places import places_at
from speakerline.shared.client.voiceprints import (
    StoredVoiceprint,
    erase_voiceprint,
    read_voiceprints,
    store_voiceprint,
)
from speakerline.shared.runtime.connection import connect
from speakerline.shared.tenants import DEFAULT, check_tenant


class Voices:
    """The enrolled voices of a tenant in the Redis at `url`, or on all of its shards. Its calls that start from now on
    are compared with them.

    `async with` closes the connections, and so does `aclose`. Raises InvalidTenant, and ValueError for a URL of no
    Redis."""

    def __init__(self, url: str, tenant: str = DEFAULT) -> None:
        self._shards = [connect(address) for address in places_at(url)]
        self._tenant = check_tenant(tenant)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        for shard in self._shards:
            await shard.aclose()

    async def read(self) -> dict[str, StoredVoiceprint]:
        """All of them by name."""
        return (await read_voiceprints(self._shards)).get(self._tenant, {})

    async def store(self, name: str, voiceprint: StoredVoiceprint) -> None:
        """Enroll a voice, or replace it. Raises InvalidName unless the name is 1 to 100 printable characters, and the
        error of a shard that is away when the others have it: then do it again."""
        await store_voiceprint(self._shards, name, voiceprint, self._tenant)

    async def erase(self, name: str) -> bool:
        """Remove a voice. False where there was none. Raises the error of a shard that is away, as `store` does."""
        return await erase_voiceprint(self._shards, name, self._tenant)


def make_voiceprint(recordings: Iterable[Float32s], sample_rate: int) -> StoredVoiceprint:
    """The voiceprint of one person, from recordings of shape (n,), -1 to 1, at 8000 or 16000 Hz, of that person alone.

    Takes seconds of CPU time: call it in a thread. The model is the one that the stages use, chosen by
    SPEAKERLINE_EMBEDDING_MODEL. Raises NotOneVoice for too little speech or several people, ModelMissing."""
    from speakerline.shared.audio.resample import to_16khz
    from speakerline.shared.front_end.high_pass import HighPass
    from speakerline.shared.voiceprints.choice import EmbedderSettings
    from speakerline.shared.voiceprints.enrollment import enroll
    from speakerline.shared.voiceprints.segmentation import Segmentation
    from speakerline.shared.voiceprints.vectors import encode_vector

    embedder = EmbedderSettings.from_environment().embedder()
    heard = (HighPass(sample_rate).push(one) for one in recordings)
    enrolled = enroll((to_16khz(one, sample_rate) for one in heard), Segmentation(), embedder)
    return StoredVoiceprint(
        embedder.calibration.name,
        encode_vector(enrolled.vector),
        round(enrolled.clean_s, 1),
        encode_vector(enrolled.telephone),
    )
