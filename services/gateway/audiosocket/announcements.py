"""What somebody has said of a leg before Asterisk connects it: whose call it is, and which channel."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.dialects.base import Opened
from speakerline.shared.runtime.connection import Shard

LIFE_S = 120
"""How long a connection may take to come. Until then Redis holds the metadata, and no erasure of the call finds it."""


@dataclass(frozen=True, slots=True)
class Leg:
    """Leg `number` of `legs`; `call` is what its first sound opens. `tenant`: whose call it is."""

    tenant: str
    number: int
    legs: int
    call: Opened


_LEG = TypeAdapter(Leg)


def key_of(uuid: str) -> str:
    """Of the announcement in Redis."""
    return f"audiosocket:{uuid}"


async def announce(redis: Shard, uuids: Sequence[str], leg: Leg) -> None:
    """Announce a leg for each UUID: as `leg`, with numbers in this order. All or none.

    Raises Refused with status 409 where one is announced already, and redis errors."""
    keys = {uuid: redis.key(key_of(uuid)) for uuid in uuids}
    said = {keys[uuid]: _LEG.dump_json(replace(leg, number=number)) for number, uuid in enumerate(uuids)}
    stored = [key for key, json in said.items() if await redis.set(key, json, ex=LIFE_S, nx=True)]
    if len(stored) < len(said):
        if stored:
            await redis.delete(*stored)
        taken = next(uuid for uuid, key in keys.items() if key not in stored)
        raise Refused(409, "announced", f"{taken} is announced already: expected another UUID, or to wait {LIFE_S} s")


async def take(redis: Shard, uuid: str) -> Leg | None:
    """What was announced, once. Raises redis errors."""
    json = await redis.getdel(redis.key(key_of(uuid)))
    return _LEG.validate_json(json) if json else None
