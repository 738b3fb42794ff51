"""Enrolled voices: named voiceprints that calls are compared with, in Redis, or in a file for private pipelines."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from redis.asyncio import Redis

from speakerline.shared.logs import Log

KEY = "voiceprints"
"""Hash in Redis: name to JSON."""


class InvalidVoices(ValueError):
    """A file that holds no voices."""


class InvalidName(ValueError):
    """A name that can't be shown on a timeline."""


@dataclass(frozen=True, slots=True)
class StoredVoiceprint:
    """`vector` is base64 of float16; it means something to `embedder` alone. `clean_s` is the speech it stands for."""

    embedder: str
    vector: str
    clean_s: float


def check_name(name: str) -> str:
    """Raises InvalidName for an empty, long or unprintable name."""
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise InvalidName(f"name {name[:40]!r}: expected 1 to 100 printable characters")
    return name


class VoiceprintFile:
    """The voices that private pipelines know. Written atomically, readable by its owner alone: voices are personal."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, StoredVoiceprint]:
        """Empty where there is no file. Raises InvalidVoices for one that is something else."""
        if not self._path.exists():
            return {}
        try:
            return {name: StoredVoiceprint(**fields) for name, fields in json.loads(self._path.read_text()).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidVoices(
                f"{self._path}: expected voices as `speakerline enroll` writes them ({error})"
            ) from error

    def store(self, name: str, voiceprint: StoredVoiceprint) -> None:
        self._write({**self.read(), check_name(name): voiceprint})

    def erase(self, name: str) -> bool:
        voices = self.read()
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


async def read_voiceprints(redis: Redis) -> dict[str, StoredVoiceprint]:
    """All that are enrolled in a system; what is no voiceprint is left out, and logged."""
    voices = {}
    for name, value in (await redis.hgetall(KEY)).items():
        try:
            voices[_text(name)] = StoredVoiceprint(**json.loads(value))
        except (ValueError, TypeError) as error:
            Log(client="voiceprints").warning("no voiceprint, left out", name=repr(name), error=repr(error))
    return voices


async def store_voiceprint(redis: Redis, name: str, voiceprint: StoredVoiceprint) -> None:
    await redis.hset(KEY, check_name(name), json.dumps(asdict(voiceprint)))


async def erase_voiceprint(redis: Redis, name: str) -> bool:
    """Whether there was one."""
    return bool(await redis.hdel(KEY, name))


def _text(raw: bytes | str) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw
