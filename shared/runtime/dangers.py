"""What a Redis is or does that loses calls, asked when a program starts."""

from collections.abc import Mapping
from typing import Any

from redis.exceptions import ResponseError

from speakerline.shared.runtime.connection import Shard, is_outage

OLDEST = (6, 2)
EVICTS_NOTHING = "noeviction"
TOO_OLD = "version is "
"""How the line of a version that can't be used begins."""


A_CLUSTER = "it is a node of a cluster"
"""The same of one that is spoken to as if it were alone."""
A_REPLICA = "it is a replica that takes no writes"
"""The same of one that only readers can use."""


async def dangers_of(redis: Shard) -> list[str]:
    """One line for each; none where we may not ask. Raises what Redis raises in an outage.

    Asked by INFO: servers that are rented allow it more often than CONFIG GET."""
    try:
        return dangers_in(await redis.info(), redis.finder is not None)
    except ResponseError as error:
        if is_outage(error):
            raise
        return []


def dangers_in(told: Mapping[str, Any], follows: bool = False) -> list[str]:
    """The same for an answer of INFO. `follows`: whether the client goes where the shard is."""
    policy, version = told.get("maxmemory_policy", EVICTS_NOTHING), str(told.get("redis_version", "6.2"))
    dangers = []
    if policy != EVICTS_NOTHING:
        dangers.append(f"maxmemory-policy is {policy}: a full Redis deletes calls, expected {EVICTS_NOTHING}")
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        dangers.append(f"{TOO_OLD}{version}: expected 6.2 or newer")
    if told.get("redis_mode") == "cluster" and not follows:
        dangers.append(f"{A_CLUSTER}: expected redis+cluster://...")
    if told.get("role") == "slave" and told.get("slave_read_only", 1) and not follows:
        dangers.append(f"{A_REPLICA}: expected its primary, {told.get('master_host')}:{told.get('master_port')}")
    return dangers
