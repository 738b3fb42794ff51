"""One base for every error whose message is for users, and a drawing of all of them."""

import ast
import re
from importlib import import_module

import speakerline
from speakerline.shared import errors
from tests.test_structure import BANDS, ROOT

INSIDE = {"BrokenPromise", "Lost", "NotNow", "NotOurs"}
"""Raised by one module and handled by another; a program never sees them."""


def exceptions() -> set[tuple[str, str]]:
    """Name and module of every exception class of ours but the base."""
    found = set()
    for path in (path for band in BANDS for path in (ROOT / band).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.name != "SpeakerlineError":
                module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                if any(re.search("(Error|Exception)$", ast.unparse(base)) for base in node.bases):
                    found.add((node.name, module))
    return found


def test_the_drawing_shows_every_error_and_where_it_is() -> None:
    drawn = set(re.findall(r"── (\w+) +([\w.]+) ", errors.__doc__ or ""))
    assert drawn == {(name, module) for name, module in exceptions() if name not in INSIDE}
    for name, module in drawn:
        assert issubclass(getattr(import_module(f"speakerline.{module}"), name), errors.SpeakerlineError)


def test_programs_catch_the_base_by_the_public_name() -> None:
    assert speakerline.SpeakerlineError is errors.SpeakerlineError
    assert issubclass(speakerline.ProducerError, speakerline.SpeakerlineError)
