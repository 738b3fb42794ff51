"""A producer in any language, as docs/producing.md describes it: plain XADDs, none of our client code.

announce    XADD call:{ID}:audio:<ch> 0-1 start 1      XADD calls * event <CallStarted as JSON>
frame       XADD call:{ID}:audio:<ch> NOMKSTREAM <end sample>-0 pcm <bytes>
close       XADD call:{ID}:audio:<ch> NOMKSTREAM 9007199254740991-0 end hangup
"""

from collections.abc import Iterable
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from speakerline.shared.codec import write_call
from speakerline.shared.contract.v1 import CallStarted

CLOSING = "9007199254740991-0"


class WireCall:
    """One call; the methods give Redis's answer, an error as its text."""

    def __init__(self, redis: Redis, call: CallStarted) -> None:
        self.redis, self.call, self.id = redis, call, call.call_id

    def audio(self, channel: int = 0) -> str:
        return f"call:{{{self.id}}}:audio:{channel}"

    async def announce(self) -> None:
        await self.open_logs()
        await self.call_out()

    async def call_out(self) -> Any:
        return await self._add("calls", "*", "event", write_call(self.call))

    async def open_logs(self) -> None:
        for channel in range(self.call.channels or 1):
            await self.redis.execute_command("XADD", self.audio(channel), "0-1", "start", "1")

    async def frame(self, end_sample: int | str, pcm: bytes, channel: int = 0) -> Any:
        return await self._add(self.audio(channel), "NOMKSTREAM", f"{end_sample}-0", "pcm", pcm)

    async def frames(self, frames: Iterable[tuple[int, bytes]], channel: int = 0) -> None:
        """Many in one round trip."""
        pipeline = self.redis.pipeline(transaction=False)
        for end_sample, pcm in frames:
            pipeline.execute_command("XADD", self.audio(channel), "NOMKSTREAM", f"{end_sample}-0", "pcm", pcm)
        await pipeline.execute(raise_on_error=False)

    async def close(self) -> list[Any]:
        return [
            await self._add(self.audio(channel), "NOMKSTREAM", CLOSING, "end", "hangup")
            for channel in range(self.call.channels or 1)
        ]

    async def _add(self, key: str, *words: Any) -> Any:
        try:
            return await self.redis.execute_command("XADD", key, *words)
        except ResponseError as error:
            return str(error)
