"""Commands for voices and models: `enroll`, `simulate`, `calibrate`."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.resample import to_16khz
from speakerline.shared.client.voiceprints import VoiceprintFile, check_name
from speakerline.shared.client.voices import Voices, make_voiceprint
from speakerline.tools.arguments import one_or_more, seconds, zero_or_more
from speakerline.tools.cli.call_options import add_format_option
from speakerline.tools.cli.commands import add_command
from speakerline.tools.cli.redis_option import add_redis_option, check_redis
from speakerline.tools.cli.results import check_new
from speakerline.tools.cli.signals import interruptible
from speakerline.tools.failure import Failure
from speakerline.tools.media.headerless import Headerless
from speakerline.tools.media.reading import open_recording
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.pipeline.voices_file import voices_file


def add_to(commands: Any) -> None:
    enroll = add_command(commands, "enroll", help="add a named voice, remove one, or list them")
    enroll.add_argument("name", nargs="?", metavar="NAME", help="the name to show on timelines")
    enroll.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="recordings in which only this person speaks"
    )
    add_format_option(enroll)
    enroll.add_argument("--erase", action="store_true", help="remove NAME")
    add_redis_option(enroll, instead_of="the voices stored on this machine")
    enroll.set_defaults(run=_enroll)
    simulate = add_command(
        commands, "simulate", help="make telephone calls with references from recordings of single speakers"
    )
    simulate.add_argument("speech", type=Path, metavar="SPEECH", help=SPEECH_HELP)
    simulate.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="the folder for NAME.wav, NAME.rttm and, if known, the words",
    )
    simulate.add_argument("--calls", type=one_or_more, default=10, metavar="N", help="how many (default: 10)")
    simulate.add_argument(
        "--seed",
        type=zero_or_more,
        default=0,
        metavar="S",
        help="of the first call; the same seed gives the same call (default: 0)",
    )
    simulate.add_argument("--speakers", type=one_or_more, default=2, metavar="K", help="speakers per call (default: 2)")
    simulate.add_argument(
        "--seconds", type=seconds, default=120.0, metavar="T", help="length of a call in seconds (default: 120)"
    )
    simulate.add_argument("--stereo", action="store_true", help="one speaker per channel")
    simulate.add_argument("--force", action="store_true", help="replace calls that are there")
    simulate.set_defaults(run=_simulate)
    calibrate = add_command(
        commands, "calibrate", help="derive the thresholds of an embedding model from simulated calls"
    )
    calibrate.add_argument("speech", type=Path, nargs="+", metavar="SPEECH", help=SPEECH_HELP)
    calibrate.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="F.npz",
        help="the file to write; SPEAKERLINE_CALIBRATION names it to the stages",
    )
    calibrate.add_argument(
        "--calls", type=one_or_more, default=160, metavar="N", help="how many to simulate (default: 160)"
    )
    calibrate.add_argument("--force", action="store_true", help="replace the file")
    calibrate.set_defaults(run=_calibrate)


SPEECH_HELP = "a folder of recordings: one sub-folder per speaker, or files named SPEAKER-anything"


def _simulate(given: argparse.Namespace) -> int:
    from speakerline.tools.simulate.simulator import CallSettings, simulate_folder
    from speakerline.tools.simulate.turn_taking import Conversation

    conversation = Conversation(speakers=given.speakers, duration_s=given.seconds)
    settings = CallSettings(conversation, stereo=given.stereo)
    if not given.force and any(given.out.glob("*.wav")):
        raise Failure(f"{given.out}: calls are there already; --force replaces")
    try:
        written = simulate_folder(given.speech, given.out, given.calls, given.seed, settings)
    except (ValueError, OSError) as error:
        raise Failure(str(error)) from error
    print(f"wrote {len(written)} calls with their references to {given.out}")
    return 0


async def _calibrate(given: argparse.Namespace) -> int:
    check_new([given.out], given.force)
    from rich.progress import Progress

    from speakerline.shared.voiceprints.calibration import save_calibration
    from speakerline.tools.lab.from_speech import calibrate_from_speech
    from speakerline.tools.simulate.voices import find_utterances

    settings = Settings.from_environment()
    with Progress() as bar:
        task = bar.add_task("calls", total=given.calls)
        try:
            calibration = await calibrate_from_speech(
                settings,
                [find_utterances(folder) for folder in given.speech],
                given.calls,
                progress=lambda done, of: bar.update(task, completed=done),
            )
        except (ValueError, OSError) as error:
            raise Failure(str(error)) from error
    save_calibration(calibration, given.out)
    print(f"wrote {given.out}; SPEAKERLINE_CALIBRATION={given.out} uses it")
    return 0


async def _enroll(given: argparse.Namespace) -> int:
    if not given.redis:
        await _edit(given, VoiceprintFile(voices_file()))
        return 0
    await check_redis(given.redis)
    async with Voices(given.redis) as voices:
        await _edit(given, voices)
    return 0


async def _edit(given: argparse.Namespace, voices: Voices | VoiceprintFile) -> None:
    if given.name is None and not given.erase:
        for name, voice in sorted((await voices.read()).items()):
            print(f"{name}  ({voice.embedder}, {voice.clean_s:.0f} s of speech)")
    elif given.erase and given.name:
        if not await voices.erase(given.name):
            raise Failure(f"no enrolled voice is named {given.name!r}")
        print(f"erased {given.name}")
    elif not given.files:
        raise Failure("expected `enroll NAME FILE...`, `enroll NAME --erase`, or `enroll` alone to list the names")
    else:
        name = check_name(given.name)
        with interruptible():
            voice = make_voiceprint(_recordings(given.files, given.format), 16_000)
        await voices.store(name, voice)
        print(f"enrolled {given.name} from {voice.clean_s:.1f} s of speech")


def _recordings(files: list[Path], headerless: Headerless | None) -> list[Float32s]:
    recordings = [open_recording(path, "mix", headerless) for path in files]
    return [to_16khz(np.ascontiguousarray(one.read()[0]), one.sample_rate) for one in recordings]
