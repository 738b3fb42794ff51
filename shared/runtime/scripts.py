"""The Lua scripts: each is a guard followed by writes, and nothing else may write the keys of a call.

Keys are given by the names that shared/keys.py has; here they become those of the shard.

A full Redis (`maxmemory`) lets a script run to its end if its first write can take no memory, and else refuses it. So
the scripts of workers delete something first, if need be a field or an entry that is never there: a full Redis refuses
new calls and new sound, but not the work that makes room. Redis 6.2 knows no `#!lua flags=allow-oom`.
https://redis.io/docs/latest/develop/programmability/eval-intro/
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.packed import Packed, command, joined, packed

_FOLDER = Path(__file__).parent / "lua"
_SOURCES = {path.stem: path.read_text() for path in sorted(_FOLDER.glob("*.lua"))}
_SHA = {name: hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest() for name, source in _SOURCES.items()}


async def load(redis: Redis) -> None:
    """Load all scripts; needed once a server start, and again after SCRIPT FLUSH."""
    for source in _SOURCES.values():
        await redis.script_load(source)


async def run(redis: Shard, name: str, keys: Sequence[str], *arguments: Any) -> Any:
    """One script, loaded first where the server does not know it."""
    words = _words(redis, name, keys, arguments)
    try:
        return await redis.execute_command(*words)
    except NoScriptError:
        await load(redis)
        return await redis.execute_command(*words)


Run = tuple[Sequence[str], Sequence[Any]] | Packed
"""Keys and arguments of a script; or packed: how many keys, these as they are on the shard, and the arguments."""


async def run_all(redis: Shard, name: str, runs: Sequence[Run]) -> list[Any]:
    """One script many times, in one round trip. A reply may be an exception, of that run alone."""
    replies = await _run_pipeline(redis, name, runs)
    refused = [number for number, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if refused:
        await load(redis)
        again = await _run_pipeline(redis, name, [runs[number] for number in refused])
        for number, reply in zip(refused, again, strict=True):
            replies[number] = reply
    return replies


async def _run_pipeline(redis: Shard, name: str, runs: Sequence[Run]) -> list[Any]:
    return await redis.ask_each(*(_command(redis, name, run) for run in runs))


def _command(redis: Shard, name: str, run: Run) -> bytes | tuple[Any, ...]:
    if isinstance(run, Packed):
        return command(joined([packed("EVALSHA", _SHA[name]), run]))
    return _words(redis, name, *run)


def _words(redis: Shard, name: str, keys: Sequence[str], arguments: Sequence[Any]) -> tuple[Any, ...]:
    return ("EVALSHA", _SHA[name], len(keys), *(map(redis.key, keys) if redis.prefix else keys), *arguments)
