"""What the front end brings and costs: recordings that are hard, with each part of it on and off, in one run.

`python -m speakerline.tools.lab.front_end_gain DATA` prints the table of docs/accuracy.md.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from speakerline.services.vad.detector import CHUNK_MS
from speakerline.services.vad.music import MusicWatch
from speakerline.shared.arrays import Float32s
from speakerline.shared.contract.v1 import FrontEnd
from speakerline.shared.front_end.cleaned_audio import CONTEXT_MS, clean
from speakerline.shared.front_end.level import Leveller
from speakerline.tools.lab.measuring import FIGURES, figures, offline, pooled, report
from speakerline.tools.lab.recordings import meetings, on_hold, real_call, simulated
from speakerline.tools.pipeline.offline import Pipeline
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.score.labelled import LabelledCall
from speakerline.tools.score.report import Labelling
from speakerline.tools.simulate.music import music
from speakerline.tools.simulate.simulator import CallSettings
from speakerline.tools.simulate.turn_taking import Conversation
from speakerline.tools.simulate.voices import find_utterances

CHOICES = {
    "off": None,
    "level": FrontEnd(level=True),
    "denoise": FrontEnd(denoise=True),
    "dereverberate": FrontEnd(dereverberate=True),
    "music": FrontEnd(find_music=True),
    "all": FrontEnd(level=True, denoise=True, dereverberate=True, find_music=True),
}
NOISE_DBFS = {"weak noise": -45.0, "strong noise": -32.0}
"""Level of the line's noise under speech at about -23 dBFS."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.lab.front_end_gain", description=__doc__)
    parser.add_argument("data", type=Path, help="a folder with calls/, meetings/ and transcripts/")
    parser.add_argument("--calls", type=int, default=6, metavar="N", help="simulated calls of each kind (default: 6)")
    parser.add_argument("--only", nargs="+", metavar="SET", help="names of sets, by their first letters")
    parser.add_argument("--choices", nargs="+", choices=sorted(CHOICES), default=list(CHOICES))
    given = parser.parse_args(arguments)
    for line in costs():
        print(line)
    print(FIGURES)
    pipeline = Pipeline(Settings(separation_model="off", asr_model="off"))
    for of, make in recordings(given.data, given.calls).items():
        if given.only and not any(of.startswith(name) for name in given.only):
            continue
        calls = make()
        for choice in given.choices:
            found = asyncio.run(measured(calls, pipeline, CHOICES[choice]))
            print(f"{of:32s} | {choice:13s} | {figures(pooled(found))}", flush=True)
    return 0


def recordings(data: Path, count: int) -> dict[str, Callable[[], Sequence[LabelledCall]]]:
    """The sets, by name. Simulated calls are between the people of transcripts/."""
    people, manner = find_utterances(data / "transcripts"), Conversation(speakers=2, duration_s=90.0)
    room = CallSettings.meeting(Conversation(speakers=3, duration_s=60.0))
    noisy = {name: CallSettings(manner, noise_dbfs=(dbfs, dbfs)) for name, dbfs in NOISE_DBFS.items()}
    held = partial(simulated, people, count, 52_000, CallSettings(manner))
    return {
        "real call, mono": lambda: [real_call(data)],
        "meetings": partial(meetings, data),
        **{f"simulated, {name}": partial(simulated, people, count, 50_000, how) for name, how in noisy.items()},
        "simulated room": partial(simulated, people, count, 51_000, room),
        "simulated, 30 s on hold": lambda: [on_hold(call) for call in held()],
    }


async def measured(calls: Sequence[LabelledCall], pipeline: Pipeline, front_end: FrontEnd | None) -> list[Labelling]:
    """The labels of each recording at the end of its call."""
    found = []
    for call in calls:
        heard = offline(call)
        heard.call.front_end = front_end
        await pipeline.run(heard)
        found.append(report(call, heard).final)
    return found


def costs() -> Iterator[str]:
    """CPU ms for a second of sound: of a stream, and of windows of 5 s every second with the sound before them."""
    for rate in (8000, 16000):
        sound = music("piano", 1, 5.0 + CONTEXT_MS / 1000, rate)
        for choice in ("level", "denoise", "dereverberate"):
            front_end = CHOICES[choice]
            assert front_end is not None
            spent_ms = min(_cpu_ms(partial(clean, sound, rate, front_end)) for _ in range(5))
            yield f"cost, {rate} Hz, {choice} of windows | {spent_ms:.1f} ms a second"
        size = rate * CHUNK_MS // 1000
        chunks = sound[: len(sound) // size * size].reshape(-1, size)
        for what, listen in (("level", _levelled), ("music", _watched)):
            spent_ms = min(_cpu_ms(partial(listen, chunks, rate)) for _ in range(5))
            yield f"cost, {rate} Hz, {what} of a stream | {1000 * spent_ms / (len(chunks) * CHUNK_MS):.1f} ms a second"


def _levelled(chunks: Float32s, rate: int) -> None:
    leveller = Leveller(rate)
    for chunk in chunks:
        leveller.push(chunk)


def _watched(chunks: Float32s, rate: int) -> None:
    watch = MusicWatch(rate)
    for number, chunk in enumerate(chunks):
        watch.push(number, chunk, 0.0)


def _cpu_ms(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return 1000 * (time.process_time() - started)


if __name__ == "__main__":
    sys.exit(main())
