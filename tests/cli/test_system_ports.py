"""Systems that are started at the same moment: while nobody listens yet, each has ports of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from speakerline.tools.cli.main import main
from speakerline.tools.cli.system_ports import SystemPorts
from speakerline.tools.failure import Failure
from tests.cli.command import ROOT
from tests.cli.running_system import PORTS_OF_ALL, free_ports

OTHER = """
import sys
from speakerline.tools.cli.system_ports import SystemPorts
print(*SystemPorts().row(int(sys.argv[1]), 2), flush=True)
input()
"""
"""A system that has chosen ports, and has started nothing there yet."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def first() -> int:
    """Of eleven free ports: those of a system, and three before them."""
    return free_ports(3 + PORTS_OF_ALL - 1)


@pytest.fixture
def other(first: int) -> "Iterator[subprocess.Popen[str]]":
    """It has chosen the third and the fourth."""
    words = [sys.executable, "-c", OTHER, str(first + 2)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == f"{first + 2} {first + 3}\n"
        yield process
        process.kill()


def test_ports_that_another_system_has_chosen_are_passed_over_until_it_ends(
    first: int, other: "subprocess.Popen[str]"
) -> None:
    assert list(SystemPorts().row(first, 3)) == [first + 6, first + 7, first + 8]
    other.kill()
    other.wait()
    assert list(SystemPorts().row(first, 3)) == [first, first + 1, first + 2]


def test_where_no_ports_are_free_the_search_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speakerline.tools.cli.system_ports.problem_of_port", lambda port: "in use")
    with pytest.raises(Failure, match=r"^port 65532 can't be used .*: expected 3 free ports in a row up to 65535$"):
        SystemPorts().row(60_000, 3)


def test_no_two_programs_of_a_system_have_one_port(first: int) -> None:
    own = SystemPorts()
    assert list(own.row(first, 3)) == [first, first + 1, first + 2]
    assert list(own.row(first + 1, 1)) == [first + 3]
    with pytest.raises(Failure, match="another program of this system has it"):
        own.row(first, 1, "another one helps")


def test_ports_that_are_named_are_refused_in_words(
    first: int, other: "subprocess.Popen[str]", capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "--name", "b", "--port", str(first + 3)]) == 1
    assert capsys.readouterr().err == (
        f"speakerline: port {first + 3} can't be used "
        f"(another system has chosen it or one of the {PORTS_OF_ALL - 2} after it): --port gives another first port\n"
    )
    with pytest.raises(Failure, match="another system has chosen it"):
        SystemPorts().row(first + 3, 1, "another one helps")
