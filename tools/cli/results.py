"""The files that `process` writes for a call: its events as they come, and the final timeline in every format."""

import tempfile
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.table import Table

from speakerline.shared.codec import write
from speakerline.shared.contract.v1 import TimelineEvent
from speakerline.shared.pipeline import TIMELINE
from speakerline.shared.timeline.formats import FORMATS
from speakerline.shared.timeline.statistics import summarise
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.failure import Failure
from speakerline.tools.render.lanes import amount
from speakerline.tools.render.picture import draw


def check_folder(folder: Path) -> None:
    """Create the folder if needed. Raises Failure unless it is writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Failure(f"--out {folder}: {error.strerror}, expected a writable folder") from error


class ResultFiles:
    """`STEM.events.jsonl` grows with `add`; `finish` writes STEM.png and a file of each of FORMATS.

    The folder must exist."""

    def __init__(self, folder: Path, stem: str) -> None:
        self._at = folder / stem
        self._events = self._path("events.jsonl").open("w", encoding="utf-8")

    def __enter__(self) -> "ResultFiles":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._events.close()

    def add(self, event: TimelineEvent) -> None:
        self._events.write(write(TIMELINE, event).decode() + "\n")

    def finish(self, timeline: Timeline) -> list[Path]:
        """Write the files; returns the paths of all, those of most interest first."""
        self._events.flush()
        for form in FORMATS.values():
            self._path(form.suffix).write_text(form.write(timeline), encoding="utf-8")
        self._path("png").write_bytes(draw(timeline))
        return [self._path(suffix) for suffix in ("png", *(form.suffix for form in FORMATS.values()), "events.jsonl")]

    def _path(self, suffix: str) -> Path:
        return self._at.with_name(f"{self._at.name}.{suffix}")


def print_summary(console: Console, timeline: Timeline, written: list[Path]) -> None:
    """Print who spoke for how long, and which files were written."""
    summary = summarise(timeline, timeline.duration_ms)
    table = Table(box=None, pad_edge=False)
    for name in ("speaker", "talk time", "share", "turns", "longest", "interruptions", "words", "words/min"):
        table.add_column(name, justify="left" if name == "speaker" else "right")
    for one in summary.speakers:
        label = f"{one.name} ({one.speaker_id})" if one.name else one.speaker_id or "unknown"
        figures = (f"{100 * one.talk_ratio:.0f} %", str(one.turns), amount(one.longest_monologue_ms))
        spoken = (str(one.words), f"{one.words_per_min:.0f}") if one.words else ("", "")
        table.add_row(label, amount(one.talk_ms), *figures, str(one.interruptions), *spoken)
    console.print(table)
    rest = {"overlap": summary.overlap_ms, "silence": summary.silence_ms, "gaps": summary.gap_ms}
    console.print(f"call {amount(summary.duration_ms)}, " + ", ".join(f"{n} {amount(ms)}" for n, ms in rest.items()))
    for path in written:
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)
