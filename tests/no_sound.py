"""The sound of a call for stages that must not read any."""

from speakerline.shared.runtime.stage import AudioReader
from speakerline.shared.voiceprints.vectors import Floats


class NoSound(AudioReader):
    """Fails the test that reads."""

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Floats:
        raise AssertionError(f"sound of channel {channel} was read")

    async def read_source(self, source_id: str) -> Floats | None:
        raise AssertionError(f"the sound of source {source_id} was read")
