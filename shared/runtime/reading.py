"""One blocking read for all calls of a worker: which keys, from which ids, and whose the answer is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from speakerline.shared.keys import CALLS, LAST_POSITION, stream_key
from speakerline.shared.pipeline import AUDIO, Stream
from speakerline.shared.runtime.log import Logged, read_event, read_frame
from speakerline.shared.runtime.owned import OwnedCall

INBOX = 512
"""Entries of one log that may wait in memory before it is left out of the read. Each log for itself: they may wait for
an entry of another log of the call."""

FIRST_COUNT = 8
"""Entries of one log in one read while nothing piles up: of what comes unexpectedly, however large it is, no more."""

READ_BYTES = 8_000_000
"""What an answer should not exceed. Redis bounds it by entries alone, so that their number follows the last answer."""


class ReadSet:
    """The keys and ids of the next XREAD. Rebuilt when the set of calls changes; ids move with every answer."""

    def __init__(self, key: Callable[[str], str], wake_keys: Sequence[str], most: int) -> None:
        """`key`: of the shard. `most`: entries of one log that are read at once, at most."""
        self._key = key
        self._most = most
        self._control: dict[bytes, bytes] = dict.fromkeys((key(name).encode() for name in (CALLS, *wake_keys)), b"0-0")
        self._watched: Mapping[bytes, bytes] = {}
        self.stirred: set[bytes] = set()
        """Watched logs on which something came in the last answer."""
        self._route: dict[bytes, tuple[OwnedCall, int]] = {}
        self._ids: dict[bytes, bytes] = {}
        self._full: list[tuple[OwnedCall, int]] = []
        self._cut_short: set[bytes] = set()
        self._count = min(FIRST_COUNT, most)
        self._stale = True

    def skip_control_to(self, key: str, raw_id: bytes) -> None:
        """Start a control stream after what it holds already."""
        self._control[self._key(key).encode()] = raw_id

    def watch(self, logs: Mapping[bytes, bytes]) -> None:
        """Logs of calls that are not held yet, with the id after which an entry is the first."""
        self._stale = self._stale or logs.keys() != self._watched.keys()
        self._watched = logs

    def changed(self) -> None:
        """The set of calls, or where one of them reads, is another now."""
        self._stale = True

    def refresh(self, calls: Iterable[OwnedCall]) -> None:
        """Read for calls that are trusted and have room."""
        if not self._stale and not any(call.work.waiting_of(number) < INBOX // 2 for call, number in self._full):
            return
        self._route, self._ids, self._full = {}, {**self._control, **self._watched}, []
        for call in calls:
            if not call.trust.usable:
                continue
            for number, name in enumerate(call.work.inputs):
                if call.work.waiting_of(number) >= INBOX:
                    self._full.append((call, number))
                    continue
                key = self._key(stream_key(call.id, name)).encode()
                position, entry = call.work.read[number]
                if position == LAST_POSITION:
                    continue
                self._route[key] = (call, number)
                self._ids[key] = b"%d-%d" % (position, entry)
        self._stale = False

    def command(self, block_ms: int) -> list[Any]:
        ids = (*self._ids.keys(), *self._ids.values())
        return ["XREAD", "COUNT", self._count, "BLOCK", block_ms, "STREAMS", *ids]

    def accept(self, replies: Sequence[Any], now: float) -> tuple[list[tuple[OwnedCall, list[Logged]]], bool]:
        """Hand entries that were read at this second, by the clock of Redis, to their calls. Gives who got what, and
        whether calls may be waiting to be taken."""
        heard: list[tuple[OwnedCall, list[Logged]]] = []
        called = False
        self.stirred = set()
        read_out = self._cut_short & self._route.keys()
        for key, entries in replies:
            if not entries:  # Redis 7.0 wakes who waits for a stream that an erasure has written anew
                continue
            self._ids[key] = entries[-1][0]
            if key in self._control:
                self._control[key] = entries[-1][0]
                called = True
                continue
            if key not in self._route:
                self.stirred.add(key)
                continue
            read_out.discard(key)
            if logged := self._offer(key, entries, now):
                heard.append((self._route[key][0], logged))
        for key in read_out:
            self._offer(key, (), now)
            heard.append((self._route[key][0], []))
        self._adapt([entries for _, entries in replies])
        return heard, called

    def _adapt(self, answers: Sequence[Sequence[Any]]) -> None:
        """Read more at a time where more lies there, as long as the answer stays small."""
        size = sum(len(word) for entries in answers for _, flat in entries for word in flat)
        most = max(map(len, answers), default=0)
        if size > READ_BYTES:
            self._count = max(1, self._count // 2)
        elif most >= self._count and 2 * size <= READ_BYTES:
            self._count = min(self._most, 2 * self._count)
        elif 4 * most <= self._count:
            self._count = max(min(FIRST_COUNT, self._most), self._count // 2)

    def _offer(self, key: bytes, entries: Sequence[Any], now: float) -> list[Logged]:
        """Entries of one log; none, where a read that was cut short turns out to have been the last."""
        call, number = self._route[key]
        unread = len(entries) >= self._count
        (self._cut_short.add if unread else self._cut_short.discard)(key)
        if not call.trust.usable:
            return []
        logged = _read(call.work.inputs[number], entries, now)
        call.work.offer(number, logged, unread)
        self._stale = self._stale or call.work.waiting_of(number) >= INBOX
        return logged


def _read(name: str, entries: Iterable[Any], now: float) -> list[Logged]:
    if name.startswith(AUDIO):
        channel = int(name.rpartition(":")[2])
        return [read_frame(channel, raw_id, flat, now) for raw_id, flat in entries]
    return [read_event(Stream(name), raw_id, flat, now) for raw_id, flat in entries]
