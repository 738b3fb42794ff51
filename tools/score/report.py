"""What a score says, for people as a table and for programs as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from speakerline.tools.score.boundaries import Spread
from speakerline.tools.score.metrics import DiarizationError
from speakerline.tools.score.words import WordReport


@dataclass(frozen=True, slots=True)
class Labelling:
    """How right the labels were at one moment; DER by each convention."""

    after_s: float | None
    """How long after the audio they stood; None = when the call had ended."""
    errors: tuple[DiarizationError, ...]

    @property
    def attribution(self) -> float:
        """Of DiarizationError, at collar 0 with overlap."""
        return self.errors[0].attribution


@dataclass(frozen=True, slots=True)
class Report:
    """The score of one call; docs/scoring.md defines each figure."""

    call_id: str
    scored_s: float
    final: Labelling
    live: tuple[Labelling, ...]
    jer: float
    reference_speakers: int
    found_speakers: int
    boundary_ms: Spread
    label_changes_per_min: float
    relabelled_s_per_min: float
    first_label_s: Spread
    """From the start of a reference turn until the right speaker is shown somewhere in it."""
    speaker_known_s: Mapping[str, float | None]
    """Per reference speaker, from their first word until they are shown rightly for the first time; None = never."""
    words: WordReport | None = None
    """Where there is a reference transcript."""

    @property
    def speaker_count_error(self) -> int:
        """Speakers found more (or, negative, fewer) than there are."""
        return self.found_speakers - self.reference_speakers

    def to_json(self) -> str:
        """One object; shares are 0 to 1, units are in the names."""
        document = asdict(self)
        document["final"], document["live"] = _labelling(self.final), [_labelling(one) for one in self.live]
        document["speaker_count_error"] = self.speaker_count_error
        document["words"] = self.words.figures() if self.words else None
        return json.dumps(document, ensure_ascii=False, indent=2)

    def to_text(self, width: int = 100) -> str:
        """Tables: error rates, those of words where they were scored, and everything else."""
        console = Console(width=width, color_system=None, force_terminal=False)
        with console.capture() as capture:
            console.print(_error_table(self))
            if self.words:
                console.print(_word_table(self.words))
            console.print(_figure_table(self))
        return capture.get()


def _labelling(labelling: Labelling) -> dict[str, object]:
    errors = [{**asdict(error), "der": error.der} for error in labelling.errors]
    return {"after_s": labelling.after_s, "errors": errors, "attribution": labelling.attribution}


def _error_table(report: Report) -> Table:
    table = Table(
        title=f"{report.call_id}: {report.scored_s:.1f} s scored, all in % of reference speech", title_justify="left"
    )
    for column in ("labels", "DER counted with"):
        table.add_column(column)
    for column in ("DER", "missed", "false alarm", "confusion", "right speaker"):
        table.add_column(column, justify="right")
    for labelling in (report.final, *report.live):
        name = "final" if labelling.after_s is None else f"{labelling.after_s:g} s after"
        for error in labelling.errors:
            parts = (error.missed_s, error.false_alarm_s, error.confusion_s)
            shares = (_percent(part / error.speech_s if error.speech_s else 0.0) for part in parts)
            table.add_row(name, str(error.convention), _percent(error.der), *shares, _percent(error.attribution))
            name = ""
        table.add_section()
    return table


def _word_table(words: WordReport) -> Table:
    title = f"words, all in % of the {words.wer.words} of the reference"
    table = Table(title=title, title_justify="left")
    table.add_column("counted")
    for column in ("error rate", "substituted", "missing", "inserted"):
        table.add_column(column, justify="right")
    rows = {"WER: whoever said it": words.wer, "cpWER: each speaker's own": words.cpwer.errors}
    for name, errors in rows.items():
        parts = (errors.errors, errors.substitutions, errors.deletions, errors.insertions)
        table.add_row(name, *(_percent(part / max(1, errors.words)) for part in parts))
    pairs = ", ".join(f"{ours or 'unknown'} is {theirs}" for ours, theirs in words.cpwer.mapping.items())
    table.caption, table.caption_justify = pairs, "left"
    return table


def _figure_table(report: Report) -> Table:
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    known = ", ".join(f"{speaker} {_seconds(after)}" for speaker, after in report.speaker_known_s.items())
    counted = f"{report.found_speakers} of {report.reference_speakers} ({report.speaker_count_error:+d})"
    rows = {
        "Jaccard error rate": f"{_percent(report.jer)} %",
        "speakers": counted,
        "boundary error, median / p90": _spread(report.boundary_ms, "ms", 0),
        "right label after, median / p90": _spread(report.first_label_s, "s", 2),
        "speaker known after": known,
        "label changes": f"{report.label_changes_per_min:.1f} a minute",
        "audio relabelled": f"{report.relabelled_s_per_min:.1f} s a minute",
    }
    if report.words and (given := report.words.attribution):
        rows["words given to the right speaker"] = f"{_percent(given.share)} % of {given.found} found of {given.words}"
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"


def _spread(figures: Spread, unit: str, digits: int) -> str:
    if figures.median is None or figures.p90 is None:
        return f"none of {figures.missing}"
    text = f"{figures.median:.{digits}f} / {figures.p90:.{digits}f} {unit}"
    return f"{text}, never for {figures.missing} of {figures.count + figures.missing}" if figures.missing else text
