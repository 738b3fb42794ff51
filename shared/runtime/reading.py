"""One blocking read for all calls of a worker: which keys, from which ids, and whose the answer is."""

from collections.abc import Iterable, Sequence
from typing import Any

from shared.keys import CALLS, stream_key
from shared.pipeline import AUDIO
from shared.runtime.log import Logged, read_event, read_frame
from shared.runtime.owned import OwnedCall

INBOX = 512
"""Entries that may wait in memory per call before it is left out of the read."""


class ReadSet:
    """The keys and ids of the next XREAD. Rebuilt when the set of calls changes; ids move with every answer."""

    def __init__(self, wake_keys: Sequence[str]) -> None:
        self._control: dict[bytes, bytes] = dict.fromkeys((key.encode() for key in (CALLS, *wake_keys)), b"0-0")
        self._route: dict[bytes, tuple[OwnedCall, int]] = {}
        self._ids: dict[bytes, bytes] = {}
        self.stale = True

    def skip_control_to(self, key: str, raw_id: bytes) -> None:
        """Start a control stream after what it holds already."""
        self._control[key.encode()] = raw_id

    def rebuild(self, calls: Iterable[OwnedCall]) -> None:
        """Read for calls that are trusted and have room."""
        self._route, self._ids = {}, dict(self._control)
        for call in calls:
            if call.doubtful or call.lost or call.work.waiting >= INBOX:
                continue
            for number, name in enumerate(call.work.inputs):
                key = stream_key(call.id, name).encode()
                self._route[key] = (call, number)
                self._ids[key] = b"%d-%d" % call.work.read[number]
        self.stale = False

    def command(self, count: int, block_ms: int) -> list[Any]:
        return ["XREAD", "COUNT", count, "BLOCK", block_ms, "STREAMS", *self._ids.keys(), *self._ids.values()]

    def accept(self, replies: Iterable[Any]) -> tuple[list[tuple[OwnedCall, list[Logged]]], bool]:
        """Hand entries to their calls. Gives who got what, and whether calls may be waiting to be taken."""
        heard: list[tuple[OwnedCall, list[Logged]]] = []
        called = False
        for key, entries in replies:
            self._ids[key] = entries[-1][0]
            if key in self._control:
                self._control[key] = entries[-1][0]
                called = True
                continue
            call, number = self._route[key]
            if call.doubtful or call.lost:
                continue
            logged = _read(call.work.inputs[number], entries)
            call.work.offer(number, logged)
            heard.append((call, logged))
            self.stale = self.stale or call.work.waiting >= INBOX
        return heard, called


def _read(name: str, entries: Iterable[Any]) -> list[Logged]:
    if name.startswith(AUDIO):
        channel = int(name.rpartition(":")[2])
        return [read_frame(channel, raw_id, flat) for raw_id, flat in entries]
    return [read_event(name, raw_id, flat) for raw_id, flat in entries]
