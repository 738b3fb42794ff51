"""The speed of `speakerline process --pace max`, as a user has it: everything started and loaded, results written."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from speakerline.shared.audio.pcm import decode, to_float32
from speakerline.shared.contract.v1 import Encoding
from speakerline.tools.bench.sound import SAMPLE_RATE, CallSound
from speakerline.tools.failure import Failure
from speakerline.tools.media.writing import write_wav
from speakerline.tools.tables import Report, Table

SHORT_S = 30
TRIES = 2
"""The better of two: other programs only ever make it slower."""


async def measure_speed(long_s: int, report: Report, say: Callable[[str], None]) -> None:
    """A short and a long recording; their difference is the speed without start and end."""
    with tempfile.TemporaryDirectory() as folder:
        took_s = {
            length_s: min([await _process(Path(folder), length_s) for _ in range(TRIES)])
            for length_s in (SHORT_S, long_s)
        }
    steady = (long_s - SHORT_S) / max(0.001, took_s[long_s] - took_s[SHORT_S])
    say(f"process: {long_s} s of audio in {took_s[long_s]:.1f} s")
    rows = [[f"{length_s} s of audio", f"{took:.1f}", f"{length_s / took:.1f}"] for length_s, took in took_s.items()]
    rows.append(["each further second", f"{1 / steady:.3f}", f"{steady:.1f}"])
    report.tables.append(Table("`speakerline process --pace max`", ["", "seconds", "times real time"], rows))
    report.figures["process"] = {"seconds": took_s, "steady_times_real_time": steady}


async def _process(folder: Path, length_s: int) -> float:
    """Wall seconds for a recording of this length. Raises Failure where the command fails."""
    recording = folder / f"{length_s}.wav"
    sound = CallSound(0, 1000)
    samples = np.concatenate([decode(sound.frame(), Encoding.MULAW) for _ in range(length_s)])
    write_wav(recording, to_float32(samples), SAMPLE_RATE)
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "speakerline.tools.cli.main", "process", str(recording), "--out", str(folder)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    if status := await process.wait():
        raise Failure(f"`process` ended with status {status}")
    return time.monotonic() - started
