"""Commands around voices and models: `enroll`, `simulate`, `calibrate`."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from speakerline.shared.audio.resample import to_16khz
from speakerline.shared.client.voiceprints import (
    StoredVoiceprint,
    VoiceprintFile,
    check_name,
    erase_voiceprint,
    read_voiceprints,
    store_voiceprint,
)
from speakerline.shared.runtime.connection import connect
from speakerline.tools.cli.redis_option import add_redis_option, check_redis
from speakerline.tools.failure import Failure
from speakerline.tools.media.reading import open_recording
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.pipeline.voices_file import voices_file


def add_to(commands: Any) -> None:
    enroll = commands.add_parser("enroll", help="store a named voice, or erase one, or list them")
    enroll.add_argument("name", nargs="?", metavar="NAME")
    enroll.add_argument("files", nargs="*", type=Path, metavar="FILE", help="recordings of this person alone")
    enroll.add_argument("--erase", action="store_true", help="forget NAME")
    add_redis_option(enroll, instead_of="the voices of this machine")
    enroll.set_defaults(run=_enroll)
    simulate = commands.add_parser(
        "simulate", help="make telephone calls with truth from recordings of single speakers"
    )
    simulate.add_argument("speech", type=Path, metavar="SPEECH", help=SPEECH_HELP)
    simulate.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where NAME.wav, NAME.rttm and, if known, the words go"
    )
    simulate.add_argument("--calls", type=int, default=10, metavar="N")
    simulate.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of the first call; the same seed, the same call"
    )
    simulate.add_argument("--speakers", type=int, default=2, metavar="K", help="people on a call (default: 2)")
    simulate.add_argument("--seconds", type=float, default=120.0, metavar="T", help="length of a call (default: 120)")
    simulate.add_argument("--stereo", action="store_true", help="one speaker a channel")
    simulate.set_defaults(run=_simulate)
    calibrate = commands.add_parser("calibrate", help="derive an embedding model's thresholds from simulated calls")
    calibrate.add_argument("speech", type=Path, nargs="+", metavar="SPEECH", help=SPEECH_HELP)
    calibrate.add_argument("--out", type=Path, required=True, metavar="F.npz", help="then set SPEAKERLINE_CALIBRATION")
    calibrate.add_argument(
        "--calls", type=int, default=160, metavar="N", help="to simulate and listen to (default: 160)"
    )
    calibrate.set_defaults(run=_calibrate)


SPEECH_HELP = "a folder of recordings: a folder a speaker, or files named SPEAKER-anything"


def _simulate(given: argparse.Namespace) -> int:
    from speakerline.tools.simulate.simulator import CallSettings, simulate_folder
    from speakerline.tools.simulate.turn_taking import Conversation

    conversation = Conversation(speakers=given.speakers, duration_s=given.seconds)
    settings = CallSettings(conversation, stereo=given.stereo)
    try:
        written = simulate_folder(given.speech, given.out, given.calls, given.seed, settings)
    except (ValueError, OSError) as error:
        raise Failure(str(error)) from error
    print(f"wrote {len(written)} calls with their truth to {given.out}")
    return 0


def _calibrate(given: argparse.Namespace) -> int:
    from rich.progress import Progress

    from speakerline.shared.voiceprints.calibration import save_calibration
    from speakerline.shared.voiceprints.segmentation import Segmentation
    from speakerline.tools.lab.from_speech import calibrate_from_speech

    settings = Settings.from_environment()
    held = given.calls // 3
    with Progress() as progress:
        task = progress.add_task("calls", total=given.calls)
        try:
            calibration = calibrate_from_speech(
                settings.embedding_model,
                given.speech,
                Segmentation(),
                settings.embedder(),
                fit_calls=given.calls - held,
                held_calls=held,
                tell=lambda done, of: progress.update(task, completed=done),
            )
        except (ValueError, OSError) as error:
            raise Failure(str(error)) from error
    save_calibration(calibration, given.out)
    print(f"wrote {given.out}; SPEAKERLINE_CALIBRATION={given.out} uses it")
    return 0


async def _enroll(given: argparse.Namespace) -> int:
    if given.redis:
        await check_redis(given.redis)
    voices = _Voices(given.redis)
    try:
        if given.name is None and not given.erase:
            for name, voice in sorted((await voices.read()).items()):
                print(f"{name}  ({voice.embedder}, {voice.clean_s:.0f} s of speech)")
        elif given.erase and given.name:
            if not await voices.erase(given.name):
                raise Failure(f"no voice is enrolled as {given.name!r}")
            print(f"erased {given.name}")
        elif not given.files:
            raise Failure("expected `enroll NAME FILE...`, `enroll NAME --erase`, or `enroll` alone to list the names")
        else:
            name = check_name(given.name)
            voice = _listen(given.files)
            await voices.store(name, voice)
            print(f"enrolled {given.name} from {voice.clean_s:.1f} s of speech")
    finally:
        await voices.aclose()
    return 0


def _listen(files: list[Path]) -> StoredVoiceprint:
    from speakerline.shared.voiceprints.enrollment import enroll
    from speakerline.shared.voiceprints.segmentation import Segmentation
    from speakerline.shared.voiceprints.windows import encode_vector

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
