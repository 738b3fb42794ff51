"""The words of a call on their way back to its producer, which may take them more slowly than they come.

timeline ──> [ to be told, by utterance ] ──> producer
               a later version takes the place of one that waits
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from speakerline.shared.contract.v1 import TimelineEvent, Transcript
from speakerline.shared.runtime.ending import end


class WordsBack:
    """Each version of an utterance is told once at most, and the last one in any case. After a loss of Redis, what was
    missed is told, too."""

    def __init__(self, tell: Callable[[Transcript], Awaitable[None]]) -> None:
        self._tell = tell
        self._waiting: dict[str, Transcript] = {}
        self._told: dict[str, int] = {}
        """The revision of each utterance that was told last."""
        self._there = asyncio.Event()
        self._over = False

    async def run(self, events: AsyncIterator[TimelineEvent]) -> None:
        """Until the events end and all is told."""
        telling = asyncio.create_task(self._tell_all())
        try:
            async for event in events:
                self._take(event)
            self._over = True
            self._there.set()
            await telling
        finally:
            await end([telling])

    def _take(self, event: TimelineEvent) -> None:
        found = event.restarted.transcripts if event.restarted else [event.transcript] if event.transcript else []
        for transcript in found:
            if self._told.get(transcript.transcript_id) != transcript.revision:
                self._waiting[transcript.transcript_id] = transcript
                self._there.set()

    async def _tell_all(self) -> None:
        while not self._over or self._waiting:
            while self._waiting:
                transcript = self._waiting.pop(next(iter(self._waiting)))
                self._told[transcript.transcript_id] = transcript.revision
                await self._tell(transcript)
            if not self._over:
                self._there.clear()
                await self._there.wait()
