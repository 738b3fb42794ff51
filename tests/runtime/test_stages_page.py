"""docs/stages.md: its stage is the one in examples/, keeps every rule, and shows on the timeline of a real call."""

from dataclasses import replace
from pathlib import Path

import pytest

from examples.check_loudness import main
from examples.loudness import LEVELS, LOUDNESS, LoudnessStage
from speakerline.services.aggregator.stage import AggregatorStage
from speakerline.services.vad.detector import Answer, Request
from speakerline.services.vad.energy import Energy
from speakerline.services.vad.stage import VadStage
from speakerline.shared.audio.pcm import to_float32
from speakerline.shared.contract.v1 import Degraded
from speakerline.shared.pipeline import AGGREGATOR, LABEL_DELAY_MS, SPEECH, VAD, Input
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.tools.pipeline.offline import timeline_events
from speakerline.tools.score.score import folded
from tests.vad.listening import conversation

ROOT = Path(__file__).parents[2]


async def detect(request: Request) -> Answer:
    return Energy().run([request])[0]


@pytest.fixture
async def call() -> OfflineCall:
    """A phone conversation of 30 s, as the VAD hears it."""
    found = OfflineCall.of("c", to_float32(conversation(8000))[:, None], 8000)
    await found.run(VadStage(detect), VAD)
    return found


async def test_it_keeps_every_rule_of_a_stage(call: OfflineCall) -> None:
    told = await check_stage(LoudnessStage(quiet_dbfs=0), LOUDNESS, call.recording(LOUDNESS), rounds=6)
    assert len(told[LEVELS]) == 3


async def test_it_shows_on_the_timeline(call: OfflineCall) -> None:
    await call.run(LoudnessStage(), LOUDNESS)
    spec = replace(AGGREGATOR, inputs=(Input(SPEECH), Input(LEVELS, LABEL_DELAY_MS)))
    await call.run(AggregatorStage(spec), spec)
    (quiet,) = folded(timeline_events(call)).degraded
    assert quiet == Degraded(2336, 2624, LOUDNESS.name, "quiet speech, -50 dBFS; 0.3 s of it so far")


def test_the_page_shows_the_stage_as_it_is() -> None:
    page = (ROOT / "docs" / "stages.md").read_text()
    for name in ("loudness.py", "check_loudness.py"):
        assert f"```python\n{(ROOT / 'examples' / name).read_text()}```" in page


async def test_the_page_checks_it_as_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    await main()
    assert capsys.readouterr().out.startswith("it keeps them, and told ")
