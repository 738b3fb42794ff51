"""How late words are shown because of what is decoded when, apart from what a machine happens to have time for.

`python -m speakerline.tools.lab.word_delays RECORDING...` plays each recording on a clock of its own: once as if
recognising took no time, and once as if it took the CPU time that it takes here on one thread.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from speakerline.services.asr.choice import Choice, choose
from speakerline.services.asr.decoding import SharedRecogniser
from speakerline.services.asr.engine import Piece, Recognition
from speakerline.services.asr.stage import AsrOptions, AsrStage
from speakerline.shared.contract.v1 import TimelineEvent, Transcript
from speakerline.shared.front_end.stage import FrontEndStage
from speakerline.shared.models.files import ModelMissing
from speakerline.shared.pipeline import ASR, EMBEDDING, SEPARATION, VAD
from speakerline.shared.runtime.offline import FRAME_MS, OfflineCall
from speakerline.tools.bench.arithmetic import CallTimings, percentile
from speakerline.tools.bench.words import WordDelays, word_delays
from speakerline.tools.lab.virtual_time import play
from speakerline.tools.media.media_error import MediaError
from speakerline.tools.media.whole_file import read_audio
from speakerline.tools.pipeline.offline import Pipeline
from speakerline.tools.pipeline.settings import Settings

BEFORE_WORDS = (VAD, EMBEDDING, SEPARATION)
HEAD = (
    "recording",
    "recognising takes",
    "words",
    "seen p50 s",
    "p95",
    "shown p50 s",
    "p95",
    "final p50 s",
    "p95",
    "before final, %",
    "CPU",
)


@dataclass(slots=True)
class Metered:
    """A recogniser; a second of its CPU time counts as `share` seconds."""

    recognise: Callable[[list[Piece]], list[Recognition]]
    share: float
    cpu_s: float = 0.0

    async def run(self, piece: Piece) -> Recognition:
        began_s = time.process_time()
        (found,) = self.recognise([piece])
        self.cpu_s += time.process_time() - began_s
        return found

    @property
    def taken_s(self) -> float:
        return self.share * self.cpu_s


async def delays_of(heard: OfflineCall, metered: Metered, chosen: Choice) -> WordDelays:
    """Of a call that the stages before have processed."""
    recogniser = SharedRecogniser(metered.run, chosen.name, chosen.languages, doubtful=chosen.doubtful)
    stage = FrontEndStage(AsrStage(recogniser, AsrOptions()))
    said = await play(heard, stage, ASR, lambda: metered.taken_s)
    frames = len(heard.samples) * 1000 // heard.call.sample_rate // FRAME_MS
    timings = CallTimings(FRAME_MS, [(number + 1) * FRAME_MS / 1000 for number in range(frames)])
    for at_s, body in said:
        if isinstance(body, Transcript):
            timings.events.append((at_s, TimelineEvent(heard.call.call_id, transcript=body)))
    return word_delays(timings, 0.0, float("inf"))


async def measured(recordings: Sequence[Path], seconds: float, settings: Settings) -> list[list[str]]:
    """The rows of the table, of so many seconds of each recording."""
    chosen = choose("whisper", settings.asr_whisper, "cpu", settings.asr_precision, settings.asr_alignment)
    assert chosen
    pipeline, recognise, rows = Pipeline(settings, specs=BEFORE_WORDS), chosen.build(), list[list[str]]()
    for path in recordings:
        samples, rate = read_audio(path)
        samples = samples[: round(min(seconds * rate, len(samples)))]
        heard = OfflineCall.of(path.stem, samples, rate)
        await pipeline.run(heard, BEFORE_WORDS)
        for share, takes in ((0.0, "no time"), (1.0, "its CPU time")):
            metered = Metered(recognise, share)
            delays = await delays_of(heard, metered, chosen)
            rows.append([path.stem, takes, *row(delays), f"{metered.cpu_s * rate / len(samples):.3f}"])
            print(" | ".join(rows[-1]), file=sys.stderr)
    return rows


def row(delays: WordDelays) -> list[str]:
    figures = [
        percentile(values, percent) for values in (delays.seen, delays.shown, delays.final) for percent in (50, 95)
    ]
    before = 100 * delays.interims / max(1, len(delays.final))
    return [str(len(delays.final)), *(f"{one:.2f}" for one in figures), f"{before:.0f}"]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.lab.word_delays", description=__doc__)
    parser.add_argument("recordings", type=Path, nargs="+", metavar="RECORDING", help="at 8 or 16 kHz")
    parser.add_argument("--seconds", type=float, default=float("inf"), metavar="T", help="of each (default: all)")
    given = parser.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        rows = asyncio.run(measured(given.recordings, given.seconds, Settings.from_environment()))
    except (MediaError, ModelMissing, OSError, ValueError) as error:
        print(f"word_delays: {error}", file=sys.stderr)
        return 1
    print("\n".join(f"| {' | '.join(one)} |" for one in (HEAD, *rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
