"""Folders of single-speaker utterances."""

from pathlib import Path

Speakers = dict[str, list[Path]]
"""Utterances by speaker, as `find_utterances` gives them."""
AUDIO_SUFFIXES = (".flac", ".wav", ".mp3", ".ogg", ".m4a")


def find_utterances(folder: Path) -> Speakers:
    """Utterances by speaker: a sub-folder is a speaker; a file at the top belongs to the part of its name before the
    first '-'.

    Speakers and files are sorted, so the answer does not depend on the file system.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"no folder of utterances at {folder}")
    speakers: Speakers = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in AUDIO_SUFFIXES:
            inside = path.relative_to(folder)
            name = inside.parts[0] if len(inside.parts) > 1 else path.stem.split("-")[0]
            speakers.setdefault(name, []).append(path)
    if not speakers:
        raise ValueError(f"{folder} holds no audio ({', '.join(AUDIO_SUFFIXES)})")
    return speakers
