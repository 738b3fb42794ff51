"""The mutation runs themselves: what faults there are, and that a test notices one and misses another."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.faults import faults
from tests.mutation.trial import module_name

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("f(a < b)", ["a <= b", "a >= b"]),
        ("f(a + b)", ["a - b"]),
        ("f(-a)", ["a"]),
        ("f(3)", ["4", "2"]),
        ("f(800)", ["1600", "400"]),
        ("f(True)", ["False"]),
        ("f(min(a))", ["max"]),
        ("f(a and b)", ["a or b"]),
        ("f(a[:end])", [":", ":end + 1"]),
        ("f(a, b)", ["f(b, a)"]),
        ("sort(a, key=b)", ["sort(a)"]),
        ("f('text', strict=True)", []),
        ("a: int = b", []),
    ],
)
def test_one_line_faults(source: str, expected: list[str]) -> None:
    assert [str(fault).split("  ->  ")[1] for fault in faults(ast.parse(source))] == expected


def test_in_a_function_statements_are_dropped_too_and_conditions_turned_round() -> None:
    source = "def f(a):\n    if a:\n        a.total += b\n        g()\n    return a"
    found = [(fault.lines.start, str(fault)) for fault in faults(ast.parse(source)) if fault.local]
    assert found == [
        (2, "a  ->  not a"),
        (3, "a.total += b  ->  pass"),
        (3, "a.total += b  ->  a.total -= b"),
        (4, "g()  ->  pass"),
        (5, "return a  ->  return None"),
    ]


def test_a_fault_that_is_applied_is_the_only_change() -> None:
    tree = ast.parse("x = f(a < b)\ny = 1")
    faults(tree)[0].apply()
    assert ast.unparse(tree) == "x = f(a <= b)\ny = 1"


def test_modules_have_the_name_by_which_they_are_imported() -> None:
    assert module_name(Path("services/vad/stage.py")) == "speakerline.services.vad.stage"
    assert module_name(Path("shared/voiceprints/__init__.py")) == "speakerline.shared.voiceprints"


def test_what_no_test_notices_is_told_and_the_source_stays_as_it_is(tmp_path: Path) -> None:
    source, text = tmp_path / "shared" / "halves.py", "def half(number):\n    return 2 * number // 4\n"
    source.parent.mkdir()
    source.write_text(text)
    (tmp_path / "speakerline").mkdir()
    (tmp_path / "speakerline" / "__init__.py").touch()
    (tmp_path / "speakerline" / "shared").symlink_to(source.parent)
    test = "from speakerline.shared.halves import half\n\ndef test_half():\n    assert half(3) == 1\n"
    (tmp_path / "test_halves.py").write_text(test)
    found = subprocess.run(
        [sys.executable, "-m", "tests.mutation", "shared/halves.py", "test_halves.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.splitlines()[0] == "shared/halves.py:2:26: 4  ->  5"
    assert found.stdout.splitlines()[-1] == "6 of 7 faults noticed (85.7 %)"
    assert source.read_text() == text
