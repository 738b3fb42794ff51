"""What the front end brings and costs: recordings that are hard, with each part of it on and off, in one run.

`python -m speakerline.tools.lab.front_end_gain DATA` prints the table of docs/accuracy.md.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from speakerline.services.vad.detector import CHUNK_MS
from speakerline.services.vad.music import MusicWatch
from speakerline.shared.contract.v1 import FrontEnd
from speakerline.shared.front_end.cleaned_audio import CONTEXT_MS, clean
from speakerline.shared.front_end.level import Leveller
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.voiceprints.vectors import Floats
from speakerline.tools.lab.from_speech import read_labelled
from speakerline.tools.lab.front_end import LabelledCall
from speakerline.tools.lab.scoring import Score, score
from speakerline.tools.media.whole_file import read_audio
from speakerline.tools.pipeline.offline import Pipeline, segments_of, timeline_of
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.score.rttm import read_rttm
from speakerline.tools.simulate.music import music
from speakerline.tools.simulate.simulator import CallSettings, simulate_call
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


@dataclass
class TableRow:
    """A set of recordings with one choice."""

    scores: list[Score] = field(default_factory=list)

    def row(self, of: str, choice: str) -> str:
        """DER in three conventions and attribution, weighted by reference speech."""
        weights = [one.speech_s for one in self.scores]
        der, collar, overlap, right = (
            float(np.average([getattr(one, name) for one in self.scores], weights=weights))
            for name in ("der", "der_collar", "der_collar_overlap", "attribution")
        )
        return f"{of:32s} | {choice:13s} | {der:5.1f} / {collar:5.1f} / {overlap:5.1f} / {right:4.0f}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m speakerline.tools.lab.front_end_gain", description=__doc__.split("\n")[0]
    )
    parser.add_argument("data", type=Path, help="a folder with calls/, meetings/ and transcripts/")
    parser.add_argument("--calls", type=int, default=6, metavar="N", help="simulated calls of each kind (default: 6)")
    parser.add_argument("--only", nargs="+", metavar="SET", help="names of sets, by their first letters")
    parser.add_argument("--choices", nargs="+", choices=sorted(CHOICES), default=list(CHOICES))
    given = parser.parse_args(arguments)
    for line in costs():
        print(line)
    pipeline = Pipeline(Settings(separation_model="off", asr_model="off"))
    for of, make in recordings(given.data, given.calls).items():
        if given.only and not any(of.startswith(name) for name in given.only):
            continue
        calls = make()
        for choice in given.choices:
            print(asyncio.run(measured(calls, pipeline, CHOICES[choice])).row(of, choice), flush=True)
    return 0


def recordings(data: Path, count: int) -> dict[str, Callable[[], list[LabelledCall]]]:
    """The sets, by name. Simulated calls are between the people of transcripts/."""
    people, manner = find_utterances(data / "transcripts"), Conversation(speakers=2, duration_s=90.0)
    room = CallSettings.meeting(Conversation(speakers=3, duration_s=60.0))

    def simulated(first_seed: int, settings: CallSettings) -> list[LabelledCall]:
        return [_simulated(people, first_seed + number, settings) for number in range(count)]

    noisy = {name: CallSettings(manner, noise_dbfs=(dbfs, dbfs)) for name, dbfs in NOISE_DBFS.items()}
    return {
        "real call, mono": partial(_real_call, data / "calls"),
        "AMI excerpts": partial(_meetings, data / "meetings"),
        **{f"simulated, {name}": partial(simulated, 50_000, settings) for name, settings in noisy.items()},
        "simulated room": partial(simulated, 51_000, room),
        "simulated, 30 s on hold": lambda: [on_hold(call) for call in simulated(52_000, CallSettings(manner))],
    }


def _real_call(folder: Path) -> list[LabelledCall]:
    """Both sides of a call as one."""
    (agent, rate), (caller, _) = (read_audio(folder / f"auto_repairs_40.{side}.flac") for side in ("agent", "caller"))
    truth = next(iter(read_rttm(folder / "auto_repairs_40.rttm").values()))
    return [LabelledCall("auto_repairs_40", np.clip(agent + caller, -1, 1), rate, truth)]


def _meetings(folder: Path) -> list[LabelledCall]:
    return [read_labelled(path, folder / "reference.rttm") for path in sorted(folder.glob("*.flac"))]


async def measured(calls: Sequence[LabelledCall], pipeline: Pipeline, front_end: FrontEnd | None) -> TableRow:
    """Score each recording at the end of its call."""
    line = TableRow()
    for call in calls:
        heard = OfflineCall.of(call.name, call.samples, call.rate)
        heard.call.front_end = front_end
        await pipeline.run(heard)
        line.scores.append(score(call.truth, segments_of(timeline_of(heard)), call.duration_s))
    return line


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


def _levelled(chunks: Floats, rate: int) -> None:
    leveller = Leveller(rate)
    for chunk in chunks:
        leveller.push(chunk)


def _watched(chunks: Floats, rate: int) -> None:
    watch = MusicWatch(rate)
    for number, chunk in enumerate(chunks):
        watch.push(number, chunk, 0.0)


def _cpu_ms(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return 1000 * (time.process_time() - started)


def _simulated(people: dict[str, list[Path]], seed: int, settings: CallSettings) -> LabelledCall:
    call = simulate_call(people, seed, settings)
    return LabelledCall(call.name, call.samples, call.rate, call.truth)


def on_hold(call: LabelledCall) -> LabelledCall:
    """Half of the call, 30 s of music, and the rest."""
    kinds = ("chords", "piano", "strings", "band", "dance")
    seed = int(call.name.rsplit("-", 1)[1])
    middle = len(call.samples) // 2
    tune = music(kinds[seed % len(kinds)], seed, 30.0, call.rate)[:, None]
    samples = np.concatenate([call.samples[:middle], tune, call.samples[middle:]])
    at_s = middle / call.rate
    truth = []
    for one in call.truth:
        if one.start_s < at_s:
            truth.append(type(one)(one.speaker, one.start_s, min(one.end_s, at_s), one.channel))
        if one.end_s > at_s:
            truth.append(type(one)(one.speaker, max(one.start_s, at_s) + 30.0, one.end_s + 30.0, one.channel))
    return LabelledCall(call.name, samples, call.rate, truth)


if __name__ == "__main__":
    sys.exit(main())
