"""Figures as tables, for a terminal or for a page."""

from collections.abc import Sequence
from dataclasses import dataclass, field


def tenths(value: float | None) -> str:
    """With one decimal; `-` where there is no value."""
    return "-" if value is None else f"{value:.1f}"


@dataclass(frozen=True, slots=True)
class Table:
    """`note` says how to read it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def text(self) -> str:
        """Aligned columns: names to the left, figures to the right."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[at]) for line in lines) for at in range(len(self.columns))]
        shown = [
            "  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(row))
            for row in (list(zip(line, widths, strict=True)) for line in lines)
        ]
        head = [self.title, "-" * len(self.title)]
        return "\n".join([*head, *shown, *([self.note] if self.note else []), ""])

    def markdown(self) -> str:
        """A table of GitHub's kind."""
        head = ["| " + " | ".join(self.columns) + " |", "|---" + "|---:" * (len(self.columns) - 1) + "|"]
        rows = ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join([f"### {self.title}", "", *head, *rows, "", *([self.note, ""] if self.note else [])])


@dataclass(slots=True)
class Report:
    """What a run found: `figures` for machines, `tables` for people."""

    figures: dict[str, object] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)

    def text(self, markdown: bool) -> str:
        return "\n".join(table.markdown() if markdown else table.text() for table in self.tables)
