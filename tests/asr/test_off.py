"""Asr that is switched off says nothing and holds no sound."""

import asyncio
from dataclasses import replace

from speakerline.services.asr.off import OffStage
from speakerline.shared.keys import LAST_POSITION
from tests.asr.calls import speaking
from tests.asr.toy import CALL, Sound


def test_asr_that_is_off_lets_time_and_sound_go() -> None:
    call = OffStage().open(replace(CALL, channels=2), {}, Sound([]))
    step = asyncio.run(call.push(speaking((0, 2000)), 5000))
    assert (step.events, step.through_ms) == ([], 5000)
    assert step.audio_from == {0: LAST_POSITION - 1, 1: LAST_POSITION - 1}, "all that will ever come"
    assert call.snapshot() == {}
