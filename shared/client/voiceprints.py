"""Where enrolled voices are kept, by name: in Redis, or in a file for pipelines of one process."""

import asyncio
import json
import os
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.failures import told
from speakerline.shared.logs import Log
from speakerline.shared.runtime import append_only
from speakerline.shared.runtime.connection import Shard, is_outage
from speakerline.shared.tenants import DEFAULT, owned, split, tenant_of

T = TypeVar("T")

KEY = "voiceprints"
"""Hash on each shard: name, as `owned` by its tenant, to JSON."""


class InvalidVoices(SpeakerlineError, ValueError):
    """A file that holds no enrolled voices."""


class InvalidName(SpeakerlineError, ValueError):
    """A name that is empty, too long, or not printable."""


@dataclass(frozen=True, slots=True)
class StoredVoiceprint:
    """A voiceprint as it is stored.

    embedder: name of the embedding model; voiceprints of different models can't be compared.
    vector: the embedding, base64 of little-endian float16.
    clean_s: seconds of speech that it was made from.
    telephone: the embedding of what a line of 8 kHz leaves of the same speech; empty where it was stored without."""

    embedder: str
    vector: str
    clean_s: float
    telephone: str = ""

    def at_rate(self, sample_rate: int) -> str:
        """The embedding that voices of calls at `sample_rate` are compared with."""
        return self.telephone if sample_rate == 8000 and self.telephone else self.vector


def check_name(name: str) -> str:
    """The name itself. Raises InvalidName unless it is 1 to 100 printable characters, and of no tenant's form."""
    if tenant_of(name):
        raise InvalidName(f"name {name[:40]!r}: expected one that does not begin with @ and a tenant's name")
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise InvalidName(f"name {name[:40]!r}: expected 1 to 100 printable characters")
    return name


class VoiceprintFile:
    """The voices that pipelines of one process know; its methods are those of `Voices`.

    Written atomically, and readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> dict[str, StoredVoiceprint]:
        """All voices by name, none if there is no file. Raises InvalidVoices for any other file."""
        if not self._path.exists():
            return {}
        try:
            return {name: StoredVoiceprint(**fields) for name, fields in json.loads(self._path.read_text()).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidVoices(f"{self._path}: expected voices written by `speakerline enroll` ({error})") from error

    async def store(self, name: str, voiceprint: StoredVoiceprint) -> None:
        """Add a voice, or replace it. Raises InvalidName."""
        self._write({**await self.read(), check_name(name): voiceprint})

    async def erase(self, name: str) -> bool:
        """Remove a voice. False where there was none."""
        voices = await self.read()
        known = voices.pop(name, None) is not None
        if known:
            self._write(voices)
        return known

    def _write(self, voices: Mapping[str, StoredVoiceprint]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps({name: asdict(voice) for name, voice in voices.items()}, ensure_ascii=False))
        temporary.replace(self._path)


async def read_voiceprints(shards: Sequence[Shard]) -> dict[str, dict[str, StoredVoiceprint]]:
    """All enrolled voices by tenant and name, of those shards that answer; an entry that can't be read is logged and
    left out. Raises the outage of a shard where none answers."""
    stored = await asyncio.gather(*(shard.hgetall(shard.key(KEY)) for shard in shards), return_exceptions=True)
    problems = [one for one in stored if isinstance(one, BaseException)]
    if len(problems) == len(shards) or not all(map(is_outage, problems)):
        raise problems[0]
    voices: dict[str, dict[str, StoredVoiceprint]] = {}
    together = {raw: value for one in reversed(stored) if isinstance(one, dict) for raw, value in one.items()}
    for raw, value in together.items():
        tenant, name = split(_text(raw))
        try:
            voices.setdefault(tenant, {})[name] = StoredVoiceprint(**json.loads(value))
        except (ValueError, TypeError) as error:
            Log(client="voiceprints").warning("unreadable voiceprint left out", bytes=len(value), error=told(error))
    return voices


async def store_voiceprint(
    shards: Sequence[Shard], name: str, voiceprint: StoredVoiceprint, tenant: str = DEFAULT
) -> None:
    """Add a voice of the tenant on all shards, or replace it. Raises InvalidName, InvalidTenant; the error of a shard
    that is away when the others have it."""
    field, json_ = owned(tenant, check_name(name)), json.dumps(asdict(voiceprint))
    await _on_all(shard.hset(shard.key(KEY), field, json_) for shard in shards)


async def erase_voiceprint(shards: Sequence[Shard], name: str, tenant: str = DEFAULT) -> bool:
    """Remove a voice of the tenant, also from the append-only files of Redis. False where there was none.

    Raises InvalidTenant; the error of a shard that is away when the others have it no more."""
    field = owned(tenant, name)
    return any(await _on_all(_erase(shard, field) for shard in shards))


async def _erase(redis: Shard, field: str) -> bool:
    known = bool(await redis.hdel(redis.key(KEY), field))
    if known:
        await append_only.rewrite(redis)
    return known


async def _on_all(done: Iterable[Awaitable[T]]) -> list[T]:
    """What each gives. Raises the first error when all are over."""
    answers = await asyncio.gather(*done, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]


def _text(raw: bytes | str) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw
