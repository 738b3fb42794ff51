"""A call's timeline as Redis and the archive keep it: its parts, unread."""

from collections.abc import Mapping
from dataclasses import dataclass

from speakerline.shared.contract.v1 import Snapshot
from speakerline.shared.timeline.parts import BLOCK, CALL, block_numbers, read_snapshot

PART = "part:"
"""With what the names of a state's fields begin."""


def epochs_of(stored: bytes | None) -> tuple[str, ...]:
    """What the field `epochs` says, if it is there."""
    return tuple((stored or b"").decode(errors="replace").split())


@dataclass(frozen=True, slots=True)
class StoredTimeline:
    """`parts` by their names, as `TimelineParts` writes them; none of a call that has no events yet."""

    call_id: str
    epochs: tuple[str, ...]
    parts: Mapping[str, bytes]

    @classmethod
    def of_fields(cls, call_id: str, fields: Mapping[bytes, bytes]) -> "StoredTimeline":
        """From those of the stage hash of the aggregator."""
        named = {name.decode(errors="replace"): value for name, value in fields.items()}
        parts = {name.removeprefix(PART): value for name, value in named.items() if name.startswith(PART)}
        return cls(call_id, epochs_of(fields.get(b"epochs")), parts)

    @property
    def announced(self) -> bool:
        """Whether the announcement of the call is in it."""
        return bool(self.parts.get(CALL))

    def snapshot(self) -> Snapshot:
        """All of it. That of a call of hours takes some tenths of a second. Raises UnreadableTimeline, as `head`."""
        return self._read(self.parts)

    def head(self) -> Snapshot:
        """The snapshot without turns, words and the other lists of items, which are not read."""
        return self._read({name: part for name, part in self.parts.items() if not name.startswith(BLOCK)})

    def blocks(self) -> list[bytes]:
        """JSON of the lists of items, to be joined in this order; values that only a newer version knows are in it."""
        return [self.parts[f"{BLOCK}{number}"] for number in block_numbers(self.parts)]

    def _read(self, parts: Mapping[str, bytes]) -> Snapshot:
        snapshot = read_snapshot(parts, lenient=True)
        snapshot.call_id, snapshot.epochs = self.call_id, list(self.epochs)
        return snapshot
