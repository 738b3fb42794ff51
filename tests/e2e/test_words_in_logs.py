"""No word and no metadata of a call comes into a log: every stage meets what it can't read and what it can't use."""

import dataclasses
import json
import logging
from typing import Any

import pytest
from redis.asyncio import Redis

from speakerline.shared.codec import write_call
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.shared.event_kinds import FIELDS
from speakerline.shared.keys import CALLS, LAST_POSITION, REFUSED, audio_key, dead_key, stage_key, stream_key
from speakerline.shared.logs import JsonLines
from speakerline.shared.pipeline import AUDIO, PIPELINE, VAD, StageSpec
from speakerline.shared.runtime.connection import connect
from tests.e2e.system import Models
from tests.runtime.playing import until, working

WORDS = "mellifluous zanzibar"
CALL = CallStarted("c", 8000, Encoding.S16LE, 1, metadata={WORDS: WORDS})


def poisons(stream: str) -> list[str]:
    """Texts that are no event, and events of every kind with words where something else belongs and where text does."""
    texts = [WORDS, json.dumps(WORDS), f'{{"{WORDS}": ']
    for kind, name in FIELDS[stream].items():
        wrong: list[Any] = [WORDS, {WORDS: WORDS}, *({field.name: WORDS} for field in dataclasses.fields(kind))]
        fitting = {field.name: WORDS for field in dataclasses.fields(kind) if field.type in ("str", str)}
        texts += [json.dumps({name: body}) for body in (*wrong, fitting, {**fitting, "start_ms": 9, "end_ms": 3})]
    return texts


async def write_inputs(redis: Redis, spec: StageSpec) -> None:
    if spec == VAD:
        await redis.execute_command("XADD", audio_key("c", 0), "0-1", "start", "1")
        await redis.execute_command("XADD", audio_key("c", 0), "21-0", "pcm", WORDS + "!", "audio_at", WORDS)
        await redis.execute_command("XADD", audio_key("c", 0), f"{LAST_POSITION}-0", "end", WORDS)
    for source in (source for source in spec.inputs if source.stream != AUDIO):
        key = stream_key("c", source.stream)
        for number, text in enumerate(poisons(source.stream)):
            await redis.execute_command("XADD", key, f"{200 + number}-1", "event", text, "audio_at", WORDS)
        await redis.execute_command("XADD", key, f"{LAST_POSITION}-0", "through", "")


@pytest.mark.parametrize("spec", PIPELINE, ids=[spec.name for spec in PIPELINE])
async def test_a_stage_tells_of_poison_without_a_word_of_it(
    redis_url: str, models: Models, spec: StageSpec, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    redis = connect(redis_url)
    await write_inputs(redis, spec)
    await redis.execute_command("XADD", CALLS, "*", "event", write_call(CALL))
    async with working(redis_url, [spec], models.stages):
        await until(lambda: redis.hget(stage_key("c", spec.name), "finished"))
    dead = await redis.execute_command("XRANGE", dead_key("c"), "-", "+")
    assert bool(dead) == (spec != VAD), "a stage of events has met poison; a bad frame is a gap"
    logged = [JsonLines().format(record) for record in caplog.records]
    assert any("given up" in line for line in logged) == bool(dead)
    assert not [line for line in [*logged, str(dead)] if "zanzibar" in line or "mellifluous" in line]
    await redis.aclose()


@pytest.mark.parametrize(
    "announcement",
    [
        pytest.param(WORDS, id="no JSON"),
        pytest.param(json.dumps({"call_id": WORDS}), id="an id that can't be"),
        pytest.param(json.dumps({"call_id": "c", "metadata": {WORDS: [WORDS]}}), id="metadata that is no text"),
        pytest.param(json.dumps({"call_id": "c", "encoding": WORDS}), id="an encoding that is none"),
        pytest.param(json.dumps({"call_id": "c", "channels": WORDS}), id="channels that are no number"),
    ],
)
async def test_a_refusal_is_told_without_a_word_of_the_announcement(
    redis_url: str, models: Models, announcement: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    redis = connect(redis_url)
    await redis.execute_command("XADD", CALLS, "*", "event", announcement)
    async with working(redis_url, [VAD], models.stages):
        await until(lambda: redis.xlen(REFUSED))
    logged = [JsonLines().format(record) for record in caplog.records]
    assert any("call refused" in line for line in logged)
    assert not [line for line in logged if "zanzibar" in line or "mellifluous" in line]
    await redis.aclose()
