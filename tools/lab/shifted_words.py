"""How much the words of a recording depend on chance: the same call, shifted by milliseconds and at other levels.

`python -m speakerline.tools.lab.shifted_words RECORDING TRANSCRIPT.stm` prints the WER of every copy. A short call has
few words, so that one near tie more or less changes its WER by points; the mean says more.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from speakerline.shared.arrays import Float32s
from speakerline.shared.contract.v1 import Transcript
from speakerline.shared.models.files import ModelMissing
from speakerline.shared.pipeline import ASR, EMBEDDING, SEPARATION, VAD, WORDS
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.tools.media.media_error import MediaError
from speakerline.tools.media.reading import open_recording
from speakerline.tools.pipeline.offline import Pipeline
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.score.files import InvalidFile
from speakerline.tools.score.normalise import normalise, normalise_reference
from speakerline.tools.score.transcripts import read_stm
from speakerline.tools.score.word_errors import word_errors

STAGES = (VAD, EMBEDDING, SEPARATION, ASR)
SHIFT_S = 0.031
GAINS = (1.0, 0.7, 1.0, 0.5, 0.85, 1.0, 0.6, 0.9)


def copies(samples: Float32s, rate: int, count: int) -> Iterator[Float32s]:
    """The samples (n, channels) behind ever more silence, each copy at a level of its own; the first is as it was."""
    for number, gain in enumerate(islice(cycle(GAINS), count)):
        silence = np.zeros((round(number * SHIFT_S * rate), samples.shape[1]), np.float32)
        yield np.concatenate([silence, np.float32(gain) * samples])


async def rates(recording: Path, transcript: Path, count: int, settings: Settings) -> list[float]:
    """The WER of each copy, without separated voices. Raises MediaError, InvalidFile, ModelMissing."""
    opened = open_recording(recording, "mix")
    (reference,) = read_stm(transcript).values()
    true = [word for said in reference.said for word in normalise_reference(said.text)]
    pipeline = Pipeline(settings.model_copy(update={"separation_model": "off", "asr_interims": False}), specs=STAGES)
    found = []
    for samples in copies(opened.read().T, opened.sample_rate, count):
        call = OfflineCall.of(recording.stem, samples, opened.sample_rate)
        await pipeline.run(call, STAGES)
        told = [event.body for event in call.events(WORDS) if isinstance(event.body, Transcript) and event.body.final]
        words = sorted((word for one in told for word in one.words), key=lambda word: word.start_ms)
        found.append(word_errors(true, [text for word in words for text in normalise(word.text)]).rate)
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.lab.shifted_words", description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("transcript", type=Path, help="what is said in it, as STM")
    parser.add_argument("--copies", type=int, default=8, metavar="N", help="default: 8")
    given = parser.parse_args(arguments)
    try:
        found = asyncio.run(rates(given.recording, given.transcript, given.copies, Settings.from_environment()))
    except (MediaError, InvalidFile, ModelMissing, OSError, ValueError) as error:
        print(f"shifted_words: {error}", file=sys.stderr)
        return 1
    percent = [100 * one for one in found]
    print("WER %:", " ".join(f"{one:.1f}" for one in percent))
    print(f"mean {np.mean(percent):.1f}, worst {max(percent):.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
