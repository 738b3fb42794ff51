"""docs/events.md is complete: every stream, kind, message, field and value of the contract, and nothing else."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import betterproto2
import pytest

from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import ENVELOPES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "events.md").read_text()
CLASSES = [found for found in vars(v1).values() if isinstance(found, type)]
MESSAGES = {found.__name__: found for found in CLASSES if issubclass(found, betterproto2.Message)}
ENUMS = {found.__name__: found for found in CLASSES if issubclass(found, betterproto2.Enum) and len(found)}
WITH_FIELDS = [name for name, message in MESSAGES.items() if message not in [*ENVELOPES.values()][:-1]]


def fields(message: Any, kinds: bool) -> list[tuple[str, str]]:
    """Name and type, of the kinds of an envelope or of what every message has."""
    found = []
    for field in dataclasses.fields(message):
        is_kind = field.metadata["betterproto"].group == "kind"
        if is_kind == kinds:
            found.append((field.name, re.sub(r"\W|None", "", str(field.type))))
    return found


def rows(heading: str) -> list[list[str]]:
    """Cells of the table below a heading, without its head."""
    (section,) = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def test_every_kind_of_every_stream_is_listed_in_order() -> None:
    listed = [row[:3] for row in rows("What they carry")]
    expected = [[stream, *kind] for stream, envelope in ENVELOPES.items() for kind in fields(envelope, kinds=True)]
    assert listed == [["calls", "", "CallStarted"], *expected]
    assert all(row[3] for row in rows("What they carry"))


@pytest.mark.parametrize("name", WITH_FIELDS)
def test_every_field_is_listed_in_order(name: str) -> None:
    assert [row[0] for row in rows(name)] == [field for field, _ in fields(MESSAGES[name], kinds=False)]


def test_every_value_of_every_enum_is_listed() -> None:
    values = [[name, one] for name, enum in ENUMS.items() for one in enum.betterproto_renamed_proto_names_to_value()]
    assert sorted(row[:2] for row in rows("Enums")) == sorted(values)


def test_every_message_has_a_heading() -> None:
    headings = re.findall(r"^### (.*)$", PAGE, re.MULTILINE)
    assert sorted(re.findall(r"\w+", " ".join(headings))) == sorted(MESSAGES)
