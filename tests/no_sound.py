"""The sound of a call for stages that must not read any."""

from speakerline.shared.arrays import Float32s
from speakerline.shared.runtime.stage import AudioReader


class NoSound(AudioReader):
    """Fails the test that reads."""

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Float32s:
        raise AssertionError(f"sound of channel {channel} was read")

    async def read_source(self, source_id: str) -> Float32s | None:
        raise AssertionError(f"the sound of source {source_id} was read")
