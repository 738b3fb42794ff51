"""The files that `process` writes for a call: its events as they come, and the final timeline in every format.

STEM.partial.events.jsonl   while the call is heard, and kept where something ends it early
STEM.events.jsonl, ...      once it has ended; each file appears whole or not at all
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.table import Table
from rich.text import Text

from speakerline.shared.codec import write
from speakerline.shared.contract.v1 import TimelineEvent
from speakerline.shared.pipeline import TIMELINE
from speakerline.shared.timeline.formats import FORMATS
from speakerline.shared.timeline.shown import shown
from speakerline.shared.timeline.statistics import summarise
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.failure import Failure
from speakerline.tools.render.lanes import amount
from speakerline.tools.render.picture import draw

EVENTS, PARTIAL, PICTURE = "events.jsonl", "partial.events.jsonl", "png"
SUFFIXES = (PICTURE, *(form.suffix for form in FORMATS.values()), EVENTS)
NEEDED_BYTES = 1_000_000
"""Of free space for the results of a file: those of an hour of talk."""


def check_folder(folder: Path, files: int = 1) -> None:
    """Create the folder if needed. Raises Failure unless it is writable and has room for the results of `files`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as trial:
            os.posix_fallocate(trial.fileno(), 0, files * NEEDED_BYTES)
    except OSError as error:
        room = f" with {files * NEEDED_BYTES // 1_000_000} MB of room"
        raise Failure(f"--out {folder}: {error.strerror}, expected a writable folder{room}") from error


def check_new(paths: list[Path], force: bool) -> None:
    """Raises Failure where one of the files is there already, unless that is meant."""
    there = [path for path in paths if path.exists() and not force]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise Failure(f"{there[0]}{more}: there already; --force replaces")


def write_file(path: Path, content: str | bytes) -> None:
    """All of it, or the file stays as it was. Raises Failure, which names the file."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise Failure(f"{path}: {error.strerror}, expected a writable file") from error


def write_formats(folder: Path, stem: str, timeline: Timeline) -> list[Path]:
    """A picture and a file of each of FORMATS; the paths, those of most interest first. Raises Failure."""
    contents: dict[str, str | bytes] = {PICTURE: draw(timeline)}
    contents |= {form.suffix: form.write(timeline) for form in FORMATS.values()}
    for suffix, content in contents.items():
        write_file(folder / f"{stem}.{suffix}", content)
    return [folder / f"{stem}.{suffix}" for suffix in contents]


def is_taken(folder: Path, stem: str) -> bool:
    """Whether results of that name are there already, whole or in part."""
    return any((folder / f"{stem}.{suffix}").exists() for suffix in (*SUFFIXES, PARTIAL))


class ResultFiles:
    """`add` each event; `finish` writes all files. The folder must exist. Raises Failure where a file can't be written.

    Left early, it keeps the events so far in a file that says so, unless there are none."""

    def __init__(self, folder: Path, stem: str) -> None:
        self._folder, self._stem = folder, stem
        self.partial = folder / f"{stem}.{PARTIAL}"
        self._count = 0
        with self._named():
            self._events = self.partial.open("w", encoding="utf-8")

    def __enter__(self) -> "ResultFiles":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._events.close()
        except OSError:
            pass  # a full disk, which the error on its way tells
        if not self._count:
            self.partial.unlink(missing_ok=True)

    @property
    def kept(self) -> bool:
        """Whether events were kept of a call that did not end."""
        return self._count > 0 and self.partial.exists()

    def add(self, event: TimelineEvent) -> None:
        with self._named():
            self._events.write(write(TIMELINE, event).decode() + "\n")
            self._count += 1

    def finish(self, timeline: Timeline) -> list[Path]:
        """Write the files; returns the paths of all, those of most interest first."""
        written = write_formats(self._folder, self._stem, timeline)
        events = self._folder / f"{self._stem}.{EVENTS}"
        with self._named():
            self._events.close()
            self.partial.replace(events)
        return [*written, events]

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Failure(f"{self.partial}: {error.strerror}, expected a writable file") from error


def print_summary(console: Console, timeline: Timeline, written: list[Path]) -> None:
    """Print who spoke for how long, and which files were written."""
    summary = summarise(timeline, timeline.duration_ms)
    table = Table(box=None, pad_edge=False)
    for name in ("speaker", "talk time", "share", "turns", "longest", "interruptions", "words", "words/min"):
        table.add_column(name, justify="left" if name == "speaker" else "right")
    for one in summary.speakers:
        label = f"{shown(one.name)} ({one.speaker_id})" if one.name else one.speaker_id or "unknown"
        figures = (f"{100 * one.talk_ratio:.0f} %", str(one.turns), amount(one.longest_monologue_ms))
        spoken = (str(one.words), f"{one.words_per_min:.0f}") if one.words else ("", "")
        table.add_row(Text(label), amount(one.talk_ms), *figures, str(one.interruptions), *spoken)
    console.print(table if summary.speakers else "nobody speaks")
    rest = {"overlap": summary.overlap_ms, "silence": summary.silence_ms, "gaps": summary.gap_ms}
    console.print(f"call {amount(summary.duration_ms)}, " + ", ".join(f"{n} {amount(ms)}" for n, ms in rest.items()))
    for path in written:
        console.print(Text(f"wrote {shown(str(path))}"), soft_wrap=True)
