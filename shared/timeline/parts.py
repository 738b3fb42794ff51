"""A timeline cut into named parts of JSON, so that a change rewrites a kilobyte and not the whole call.

Every part is the JSON of a `Snapshot` message that holds some of its fields; merging them as protobuf merges messages
(lists one after the other, in the order of the parts) gives the snapshot:

    call      the announcement of the call, written once
    head      seq, speakers, open speech: what nearly every event changes
    block:0   the first 16 items of the call: turns, overlaps, separations, gaps, silences, clippings, degraded
              spans, music, DTMF, absences, ...; or the first 4 transcripts, which are larger
    block:1   the next ones, ...

An item stays in its block for good, so a turn that is revised rewrites one block.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from speakerline.shared.contract import v1
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.event_kinds import ITEM_KEYS, KEPT, State, body_of
from speakerline.shared.timeline.timeline import Timeline

BLOCK_ITEMS = 16
BLOCK_TRANSCRIPTS = 4

_HEAD, CALL, BLOCK = "head", "call", "block:"
_NUMBER = re.compile("0|[1-9][0-9]{0,8}")
_SNAPSHOT = TypeAdapter(v1.Snapshot)

Item = tuple[str, Any]
"""Name of the list in Snapshot, and the id or the index of the item in the timeline."""


class UnreadableTimeline(SpeakerlineError, ValueError):
    """A stored timeline that this version can't read: damaged, or of one that stores it otherwise."""


def read_snapshot(parts: Mapping[str, bytes], lenient: bool = False) -> v1.Snapshot:
    """The snapshot that the parts hold, for a subscriber that joins late; `seq` 0 where there are none yet.

    Parts of other names are passed over. `lenient`: a value that only a newer version knows is the first of its enum,
    and no error. Raises UnreadableTimeline."""
    head = _read(_HEAD, parts.get(_HEAD, b"{}"), lenient)
    head.call = _read(CALL, parts.get(CALL) or b"{}", lenient).call
    for block in _blocks(parts, lenient).values():
        for name in ITEM_KEYS:
            getattr(head, name).extend(getattr(block, name))
    return head


@dataclass(slots=True)
class _Block:
    items: list[Item] = field(default_factory=list)
    json: bytes = b""
    """Empty while it has to be written anew."""

    @property
    def of_words(self) -> bool:
        return bool(self.items) and self.items[0][0] == "transcripts"


class TimelineParts:
    """Keeps the parts of a timeline up to date: `note` each event after `Timeline.apply`, then `write`.

    `lenient`: as `read_snapshot` takes it."""

    def __init__(self, parts: Mapping[str, bytes], lenient: bool = False) -> None:
        self._call = parts.get(CALL, b"")
        self._blocks: list[_Block] = []
        self._block_of: dict[Item, _Block] = {}
        self._open: dict[bool, _Block] = {}
        counts: dict[str, int] = dict.fromkeys(ITEM_KEYS, 0)
        for number, block in _blocks(parts, lenient).items():
            latest = _Block(_items(block, counts), parts[f"{BLOCK}{number}"])
            self._blocks.append(latest)
            self._block_of.update(dict.fromkeys(latest.items, latest))
            self._open[latest.of_words] = latest

    def note(self, event: v1.TimelineEvent, timeline: Timeline) -> None:
        """Remember which item the event touched."""
        item = touched(event, timeline)
        if item is None:
            return
        block, there = self._block_of.get(item), item[0] != "turns" or item[1] in timeline.turns
        if block is not None and not there:
            block.items.remove(item)
            del self._block_of[item]
        elif block is None and there:
            block = self._place(item)
        if block is not None:
            block.json = b""

    def write(self, timeline: Timeline) -> dict[str, bytes]:
        """All parts; those that no event touched are the same bytes as before."""
        if not self._call and timeline.call is not None:
            self._call = _write(v1.Snapshot(call=timeline.call))
        for block in self._blocks:
            block.json = block.json or _write(_block_message(block, timeline))
        blocks = {f"{BLOCK}{number}": block.json for number, block in enumerate(self._blocks)}
        return {_HEAD: _write(timeline.state()), CALL: self._call, **blocks}

    def _place(self, item: Item) -> _Block:
        of_words = item[0] == "transcripts"
        block = self._open.get(of_words)
        if block is None or len(block.items) >= (BLOCK_TRANSCRIPTS if of_words else BLOCK_ITEMS):
            block = self._open[of_words] = _Block()
            self._blocks.append(block)
        block.items.append(item)
        self._block_of[item] = block
        return block


def touched(event: v1.TimelineEvent, timeline: Timeline) -> Item | None:
    """The item that the event has changed, added or taken away, just after `Timeline.apply`; None where it is none."""
    body = body_of(event)
    if body is None:
        return None
    kept = KEPT[type(body)]
    if isinstance(kept, State):
        return None
    return kept.list, getattr(body, kept.key) if kept.key else len(getattr(timeline, kept.list)) - 1


def _items(block: v1.Snapshot, counts: dict[str, int]) -> list[Item]:
    """Keys of what a stored block holds; `counts` is how many of each list came before."""
    items: list[Item] = []
    for name, key in ITEM_KEYS.items():
        found = getattr(block, name)
        items += [(name, getattr(one, key) if key else index) for index, one in enumerate(found, counts[name])]
        counts[name] += len(found)
    return items


def _block_message(block: _Block, timeline: Timeline) -> v1.Snapshot:
    message = v1.Snapshot()
    for name, key in block.items:
        getattr(message, name).append(getattr(timeline, name)[key])
    return message


def _blocks(parts: Mapping[str, bytes], lenient: bool = False) -> dict[int, v1.Snapshot]:
    return {number: _read(f"{BLOCK}{number}", parts[f"{BLOCK}{number}"], lenient) for number in block_numbers(parts)}


def block_numbers(parts: Mapping[str, bytes]) -> list[int]:
    """Of the blocks among the parts, in order."""
    numbers = (name.removeprefix(BLOCK) for name in parts if name.startswith(BLOCK))
    return sorted(int(number) for number in numbers if _NUMBER.fullmatch(number))


def _read(name: str, json: bytes, lenient: bool = False) -> v1.Snapshot:
    try:
        return _SNAPSHOT.validate_json(json, context=[] if lenient else None)
    except ValidationError as error:
        found = f"part {name} of {len(json)} bytes of a timeline is damaged, or of another version"
        raise UnreadableTimeline(f"{found}: expected one that this version reads") from error


def _write(snapshot: v1.Snapshot) -> bytes:
    return _SNAPSHOT.dump_json(snapshot, exclude_defaults=True)
