"""Chooses the recogniser, by the options and by the weights on this machine."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from speakerline.services.asr.alignment import find_alignment
from speakerline.services.asr.engine import Piece, Recognition
from speakerline.services.asr.sphinx import Sphinx
from speakerline.services.asr.whisper import Whisper, find_whisper, languages_of, whisper_name
from speakerline.shared.logs import Log
from speakerline.shared.models.files import ModelMissing

AsrModel = Literal["auto", "whisper", "sphinx", "off"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A recogniser that can be built, perhaps in another process: `build` can be pickled."""

    name: str
    """Such as `whisper-small`."""
    batch: int
    """How many pieces at once make it faster."""
    languages: frozenset[str] | None
    """What it understands, ISO 639-1; None = whatever it is told."""
    doubtful: float
    """A word with less confidence than this is hardly ever right where several speak at once."""
    build: Callable[[], Callable[[list[Piece]], list[Recognition]]]


def choose(
    model: AsrModel, whisper: str, device: str = "auto", precision: str = "auto", alignment: str = "auto"
) -> Choice | None:
    """None for off. Raises ModelMissing where Whisper is asked for and its weights are not on this machine, and where
    the alignment model is not where it should be."""
    if model == "off":
        return None
    alignment = find_alignment(alignment)
    if model in ("auto", "whisper"):
        try:
            folder = str(find_whisper(whisper))
        except ModelMissing as missing:
            if model == "whisper":
                raise
            Log(model="asr").warning(f"words come from pocketsphinx, which recognises far fewer: {missing}")
        else:
            build = partial(build_whisper, folder, device, precision, alignment)
            return Choice(whisper_name(whisper), Whisper.batch, languages_of(Path(folder)), Whisper.doubtful, build)
    return Choice(Sphinx.name, Sphinx.batch, Sphinx.languages, Sphinx.doubtful, build_sphinx)


def build_sphinx() -> Callable[[list[Piece]], list[Recognition]]:
    return Sphinx().recognise


def build_whisper(
    folder: str, device: str, precision: str, alignment: str
) -> Callable[[list[Piece]], list[Recognition]]:
    return Whisper(folder, device, precision, alignment).recognise
