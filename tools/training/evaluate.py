"""Measures a separator on people it was not trained on: `python -m speakerline.tools.training.evaluate MODEL`.

MODEL is a checkpoint of a training (.pt), an exported network (.onnx, causal or not), sepformer:SOURCE or pixit:SOURCE.
Speakers and mixtures follow from the training's settings: its validation speakers, and a seed of its own.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from speakerline.services.separation.low_latency import LowLatencySeparator
from speakerline.services.separation.separator import SourceSeparator, load_separator, separate_at
from speakerline.services.separation.spectrum import RATE
from speakerline.services.separation.streaming import separate_in_chunks
from speakerline.shared.arrays import Float32s
from speakerline.shared.models.files import ModelMissing
from speakerline.tools.arguments import one_or_more
from speakerline.tools.failure import one_line
from speakerline.tools.score.separation import BEST_DB, score_sources, si_sdr_db
from speakerline.tools.tables import Table, tenths
from speakerline.tools.training.mixtures import Corpus, Mixture, MixtureSettings, find_audio
from speakerline.tools.training.training import TrainSettings, read_settings, speakers_of

TRAINED_WITH = Path(__file__).with_name("train.yaml")


@dataclass(frozen=True, slots=True)
class SeparationResult:
    """How well two voices were separated; means over mixtures in dB, unless the name says otherwise."""

    condition: str
    mixtures: int
    si_sdri_db: float
    deviation_db: float
    worst_tenth_db: float
    """The 10th percentile of SI-SDRi."""
    si_sdr_db: float
    sdr_db: float
    sir_db: float
    sar_db: float


@dataclass(frozen=True, slots=True)
class Left:
    """How silent outputs without a voice are: their energy relative to the mixture, in dB."""

    condition: str
    mixtures: int
    median_db: float
    worst_tenth_db: float
    """The 90th percentile."""
    voice_si_sdr_db: float | None
    """Mean of the lone voice in its own output."""


class Streamed:
    """A causal network as a separator of whole mixtures."""

    name = "low latency"
    rate = RATE

    def __init__(self, model: Path) -> None:
        self._stream = LowLatencySeparator(model)
        self.voices = self._stream.voices

    def separate(self, mixture: Float32s) -> Float32s:
        return separate_in_chunks(self._stream, mixture, len(mixture))


def two_voices(
    separator: SourceSeparator, corpus: Corpus, settings: MixtureSettings, count: int
) -> Iterator[SeparationResult]:
    """Full and partial overlaps, clean and noisy, `count` mixtures each."""
    for kind in ("full", "partial"):
        for name, sound in _sounds(settings).items():
            chosen = _only(kind, sound)
            scores, improvements = [], []
            for one in _drawn(corpus, chosen, count):
                found = score_sources(_separated(separator, one), one.voices, one.samples)
                scores += found
                improvements.append(np.mean([score.si_sdri_db or 0.0 for score in found]))
            ratios = [float(np.mean([getattr(s, f"{r}_db") for s in scores])) for r in ("si_sdr", "sdr", "sir", "sar")]
            spread = (float(np.std(improvements)), float(np.percentile(improvements, 10)))
            yield SeparationResult(f"{kind} overlap, {name}", count, float(np.mean(improvements)), *spread, *ratios)


def left_over(separator: SourceSeparator, corpus: Corpus, settings: MixtureSettings, count: int) -> Iterator[Left]:
    """One voice, clean and noisy, and noise without a voice."""
    for name, sound in _sounds(settings).items():
        levels, kept = [], []
        for one in _drawn(corpus, _only("alone", sound), count):
            voices = _separated(separator, one)
            own = int(np.square(voices).sum(axis=1).argmax())
            kept.append(si_sdr_db(voices[own], one.voices[0]))
            levels.append(max(_level_db(voice, one.samples) for at, voice in enumerate(voices) if at != own))
        yield Left(
            f"one voice, {name}",
            count,
            float(np.median(levels)),
            float(np.percentile(levels, 90)),
            float(np.mean(kept)),
        )
    silent = _drawn(corpus, _only("silent", settings), count)
    levels = [max(_level_db(voice, one.samples) for voice in _separated(separator, one)) for one in silent]
    yield Left("noise alone", count, float(np.median(levels)), float(np.percentile(levels, 90)), None)


def tables(found: Sequence[SeparationResult], left: Sequence[Left]) -> list[Table]:
    """For people."""
    names = ("", "SI-SDRi", "std", "10th pct", "SI-SDR", "SDR", "SIR", "SAR")
    rows = [[one.condition, *map(tenths, list(asdict(one).values())[2:])] for one in found]
    note = f"{found[0].mixtures} mixtures a row, of people never trained on"
    empty_names = ("", "median", "90th pct", "SI-SDR of the voice")
    empty = [[one.condition, *map(tenths, (one.median_db, one.worst_tenth_db, one.voice_si_sdr_db))] for one in left]
    empty_note = "the loudest output that should be empty, against the mixture"
    return [
        Table("Two voices, dB", names, rows, note),
        Table("Left in empty outputs, dB", empty_names, empty, empty_note),
    ]


def held_out(settings: TrainSettings) -> Corpus:
    """The validation speakers of a training, with its rooms and noises."""
    return Corpus(speakers_of(settings)[1], find_audio(settings.rooms), find_audio(settings.noises))


def open_model(text: str) -> SourceSeparator:
    """What MODEL names. Raises ModelMissing, or ValueError with what was expected."""
    if text.startswith("sepformer:"):
        return load_separator("sepformer", text.partition(":")[2])
    if text.startswith("pixit:"):
        return load_separator("pixit", text.partition(":")[2])
    path = Path(text)
    if path.suffix == ".onnx" and path.is_file():
        return Streamed(path) if _is_causal(path) else load_separator("dualpath", text)
    if path.suffix == ".pt" and path.is_file():
        from speakerline.tools.training.export import export, read_network

        with tempfile.TemporaryDirectory() as folder:
            export(read_network(path), Path(folder) / "model.onnx")
            return open_model(str(Path(folder) / "model.onnx"))
    raise ValueError(f"{text}: expected a file .pt or .onnx that is there, sepformer:SOURCE or pixit:SOURCE")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.training.evaluate", description=__doc__)
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument(
        "--config", type=Path, default=TRAINED_WITH, help="the training's settings (default: train.yaml)"
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where its folders of recordings are")
    parser.add_argument("--mixtures", type=one_or_more, default=100, metavar="N", help="of each kind (default: 100)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="tables for a page")
    form.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    given = parser.parse_args(arguments)
    try:
        settings, separator = read_settings(given.config, given.data), open_model(given.model)
        corpus = held_out(settings)
        found = list(two_voices(separator, corpus, settings.mixtures, given.mixtures))
        left = list(left_over(separator, corpus, settings.mixtures, given.mixtures))
    except (ValueError, OSError, ModelMissing) as error:
        print(f"evaluate: {one_line(error)}", file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps({"two_voices": [asdict(one) for one in found], "left": [asdict(one) for one in left]}))
    else:
        print("\n".join(one.markdown() if given.markdown else one.text() for one in tables(found, left)))
    return 0


def _is_causal(network: Path) -> bool:
    from speakerline.shared.models.onnx import open_session

    try:
        facts = open_session(network).get_modelmeta().custom_metadata_map
    except Exception as error:
        raise ValueError(f"{network} is no network of tools.training.export: {error}") from error
    return bool(facts.get("causal") == "1")


def _sounds(settings: MixtureSettings) -> dict[str, MixtureSettings]:
    """Both have telephones as in training; noisy ones always noise, and rooms and mu-law as in training."""
    return {
        "clean": replace(settings, noise=0.0, room=0.0, mu_law=0.0),
        "noisy": replace(settings, noise=1.0),
    }


def _only(kind: str, settings: MixtureSettings) -> MixtureSettings:
    full, partial, alone, silent = (float(kind == one) for one in ("full", "partial", "alone", "silent"))
    return replace(settings, full=full, partial=partial, alone=alone, silent=silent)


def _drawn(corpus: Corpus, settings: MixtureSettings, count: int) -> Iterator[Mixture]:
    """The same ones for every model; a voice that happens to be a pause makes none."""
    random = np.random.default_rng(2024)
    wanted = [settings.alone + settings.full + settings.partial > 0, settings.full + settings.partial > 0]
    while count:
        one = corpus.draw(settings, random)
        if all(voice.any() for voice, has in zip(one.voices, wanted, strict=True) if has):
            count -= 1
            yield one


def _separated(separator: SourceSeparator, one: Mixture) -> Float32s:
    """Raises ValueError for outputs that can't be measured."""
    voices = separate_at(separator, one.samples, RATE)
    if len(voices) < 2 or not np.isfinite(voices).all():
        problem = f"{len(voices)} outputs" if len(voices) < 2 else "samples that are no numbers"
        raise ValueError(f"{separator.name} gives {problem}: expected two voices or more, of numbers")
    return voices


def _level_db(voice: Float32s, mixture: Float32s) -> float:
    power, whole = (float(np.square(one, dtype=np.float64).sum()) for one in (voice, mixture))
    return float(np.clip(10 * np.log10(max(power, 1e-20) / whole), -BEST_DB, BEST_DB))


if __name__ == "__main__":
    sys.exit(main())
