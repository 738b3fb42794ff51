"""What is lost by recognising while people speak: the words of simulated calls by the stage, in windows that end as the
sound goes, and by faster-whisper with its defaults, which has the whole recording, in one run with the same weights.

`python -m speakerline.tools.lab.whole_file FOLDER` prints WER and CPU of both. The folder holds utterances with their
TextGrids, as `tools.simulate.transcripts` reads them. SPEAKERLINE_ASR_WHISPER chooses the weights.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel

from speakerline.services.asr.decoding import SharedRecogniser
from speakerline.services.asr.engine import Piece, Recognition
from speakerline.services.asr.stage import AsrOptions, AsrStage
from speakerline.services.asr.weights import find_whisper
from speakerline.services.asr.whisper import Whisper, precision_for
from speakerline.shared.audio.resample import to_16khz
from speakerline.shared.contract.v1 import Transcript
from speakerline.shared.models.files import ModelMissing
from speakerline.shared.pipeline import ASR, EMBEDDING, SEPARATION, VAD, WORDS
from speakerline.tools.lab.measuring import offline, with_progress
from speakerline.tools.lab.recordings import with_words
from speakerline.tools.pipeline.offline import Pipeline
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.score.normalise import normalise, normalise_reference
from speakerline.tools.score.word_errors import WordErrors, word_errors
from speakerline.tools.simulate.simulator import SimulatedCall
from speakerline.tools.simulate.turn_taking import Conversation

FIRST_SEED = 60_000
LANGUAGE = "en"
"""Of the calls: both are told."""
HEAD = "| words by | WER % | substituted / deleted / inserted | CPU s a second |\n|---|---:|---:|---:|"


@dataclass(slots=True)
class Way:
    """One way of recognising, and what came of it."""

    name: str
    errors: WordErrors = field(default_factory=lambda: WordErrors(0, 0, 0, 0))
    cpu_s: float = 0.0

    def row(self, seconds: float) -> str:
        """seconds: of all calls."""
        said = self.errors
        kinds = f"{said.substitutions} / {said.deletions} / {said.insertions}"
        return f"| {self.name} | {100 * said.rate:.1f} | {kinds} | {self.cpu_s / seconds:.3f} |"


async def measured(calls: Sequence[SimulatedCall], folder: Path, settings: Settings) -> tuple[Way, Way]:
    """The stage, without interim words and separated voices, and the whole file. Words are compared in the order of
    their start, whoever says them. CPU is that of recognising alone."""
    stage, whole, precision = Way("the stage"), Way("the whole file"), precision_for("cpu", "auto")
    whisper = Whisper(str(folder), "cpu", precision, "off")
    plain = WhisperModel(str(folder), "cpu", compute_type=precision, cpu_threads=1)

    async def recognise(piece: Piece) -> Recognition:
        return whisper.recognise([piece])[0]

    shared = SharedRecogniser(recognise, folder.name, doubtful=Whisper.doubtful)
    labels = settings.model_copy(update={"separation_model": "off"})
    pipeline = Pipeline(labels, {ASR.name: AsrStage(shared, AsrOptions(LANGUAGE, interims=False))})
    for call in with_progress(calls):
        heard = offline(call)
        await pipeline.run(heard, (VAD, EMBEDDING, SEPARATION))
        began = time.process_time()
        await pipeline.run(heard, (ASR,))
        stage.cpu_s += time.process_time() - began
        told = [event.body for event in heard.events(WORDS) if isinstance(event.body, Transcript) and event.body.final]
        words = sorted((word for one in told for word in one.words), key=lambda word: word.start_ms)
        _add(stage, call, (word.text for word in words))

        sound = np.asarray(to_16khz(call.samples.reshape(-1), call.rate), np.float32)
        began = time.process_time()
        texts = [segment.text for segment in plain.transcribe(sound, language=LANGUAGE)[0]]
        whole.cpu_s += time.process_time() - began
        _add(whole, call, texts)
    return stage, whole


def _add(way: Way, call: SimulatedCall, texts: Iterable[str]) -> None:
    said = sorted(call.words or (), key=lambda one: one.start_s)
    true = [word for one in said for word in normalise_reference(one.text)]
    way.errors += word_errors(true, [word for text in texts for word in normalise(text)])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.lab.whole_file", description=__doc__)
    parser.add_argument("speech", type=Path, help="a folder of utterances with their TextGrids")
    parser.add_argument("--calls", type=int, default=8, metavar="N", help="(default: 8)")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="T", help="length of a call (default: 60)")
    parser.add_argument("--seed", type=int, default=FIRST_SEED, metavar="S", help="of the first call")
    given = parser.parse_args(arguments)
    settings = Settings.from_environment()
    model = "tiny.en" if settings.asr_whisper == "auto" else settings.asr_whisper
    try:
        folder = find_whisper(model)
        calls = with_words(given.speech, given.calls, given.seed, Conversation(speakers=2, duration_s=given.seconds))
    except (ModelMissing, OSError, ValueError) as error:
        print(f"whole_file: {error}", file=sys.stderr)
        return 1
    ways = asyncio.run(measured(calls, folder, settings))
    print(f"{model}, {len(calls)} calls, {ways[0].errors.words} words\n{HEAD}")
    seconds = sum(call.duration_s for call in calls)
    print("\n".join(way.row(seconds) for way in ways))
    return 0


if __name__ == "__main__":
    sys.exit(main())
