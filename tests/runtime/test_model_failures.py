"""A model that hangs, crashes or eats the memory costs the spans that it failed on, and nothing else."""

import asyncio
import json

import pytest

from speakerline.shared.pipeline import ASR, SEPARATION
from tests.chaos import fated_models
from tests.chaos.fated_models import fated_stages, isolated
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, working
from tests.runtime.reference import numbered, timeline_of


@pytest.mark.slow
async def test_every_call_goes_on_and_marks_what_its_models_failed_on(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fated_models, "FATES", {"hung": 20, "crashed": 30, "out of memory": 40})
    stages = fated_stages(isolated(SEPARATION.name), isolated(ASR.name))
    calls = {f"c{number}": frames_of(number, 120) for number in range(3)}
    reasons: set[str] = set()
    async with working(redis_url, stages=stages), producing(redis_url) as producer:
        await asyncio.gather(*(play(producer, a_call(call_id), frames) for call_id, frames in calls.items()))
        for call_id, frames in calls.items():
            events = await timeline(redis_url, call_id, 100)
            expected = await asyncio.to_thread(timeline_of, a_call(call_id), numbered(frames), stages=fated_stages())
            assert events == expected
            gaps = [gap for event in events if (gap := json.loads(event).get("gap"))]
            reasons |= {gap["detail"] for gap in gaps}
    assert reasons == {"hung", "crashed", "out of memory"}
