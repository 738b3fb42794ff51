"""A call whose sound is played by the test, up to its voices; clustering and the aggregator are the product's."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from speakerline.services.aggregator.stage import AggregatorStage
from speakerline.services.clustering.stage import ClusteringStage
from speakerline.shared.codec import read, write, write_call
from speakerline.shared.contract.v1 import AudioEnded, EndReason, Speech, SpeechState, TimelineEvent, VoiceWindow
from speakerline.shared.keys import CALLS, stage_key, stream_key
from speakerline.shared.pipeline import (
    AGGREGATOR,
    CLUSTERING,
    OPERATOR,
    OVERLAPS,
    SOURCES,
    SPEECH,
    TIMELINE,
    VOICES,
    WORDS,
    Stream,
)
from speakerline.shared.runtime.connection import Shard, pairs
from speakerline.shared.runtime.log import CLOSING_ID, LAST_NUMBER, Logged, read_event
from speakerline.shared.runtime.offline import OfflineCall, run_all
from speakerline.shared.runtime.stage import Stage
from tests.clustering.made_calls import calibration, conversation, dialogue
from tests.runtime.playing import a_call, shard_with, until, working

PLAYED = (SPEECH, VOICES, OVERLAPS, SOURCES, WORDS)


def stages() -> dict[str, Stage]:
    return {CLUSTERING.name: ClusteringStage(calibration()), AGGREGATOR.name: AggregatorStage()}


@asynccontextmanager
async def heard(url: str, call_id: str = "c", **replaced: Stage) -> AsyncIterator["HeardCall"]:
    """A call between two people that was announced, with a worker of each of the two stages."""
    redis = shard_with(url, call_id)
    try:
        async with working(url, [CLUSTERING, AGGREGATOR], {**stages(), **replaced}):
            call = HeardCall(redis, call_id)
            await redis.xadd(redis.key(CALLS), {"event": write_call(a_call(call_id))})
            yield call
    finally:
        await redis.aclose()


class HeardCall:
    """`played`: everything that was written of it, by stream."""

    def __init__(self, redis: Shard, call_id: str, people: tuple[float, ...] = (1, 2), end_ms: int = 60_000) -> None:
        self.id, self.redis = call_id, redis
        self.played: dict[str, list[tuple[str, Mapping[str, Any]]]] = {stream: [] for stream in PLAYED}
        turns = dialogue(end_ms, people)
        self._windows = conversation(turns, end_ms)
        self._speech = [
            (at_ms, Speech(f"s{start}", 0, state, start, at_ms))
            for _, start, end in turns
            for at_ms, state in ((start, SpeechState.OPENED), (end, SpeechState.CLOSED))
        ]

    def key(self, stream: str) -> str:
        """Of one of its logs."""
        return self.redis.key(stream_key(self.id, stream))

    async def hear(self, until_ms: int) -> None:
        """Returns when everything up to there is on the timeline."""
        while self._speech and self._speech[0][0] <= until_ms:
            await self._tell(SPEECH, *self._speech.pop(0), 1)
        while self._windows and self._windows[0].end_ms <= until_ms:
            window = self._windows.pop(0)
            await self._tell(VOICES, window.end_ms, window, 1)
        for stream in (SPEECH, VOICES, OVERLAPS, SOURCES):
            await self._add(stream, f"{until_ms}-{LAST_NUMBER}", {"through": ""})
        await until(lambda: self._reached(until_ms))

    async def end(self, end_ms: int) -> None:
        """Returns when the timeline has its end."""
        await self._tell(SPEECH, end_ms + 1, AudioEnded(end_ms, EndReason.HANGUP), 1)
        await self._tell(VOICES, end_ms + 1, VoiceWindow(0, end_ms, end_ms), 1)
        for stream in PLAYED:
            await self._add(stream, CLOSING_ID, {"through": ""})
        await until(self._ended)

    async def timeline(self) -> list[TimelineEvent]:
        """Its events so far."""
        entries = await self.redis.execute_command("XRANGE", self.key(TIMELINE), "-", "+")
        told = [pairs(flat).get(b"event") for _, flat in entries]
        return [read(TIMELINE, json) for json in told if json]

    async def replayed(self) -> list[TimelineEvent]:
        """What both stages make of the same logs, in memory and without a worker."""
        call = OfflineCall.of(self.id, np.zeros((1, 1), np.float32), 8000)
        call.call = a_call(self.id)
        for stream, entries in self.played.items():
            call.logs[stream] = [_logged(stream, raw_id, fields) for raw_id, fields in entries]
        operator = await self.redis.execute_command("XRANGE", self.key(OPERATOR), "-", "+")
        call.logs[OPERATOR] = [read_event(OPERATOR, raw_id, flat) for raw_id, flat in operator]
        made = stages()
        told = await run_all(call, [(CLUSTERING, made[CLUSTERING.name]), (AGGREGATOR, made[AGGREGATOR.name])])
        return [one.body for one in told[TIMELINE] if isinstance(one.body, TimelineEvent)]

    async def _reached(self, until_ms: int) -> bool:
        return (
            int(await self.redis.hget(self.redis.key(stage_key(self.id, AGGREGATOR.name)), "passed") or -1) >= until_ms
        )

    async def _ended(self) -> Any:
        return await self.redis.execute_command("XRANGE", self.key(TIMELINE), CLOSING_ID, CLOSING_ID)

    async def _tell(self, stream: Stream[Any], at_ms: int, body: Any, number: int) -> None:
        await self._add(stream, f"{at_ms}-{number}", {"event": write(stream, body)})

    async def _add(self, stream: str, raw_id: str, fields: dict[Any, Any]) -> None:
        self.played[stream].append((raw_id, fields))
        await self.redis.xadd(self.key(stream), fields, raw_id)


def _logged(stream: str, raw_id: str, fields: Mapping[str, Any]) -> Logged:
    flat = [word if isinstance(word, bytes) else str(word).encode() for pair in fields.items() for word in pair]
    return read_event(Stream(stream), raw_id.encode(), flat)
