"""Records the sound of calls: reads their audio logs beside the stages, and keeps files of it.

    audio:<ch> ──XREAD──> stretches of 20 s ──> file ──> row in `sounds` ──> `low:audio:<ch>` of the archive in Redis

The last step lets Redis trim what is recorded. Until then it keeps the sound for us, HOLD_S at most behind the slowest
stage (`commit.lua`): no stage waits for a recorder, and what it comes too late for is missing in the recording. A crash
between two steps repeats them: the file has the same name, the row the same key. Where something fails, everything is
read again from what is committed.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from speakerline.services.archive.channel_sound import ChannelSound, Piece
from speakerline.services.archive.flac import to_flac
from speakerline.services.archive.metrics import ArchiveMetrics
from speakerline.services.archive.sound_rows import OpenRecording, SoundRows
from speakerline.services.archive.store import NotOurs
from speakerline.shared.archive.sound import SoundFolder
from speakerline.shared.contract.v1 import Encoding
from speakerline.shared.failures import told
from speakerline.shared.keys import LAST_POSITION, audio_key, meta_key, stage_key
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import ARCHIVE_READER
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard, entry_id, pairs

EVERY_S = 1.0
PAUSE_S = 5.0
"""After a failure."""
COUNT = 128
"""Entries of a log in one read."""
LOGS = 64
"""Logs in one read."""


@dataclass(slots=True)
class _Recorded:
    row: OpenRecording
    channels: dict[int, ChannelSound] = field(default_factory=dict)
    read: dict[int, str] = field(default_factory=dict)
    """Of each channel that is not closed, the id of the last entry."""


class Recorder:
    """Records every call that `SoundRows` has as open, until it is closed."""

    def __init__(
        self,
        redis: Shard,
        rows: SoundRows,
        folder: SoundFolder,
        working: asyncio.Lock,
        metrics: ArchiveMetrics,
        log: Log,
    ) -> None:
        """`working` is held while files are written: who erases calls takes it."""
        self._redis, self._rows, self._folder, self._metrics, self._log = redis, rows, folder, metrics, log
        self._calls: dict[int, _Recorded] = {}
        self._working = working

    async def run(self) -> None:
        """Until cancelled, whatever fails."""
        while True:
            try:
                async with self._working:
                    busy = await self.round()
                if not busy:
                    await asyncio.sleep(EVERY_S)
            except Exception as error:  # stores of sound have errors of their own kinds
                self._metrics.errors.labels("sound").inc()
                self._log.warning("sound is not recorded", error=told(error))
                self._calls.clear()
                await asyncio.sleep(PAUSE_S)

    async def round(self) -> bool:
        """Read what has come of each call, and write what is due. Whether more lies there."""
        opened = await asyncio.to_thread(self._rows.opened)
        self._calls = {row.archive_id: self._calls.get(row.archive_id) or await self._begin(row) for row in opened}
        logs = [(call, channel) for call in self._calls.values() for channel in call.read]
        busy = False
        for first in range(0, len(logs), LOGS):
            busy = await self._read(logs[first : first + LOGS]) or busy
        for call in list(self._calls.values()):
            await self._write(call)
        return busy

    async def _read(self, logs: list[tuple[_Recorded, int]]) -> bool:
        names = (audio_key(call.row.call_id, channel) for call, channel in logs)
        keys = {self._redis.key(name).encode(): log for name, log in zip(names, logs, strict=True)}
        ids = [call.read[channel] for call, channel in keys.values()]
        answers = await self._redis.execute_command("XREAD", "COUNT", COUNT, "STREAMS", *keys, *ids)
        for key, entries in answers or ():
            call, channel = keys[key]
            for raw_id, flat in entries:
                self._take(call, channel, raw_id, pairs(flat))
        return any(len(entries) == COUNT for _, entries in answers or ())

    def _take(self, call: _Recorded, channel: int, raw_id: bytes, fields: Mapping[bytes, bytes]) -> None:
        position, _ = entry_id(raw_id)
        if position >= LAST_POSITION:
            call.channels[channel].flush()
            del call.read[channel]
            return
        call.read[channel] = raw_id.decode()
        if (pcm := fields.get(b"pcm")) is not None:
            call.channels[channel].push(position, pcm)

    async def _write(self, call: _Recorded) -> None:
        """Files, rows, and then what Redis may trim. A call that Redis does not hold any more is closed."""
        gone = not await self._redis.exists(self._redis.key(meta_key(call.row.call_id)))
        over = gone or not call.read
        for channel, sound in call.channels.items():
            if over:
                sound.flush()
            for piece in sound.take():
                await self._keep(call, channel, piece)
        if over:
            await asyncio.to_thread(self._rows.close, call.row.archive_id)
            del self._calls[call.row.archive_id]
        if over and not gone:
            await self._done_with(call, dict.fromkeys(call.channels, LAST_POSITION))

    async def _keep(self, call: _Recorded, channel: int, piece: Piece) -> None:
        name = f"{call.row.folder}/{channel}-{piece.start}.flac"
        lost = await asyncio.to_thread(self._keep_file, call.row, channel, piece, name)
        self._metrics.recorded.inc(len(piece.samples) / call.row.sample_rate)
        self._metrics.lost_sound.inc(lost / call.row.sample_rate)
        await self._done_with(call, {channel: piece.end})

    def _keep_file(self, row: OpenRecording, channel: int, piece: Piece, name: str) -> int:
        """Gives how many samples are missing before it."""
        self._folder.write(name, to_flac(piece.samples, row.sample_rate))
        try:
            return self._rows.add(row.archive_id, channel, piece.start, piece.end, name)
        except NotOurs:
            if not self._rows.has(row):  # whoever writes now may have erased the call before this file came
                self._folder.remove(row.folder)
            raise

    async def _done_with(self, call: _Recorded, ends: Mapping[int, int]) -> None:
        """What is before these positions need not be kept for us."""
        fields = [word for channel, end in ends.items() for word in (f"low:audio:{channel}", end)]
        keys = [meta_key(call.row.call_id), stage_key(call.row.call_id, ARCHIVE_READER)]
        await scripts.run(self._redis, "recorded", keys, *fields)

    async def _begin(self, row: OpenRecording) -> _Recorded:
        """Where the last one ended; the first entry of a log is 0-1."""
        ends = {channel: row.written.get(channel, 0) for channel in range(row.channels)}
        sounds = {channel: ChannelSound(row.sample_rate, Encoding(row.encoding), end) for channel, end in ends.items()}
        call = _Recorded(row, sounds, {channel: f"{end}-0" for channel, end in ends.items()})
        await self._done_with(call, ends)
        return call
