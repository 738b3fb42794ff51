"""An offset of the line and rumble change nothing about where somebody speaks, nor about a dead line."""

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from speakerline.services.vad.build import Settings, build
from speakerline.services.vad.quality import quiet_chunks
from speakerline.shared.arrays import Float32s
from speakerline.shared.contract.v1 import Speech, SpeechState
from speakerline.shared.pipeline import SPEECH, VAD
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.offline import OfflineCall
from tests.e2e.sample_call import samples

RATE = 8000
TALK = 0.5 * samples(RATE).astype(np.float32) / np.float32(32768)
TIME = np.arange(len(TALK)) / RATE


async def segments(sound: Float32s) -> list[tuple[int, int]]:
    call = OfflineCall.of("c", sound[:, None].astype(np.float32), RATE)
    await call.run(build(Settings(), Metrics(CollectorRegistry()).for_stage("vad")), VAD)
    bodies = [event.body for event in call.events(SPEECH)]
    return [
        (body.start_ms, body.end_ms) for body in bodies if isinstance(body, Speech) and body.state == SpeechState.CLOSED
    ]


@pytest.mark.parametrize(
    "disturbance",
    [np.full(len(TALK), 0.4), np.full(len(TALK), -0.2), 0.4 * np.sin(2 * np.pi * 8 * TIME)],
    ids=["an offset", "an offset down", "rumble"],
)
async def test_where_somebody_speaks_is_the_same(disturbance: Float32s) -> None:
    clean, disturbed = await segments(TALK), await segments(TALK + disturbance)
    assert len(disturbed) == len(clean)
    assert np.abs(np.array(disturbed) - np.array(clean)).max() <= 64


def test_an_offset_is_silence() -> None:
    assert quiet_chunks(np.full((3, 256), 8000, np.int16), -65.0).all()
