"""The Lua scripts: each is a guard followed by writes, and nothing else may write the keys of a call."""

import hashlib
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import NoScriptError

_FOLDER = Path(__file__).parent / "lua"
_SOURCES = {path.stem: path.read_text() for path in sorted(_FOLDER.glob("*.lua"))}
_SHA = {name: hashlib.sha1(source.encode()).hexdigest() for name, source in _SOURCES.items()}


async def load(redis: "Redis[bytes]") -> None:
    """Load all scripts; needed once a server start, and again after SCRIPT FLUSH."""
    for source in _SOURCES.values():
        await redis.script_load(source)


async def run(redis: "Redis[bytes]", name: str, keys: list[Any], *arguments: Any) -> Any:
    """One script, loaded first where the server does not know it."""
    try:
        return await redis.execute_command("EVALSHA", _SHA[name], len(keys), *keys, *arguments)
    except NoScriptError:
        await load(redis)
        return await redis.execute_command("EVALSHA", _SHA[name], len(keys), *keys, *arguments)


def queue(pipeline: "Pipeline[bytes]", name: str, keys: list[Any], *arguments: Any) -> None:
    """Add a script to a pipeline. Its reply is a NoScriptError where the server does not know it: `load` and repeat."""
    pipeline.execute_command("EVALSHA", _SHA[name], len(keys), *keys, *arguments)
