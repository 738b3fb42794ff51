"""What the shards of one worker share: its places for calls, whose turn it is, and how late its steps are."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.scales import Scales
from speakerline.shared.runtime.shedding import Shedding
from speakerline.shared.runtime.turns import Turns


class Workplace:
    """`capacity`: the most calls, of all shards together."""

    def __init__(self, capacity: int, shedding: Shedding) -> None:
        self.shedding = shedding
        self.turns = Turns()
        self.scales = Scales()
        self.one_suspect = asyncio.Lock()
        """Held by a step that may end the process: if it does, it is known which."""
        self.stopping = False
        """Set to end every drive after the step at hand."""
        self._capacity = capacity
        self._reserved = 0
        self._tables: list[dict[bytes, OwnedCall]] = []

    def new_table(self) -> dict[bytes, OwnedCall]:
        """The calls of one more shard, by the id of their announcement."""
        self._tables.append({})
        return self._tables[-1]

    @property
    def calls(self) -> Iterator[OwnedCall]:
        """Of all shards."""
        return chain.from_iterable(table.values() for table in self._tables)

    @property
    def held(self) -> int:
        return sum(map(len, self._tables))

    @property
    def room(self) -> int:
        """Places that are neither taken nor reserved."""
        return self._capacity - self.held - self._reserved

    @contextmanager
    def reserved(self, wanted: int) -> Iterator[int]:
        """At most so many places, which no other shard fills meanwhile."""
        places = max(0, min(wanted, self.room))
        self._reserved += places
        try:
            yield places
        finally:
            self._reserved -= places
