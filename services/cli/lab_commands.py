"""Commands around voices and models: `enroll`, `simulate`, `calibrate`."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from services.cli.failure import Failure
from services.cli.local_pipeline import voices_file
from services.media.reading import open_recording
from services.settings import Settings
from shared.audio.resample import to_16khz
from shared.client.voiceprints import (
    StoredVoiceprint,
    VoiceprintFile,
    check_name,
    erase_voiceprint,
    read_voiceprints,
    store_voiceprint,
)
from shared.runtime.connection import connect


def add_to(commands: Any) -> None:
    enroll = commands.add_parser("enroll", help="store a named voice, or erase one, or list them")
    enroll.add_argument("name", nargs="?", metavar="NAME")
    enroll.add_argument("files", nargs="*", type=Path, metavar="FILE", help="recordings of this person alone")
    enroll.add_argument("--erase", action="store_true", help="forget NAME")
    enroll.add_argument("--redis", metavar="URL", help="the voices of a running system instead of this machine's")
    enroll.set_defaults(run=_enroll)


async def _enroll(given: argparse.Namespace) -> int:
    voices = _Voices(given.redis)
    try:
        if given.name is None:
            for name, voice in sorted((await voices.read()).items()):
                print(f"{name}  ({voice.embedder}, {voice.clean_s:.0f} s of speech)")
        elif given.erase:
            if not await voices.erase(given.name):
                raise Failure(f"no voice is enrolled as {given.name!r}")
            print(f"erased {given.name}")
        elif not given.files:
            raise Failure("expected `enroll NAME FILE...`, `enroll NAME --erase`, or `enroll` alone to list the names")
        else:
            voice = _listen(given.files)
            await voices.store(check_name(given.name), voice)
            print(f"enrolled {given.name} from {voice.clean_s:.1f} s of speech")
    finally:
        await voices.aclose()
    return 0


def _listen(files: list[Path]) -> StoredVoiceprint:
    from services.embedding.enrollment import enroll
    from services.embedding.segmentation import Segmentation
    from services.embedding.windows import encode_vector

    embedder = Settings.from_environment().embedder()
    recordings = [open_recording(path, "mix") for path in files]
    sounds = (to_16khz(np.ascontiguousarray(one.read()[0]), one.sample_rate) for one in recordings)
    enrolled = enroll(sounds, Segmentation(), embedder)
    return StoredVoiceprint(embedder.calibration.name, encode_vector(enrolled.vector), round(enrolled.clean_s, 1))


class _Voices:
    """The voices of a system, or of this machine."""

    def __init__(self, url: str | None) -> None:
        self._redis = connect(url) if url else None
        self._file = VoiceprintFile(voices_file())

    async def read(self) -> dict[str, StoredVoiceprint]:
        return await read_voiceprints(self._redis) if self._redis else self._file.read()

    async def store(self, name: str, voice: StoredVoiceprint) -> None:
        if self._redis:
            await store_voiceprint(self._redis, name, voice)
        else:
            self._file.store(name, voice)

    async def erase(self, name: str) -> bool:
        return await erase_voiceprint(self._redis, name) if self._redis else self._file.erase(name)

    async def aclose(self) -> None:
        if self._redis:
            await self._redis.aclose()
