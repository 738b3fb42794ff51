"""Does the stage of examples/loudness.py keep the rules? python -m examples.check_loudness"""

import asyncio

from examples.loudness import LEVELS, LOUDNESS, LoudnessStage
from speakerline.shared.pipeline import VAD
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.tools.media.reading import open_recording
from speakerline.tools.pipeline.offline import Pipeline
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.sample_call import sample_call


async def main() -> None:
    recording = open_recording(sample_call())
    call = OfflineCall.of("sample", recording.read().T, recording.sample_rate)
    await Pipeline(Settings.from_environment(), specs=(VAD,)).run(call, (VAD,))
    told = await check_stage(LoudnessStage(quiet_dbfs=0), LOUDNESS, call.recording(LOUDNESS), rounds=6)
    print(f"it keeps them, and told {len(told[LEVELS])} levels")


if __name__ == "__main__":
    asyncio.run(main())
