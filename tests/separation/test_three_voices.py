"""Three people at once and a model for two: the real stages, from the overlap to what a dashboard sees."""

import json
from typing import Any

import numpy as np
import pytest

from speakerline.services.aggregator.stage import AggregatorStage
from speakerline.services.clustering.stage import ClusteringStage
from speakerline.services.separation.stage import SeparationStage, Separator
from speakerline.shared.audio.pcm import decode, to_float32
from speakerline.shared.contract.v1 import (
    AudioEnded,
    CallStarted,
    Encoding,
    Overlap,
    Separated,
    SeparationOutcome,
    TimelineEvent,
)
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import (
    AGGREGATOR,
    CLUSTERING,
    OPERATOR,
    OVERLAPS,
    SEPARATION,
    SPEECH,
    TIMELINE,
    VOICES,
    WORDS,
)
from speakerline.shared.runtime.log import Logged
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.runtime.stage import Event
from speakerline.shared.timeline.export import to_json
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.render.plain import PlainLog
from tests.bodies import body
from tests.clustering.made_calls import calibration, person
from tests.clustering.test_separations import END_MS, windows
from tests.separation.test_stage import RATE, outputs

CALL = CallStarted("c", RATE, Encoding.MULAW, 1)
TWO_OF_THREE = "3 voices, the dominant 2 separated"


async def voiceprint(piece: Any) -> Any:
    """Of person 1 for the louder hum, of person 2 for the other."""
    return person(1 if np.abs(piece[0]).max() > 0.15 else 2).astype(np.float32)


def log(*events: Event) -> list[Logged]:
    return [*(Logged(event.position, n, event) for n, event in enumerate(events)), Logged(LAST_POSITION, 0, None)]


async def timeline(voices: int, lifted: int) -> list[TimelineEvent]:
    """Of a dialogue in which so many people are counted at 11.1 s, with a model for two."""
    samples = to_float32(decode(bytes(range(256)) * (END_MS * RATE // 256_000), Encoding.MULAW))
    heard = [Event(OVERLAPS, 12_000, Overlap("O1", 0, 11_100, 11_800, voices))]
    ended = Event(SPEECH, END_MS, AudioEnded(end_ms=END_MS))
    logs: dict[str, list[Logged]] = {SPEECH: log(ended), OVERLAPS: log(*heard), VOICES: log(*windows()), WORDS: log()}
    logs[OPERATOR] = []
    call = OfflineCall(CALL, samples[:, None], logs)
    await call.run(SeparationStage(Separator("made", outputs(lifted), voiceprint)), SEPARATION)
    await call.run(ClusteringStage(calibration()), CLUSTERING)
    await call.run(AggregatorStage(), AGGREGATOR)
    return [body(event) for event in call.events(TIMELINE)]


@pytest.mark.parametrize(
    ("voices", "lifted", "detail"),
    [
        pytest.param(3, 2, TWO_OF_THREE, id="three at once, a model for two"),
        pytest.param(3, 3, "", id="three at once, a model for three"),
        pytest.param(2, 2, "", id="two at once"),
    ],
)
async def test_a_dashboard_sees_that_a_voice_is_missing(voices: int, lifted: int, detail: str) -> None:
    events = await timeline(voices, lifted)
    folded, plain, lines = Timeline("c"), PlainLog(), []
    for event in events:
        folded.apply(event)
        lines += plain.lines(event, folded)
    (one,) = folded.separations.values()
    assert isinstance(one, Separated)
    assert (one.outcome, one.voices, len(one.sources)) == (SeparationOutcome.SEPARATED, voices, lifted)
    assert one.detail == detail
    assert {source.speaker_id for source in one.sources} >= {"S1", "S2"}
    (document,) = json.loads(to_json(folded))["separations"]
    assert document["detail"] == detail
    assert [line for line in lines if "voices separated" in line] == (
        ["   0:15           2 of 3 voices separated from 0:11.1 to 0:11.8"] if detail else []
    )
