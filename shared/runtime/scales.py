"""How the peers of a worker are, over all shards: the sum of what each shard said when it was asked last. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from speakerline.shared.runtime.balance import Load


class Scales:
    """A peer has one name on all shards; what it keeps up with, and how late it is, are of the whole worker."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[int, Mapping[str, Load]]] = {}

    def put(self, shard: str, offered: int, peers: Mapping[str, Load]) -> None:
        """What a shard says: how many calls are free there, and what each peer holds of it."""
        self._told[shard] = (offered, peers)

    def offer(self, shard: str, count: int) -> None:
        """So many calls became free there since."""
        offered, peers = self._told.get(shard, (0, {}))
        self._told[shard] = (offered + count, peers)

    @property
    def offered(self) -> int:
        """Calls that are free and wait to be taken."""
        return sum(offered for offered, _ in self._told.values())

    @property
    def peers(self) -> list[Load]:
        """What each of them holds, over all shards."""
        found: dict[str, Load] = {}
        for _, peers in self._told.values():
            for name, load in peers.items():
                before = found.get(name)
                found[name] = replace(load, held=load.held + before.held) if before else load
        return list(found.values())
