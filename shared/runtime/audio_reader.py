"""The sound of one call by time, read from its audio log."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np

from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import InvalidAudio, decode, decode_frame, to_float32
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.shared.keys import LAST_POSITION, audio_key, sounds_key
from speakerline.shared.runtime.connection import Shard, entry_id, pairs

PAGE = 64
"""Entries that are read at once."""

KEEP_S = 6
"""Sound kept in memory per channel, so that overlapping windows are read from Redis once."""


class RedisAudio:
    """Implements `AudioReader`. Holds no state that matters: what is in memory is a copy of the log."""

    def __init__(self, redis: Shard, call: CallStarted) -> None:
        self._redis = redis
        self._call = call
        self._channels = [_Recent(call) for _ in range(call.channels)]

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Float32s:
        """`end_sample - start_sample` samples, -1 to 1; what was lost, trimmed or invalid is zero."""
        recent = self._channels[channel]
        async with recent.reading:
            return await self._read(recent, channel, start_sample, end_sample)

    async def read_source(self, source_id: str) -> Float32s | None:
        """The whole sound of a separated source, -1 to 1; None where it is not kept any more."""
        pcm = await self._redis.execute_command("HGET", self._redis.key(sounds_key(self._call.call_id)), source_id)
        return None if pcm is None else to_float32(decode(pcm, Encoding.S16LE))

    async def _read(self, recent: "_Recent", channel: int, start_sample: int, end_sample: int) -> Float32s:
        if not recent.start <= start_sample <= recent.end:
            recent.restart(start_sample)
        if end_sample > recent.end:
            async for frames in self._frames(channel, max(start_sample, recent.end), end_sample):
                recent.extend(frames, end_sample)
        return recent.cut(start_sample, end_sample)

    async def _frames(self, channel: int, start_sample: int, end_sample: int) -> AsyncIterator[list[Any]]:
        """The entries whose frames may hold sound of the range, a page at a time: all that end in it, and the next."""
        key = self._redis.key(audio_key(self._call.call_id, channel))
        within = ("XRANGE", key, start_sample + 1, end_sample - 1, "COUNT", PAGE)
        behind = ("XRANGE", key, end_sample, LAST_POSITION - 1, "COUNT", 1)
        *pages, following = await self._redis.ask(*([within] if end_sample - 1 > start_sample else []), behind)
        page = pages[0] if pages else []
        while page:
            yield page
            rest = ("XRANGE", key, b"(" + page[-1][0], end_sample - 1, "COUNT", PAGE)
            page = await self._redis.execute_command(*rest) if len(page) == PAGE else []
        yield following


class _Recent:
    """The newest audio of one channel: [start, end) in samples."""

    def __init__(self, call: CallStarted) -> None:
        self._call = call
        self._keep = KEEP_S * call.sample_rate
        self.reading = asyncio.Lock()
        self.restart(0)

    def restart(self, start: int) -> None:
        self.start = self.end = start
        self._samples: Float32s = np.zeros(0, np.float32)

    def extend(self, frames: Sequence[Any], until: int) -> None:
        """Entries in order. A frame that begins before what is there gives only its new tail.

        One that begins at `until` or later is left for another time: before it there may be a hole of any length."""
        for raw_id, flat in frames:
            end = entry_id(raw_id)[0]
            pcm = pairs(flat).get(b"pcm")
            if pcm is None or end <= self.end:
                continue
            try:
                samples = to_float32(decode_frame(pcm, self._call.encoding))
            except InvalidAudio:
                continue
            if end - len(samples) < until:
                self._append(end, samples)

    def _append(self, end: int, samples: Float32s) -> None:
        begin = end - len(samples)
        hole = np.zeros(max(0, begin - self.end), np.float32)
        self._samples = np.concatenate([self._samples, hole, samples[max(0, self.end - begin) :]])
        self.end = end

    def cut(self, start: int, end: int) -> Float32s:
        """The range, with zeros for what is not there; then forget what is long before its start."""
        answer: Float32s = np.zeros(end - start, np.float32)
        low, high = max(start, self.start), min(end, self.end)
        if low < high:
            answer[low - start : high - start] = self._samples[low - self.start : high - self.start]
        if start - self.start > self._keep:
            self._samples = self._samples[start - self.start :].copy()
            self.start = start
        return answer
