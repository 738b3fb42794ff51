"""What somebody has said of a leg before Asterisk connects it: whose call it is, and which channel."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.dialects.base import Opened
from speakerline.shared.keys import shard_of
from speakerline.shared.runtime.connection import Shard

LIFE_S = 120
"""How long a connection may take to come. Until then Redis holds the metadata, and no erasure of the call finds it."""


@dataclass(frozen=True, slots=True)
class Leg:
    """Leg `number` of `legs`; `call` is what its first sound opens. `tenant`: whose call it is. `announcement`: what it
    has in common with the other legs of that call, and with no others."""

    tenant: str
    number: int
    legs: int
    call: Opened
    announcement: str = ""


_LEG = TypeAdapter(Leg)


def key_of(uuid: str) -> str:
    """Of the announcement in Redis."""
    return f"audiosocket:{uuid}"


class Announcements:
    """Each lies on the shard of its UUID."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = shards

    async def announce(self, uuids: Sequence[str], leg: Leg) -> None:
        """Announce a leg for each UUID: as `leg`, with numbers in this order. All or none.

        Raises Refused with status 409 where one is announced already, and redis errors."""
        leg = replace(leg, announcement=secrets.token_hex(8))
        stored: list[str] = []
        try:
            for number, uuid in enumerate(uuids):
                redis, key = self._place_of(uuid)
                if not await redis.set(key, _LEG.dump_json(replace(leg, number=number)), ex=LIFE_S, nx=True):
                    expected = f"expected another UUID, or to wait {LIFE_S} s"
                    raise Refused(409, "announced", f"{uuid} is announced already: {expected}")
                stored.append(uuid)
        except BaseException:
            for uuid in stored:
                await self.take(uuid)
            raise

    async def take(self, uuid: str) -> Leg | None:
        """What was announced, once. Raises redis errors."""
        redis, key = self._place_of(uuid)
        json = await redis.getdel(key)
        return _LEG.validate_json(json) if json else None

    def _place_of(self, uuid: str) -> tuple[Shard, str]:
        redis = self._shards[shard_of(uuid, len(self._shards))]
        return redis, redis.key(key_of(uuid))
