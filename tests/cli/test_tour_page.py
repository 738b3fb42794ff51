"""docs/tour.md is true: every command that it shows is one that the command line takes, and it shows them all."""

import re
import shlex
from pathlib import Path

import pytest

from speakerline.tools.cli.command_line import command_line

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tour.md").read_text()
LINES = [shlex.split(line, comments=True) for line in re.findall(r"^speakerline (.*)$", PAGE, re.MULTILINE)]


@pytest.mark.parametrize("words", LINES, ids=lambda words: " ".join(words))
def test_a_command_of_the_page_is_accepted(words: list[str]) -> None:
    assert callable(command_line().parse_args(words).run)


def test_every_command_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line().parse_args(["--help"])
    listed = re.findall(r"^    ([a-z-]+) ", capsys.readouterr().out, re.MULTILINE)
    assert {"process", "up", "score"} <= set(listed)
    assert set(listed) - {words[0] for words in LINES} == {"run"}
