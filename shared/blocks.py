"""Numbered items stored in blocks, so that a change writes one block anew and not everything.

items     0 1 2 ... 15 | 16 17 ... 31 | 32 33
parts     name.00000   | name.00001   | name.00002      each the JSON list of its items
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Generic, TypeVar

from pydantic import TypeAdapter

X = TypeVar("X")


class Blocks(Generic[X]):
    """The stored form of items: `size` numbers to a block, `json` writes and reads the list of them."""

    def __init__(self, name: str, size: int, json: TypeAdapter[list[X]]) -> None:
        self._name, self._size, self._json = name, size, json
        self._stored: dict[int, bytes] = {}

    def touch(self, number: int) -> None:
        """The item of this number is new, has changed or is gone."""
        self._stored.pop(number // self._size, None)

    def write(self, numbers: Iterable[int], item: Callable[[int], X]) -> dict[str, bytes]:
        """Every item that there is, by its number, ascending; blocks without a touched one are the same object, and
        their items are not asked for."""
        stored = {}
        for block, members in groupby(numbers, key=lambda number: number // self._size):
            kept = self._stored.get(block)
            stored[block] = kept or self._json.dump_json([item(one) for one in members], exclude_defaults=True)
        self._stored = stored
        return {f"{self._name}.{block:05d}": data for block, data in stored.items()}

    def read(self, parts: Mapping[str, bytes]) -> Iterator[tuple[int, X]]:
        """The items that `write` stored among these parts, ascending. Numbers hold where no number was left out."""
        self._stored = {}
        for part in sorted(name for name in parts if name.rpartition(".")[0] == self._name):
            first = int(part.rpartition(".")[2]) * self._size
            yield from enumerate(self._json.validate_json(parts[part]), first)
