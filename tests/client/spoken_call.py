"""A call whose stages are played by the test, up to the aggregator, which is the product's: it says word after word."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from speakerline.services.aggregator.stage import AggregatorStage
from speakerline.shared.codec import write, write_call
from speakerline.shared.contract.v1 import AudioEnded, EndReason, Transcript, Word
from speakerline.shared.keys import CALLS, stream_key
from speakerline.shared.pipeline import AGGREGATOR, SPEECH, TIMELINE, WORDS, Stream
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.log import CLOSING_ID
from speakerline.shared.runtime.metrics import Metrics
from tests.runtime.playing import a_call, outliving, shard_with, until, working


@asynccontextmanager
async def aggregating(url: str, metrics: Metrics | None = None) -> AsyncIterator[None]:
    """A worker of the aggregator alone."""
    async with working(url, [AGGREGATOR], {AGGREGATOR.name: AggregatorStage()}, metrics=metrics):
        yield


@asynccontextmanager
async def spoken(url: str, call_id: str = "c") -> AsyncIterator["SpokenCall"]:
    """A call that is announced, without a word so far."""
    redis = shard_with(url, call_id)
    try:
        call = SpokenCall(redis, call_id)
        await call.announce()
        yield call
    finally:
        await redis.aclose()


class SpokenCall:
    """The other inputs of the aggregator, in Redis."""

    def __init__(self, redis: Shard, call_id: str) -> None:
        self.id = call_id
        self._redis = redis
        self._said = 0

    async def announce(self) -> None:
        """Once more after Redis has lost the call; then its words begin anew, too."""
        self._said = 0
        await self._add(CALLS, "*", "event", write_call(a_call(self.id)))

    async def say(self, *texts: str) -> None:
        """A transcript for each word; returns when they are on the timeline."""
        for text in texts:
            self._said += 1
            start_ms = 100 * self._said
            word = Word(text, start_ms, start_ms + 100, 0.9)
            told = Transcript(f"w{self._said}", 1, 0, start_ms, start_ms + 100, True, words=[word])
            await self._tell(WORDS, f"{start_ms}-1", told)
        await until(self._heard)

    async def lose(self, texts: int) -> None:
        """The test has taken the last words away."""
        self._said -= texts

    async def end(self) -> None:
        """The call ends; returns when its timeline has."""
        end_ms = 100 * self._said + 100
        await self._tell(SPEECH, f"{end_ms}-1", AudioEnded(end_ms=end_ms, reason=EndReason.HANGUP))
        for source in AGGREGATOR.inputs:
            await self._add(stream_key(self.id, source.stream), CLOSING_ID, "through", "")
        await until(self._ended)

    async def _heard(self) -> bool:
        """The announcement and every word are told."""
        return int(await self._redis.xlen(self._redis.key(stream_key(self.id, TIMELINE)))) > self._said

    async def _ended(self) -> Any:
        return await self._redis.execute_command(
            "XRANGE", self._redis.key(stream_key(self.id, TIMELINE)), CLOSING_ID, CLOSING_ID
        )

    async def _tell(self, stream: Stream[Any], entry: str, body: Any) -> None:
        await self._add(stream_key(self.id, stream), entry, "event", write(stream, body))

    async def _add(self, key: str, *words: Any) -> None:
        await outliving(lambda: self._redis.execute_command("XADD", self._redis.key(key), *words))
