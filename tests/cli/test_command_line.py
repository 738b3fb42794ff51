"""What every command has in common: help, exit codes, and one line that says what is wrong."""

import pytest

from speakerline.tools.cli.command_line import FAMILIES
from speakerline.tools.cli.main import main
from speakerline.tools.sample_call import sample_call

COMMANDS = (
    *(
        "process",
        "run",
        "score",
        "publish",
        "watch",
        "forget",
        "export",
        "correct",
        "up",
        "down",
        "key",
        "dial",
        "enroll",
        "simulate",
        "calibrate",
    ),
    "score-separation",
)
SAMPLE = str(sample_call())
NOBODY = "redis://:secret@127.0.0.1:1"
"""Where no Redis is."""

Capture = pytest.CaptureFixture[str]


def ended(*words: str) -> int:
    """The exit status of a command line that the parser refuses, or answers itself."""
    with pytest.raises(SystemExit) as exit:
        main(words)
    assert isinstance(exit.value.code, int)
    return exit.value.code


def test_commands_find_their_redis_in_the_environment(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEAKERLINE_REDIS_URL", NOBODY)
    assert main(["watch"]) == 1
    assert "no Redis answers at redis://:***@127.0.0.1:1:" in capsys.readouterr().err


def test_help_names_every_command(capsys: Capture) -> None:
    assert ended("--help") == 0
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines() if line.startswith("    ") and line[4] != " "] == list(
        COMMANDS
    )


def test_every_command_is_in_the_table_of_modules() -> None:
    """One that is missing would work, after the modules of all others were imported."""
    assert [name for names in FAMILIES.values() for name in names] == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(capsys: Capture, command: str) -> None:
    assert ended(command, "--help") == 0
    assert capsys.readouterr().out.startswith(f"usage: speakerline {command}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param((), "make timelines of recorded calls, as files", id="no command"),
        pytest.param(("dance",), "invalid choice: 'dance'", id="an unknown command"),
        pytest.param(("process",), "the following arguments are required: FILE", id="no file"),
        pytest.param(("process", "x", "--speakers", "0"), "'0': expected a whole number, 1 or more", id="no speakers"),
        pytest.param(("process", "x", "--speakers", "two"), "'two': expected a whole number", id="speakers in words"),
        pytest.param(("process", "x", "--channels", "left"), "choose from 'mix', 'separate', 'auto'", id="a channel"),
        pytest.param(("process", "x", "--pace", "slow"), "choose from 'realtime', 'max'", id="another pace"),
        pytest.param(
            ("watch", "x", "--after", "-1"), "'-1': expected a whole number, 0 or more", id="a number below 0"
        ),
        pytest.param(("watch", "--redis", "nonsense"), "'nonsense': expected redis://host", id="no URL of a Redis"),
        pytest.param(("watch", "--redis", "redis://:secret@x:y"), "'redis://:***@x:y': expected redis:", id="no port"),
        pytest.param(("publish", "x"), "the following arguments are required: --call", id="a call without an id"),
        pytest.param(
            ("simulate", "x", "--out", "y", "--speakers", "0"), "expected a whole number, 1 or more", id="nobody"
        ),
        pytest.param(
            ("simulate", "x", "--out", "y", "--seconds", "-3"), "'-3': expected seconds, more", id="no length"
        ),
        pytest.param(("simulate", "x", "--out", "y", "--seconds", "inf"), "'inf': expected seconds", id="no end"),
        pytest.param(("simulate", "x", "--out", "y", "--seconds", "nan"), "'nan': expected seconds", id="no number"),
        pytest.param(
            ("simulate", "x", "--out", "y", "--seed", "-5"), "expected a whole number, 0 or more", id="a seed"
        ),
        pytest.param(
            ("calibrate", "x", "--out", "y", "--calls", "0"), "expected a whole number, 1 or more", id="no calls"
        ),
        pytest.param(("up", "--workers", "0"), "expected a whole number, 1 or more", id="no workers"),
    ],
)
def test_a_wrong_command_line_is_status_2(capsys: Capture, words: tuple[str, ...], message: str) -> None:
    assert ended(*words) == 2
    said = capsys.readouterr().err
    assert message in said and "secret" not in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("process", "gone.wav"), "gone.wav: no such file", id="a missing file"),
        pytest.param(
            ("process", SAMPLE, "--speakers", "3", "--max-speakers", "2"),
            "expected_speakers 3: more than max_speakers 2",
            id="three of at most two speakers",
        ),
        pytest.param(("process", SAMPLE, "--out", SAMPLE), "expected a writable folder", id="no folder"),
        pytest.param(("process", SAMPLE, "--redis", NOBODY), "no Redis answers at redis://:***@", id="no Redis to use"),
        pytest.param(("publish", SAMPLE, "--call", "a b"), "call id 'a b': expected 1 to 200", id="an id with a space"),
        pytest.param(("publish", "gone.wav", "--call", "a"), "gone.wav: no such file", id="no file to publish"),
        pytest.param(("publish", SAMPLE, "--call", "a", "--redis", NOBODY), "no Redis answers", id="publish to nobody"),
        pytest.param(("watch", "--redis", NOBODY), "no Redis answers", id="nothing to watch"),
        pytest.param(("watch", "{a}", "--json"), "call id '{a}': expected 1 to 200", id="an id with braces"),
        pytest.param(("forget", "a", "--redis", NOBODY), "no Redis answers", id="nothing to forget"),
        pytest.param(("forget", "x" * 10_000), "... (10000 characters)': expected 1 to 200", id="a very long id"),
        pytest.param(("enroll", "Ann"), "expected `enroll NAME FILE...`", id="a name without a file"),
        pytest.param(("enroll", "--erase"), "expected `enroll NAME FILE...`", id="nobody to erase"),
        pytest.param(("enroll", "", SAMPLE), "name '': expected 1 to 100 printable characters", id="an empty name"),
        pytest.param(("enroll", "Ann", "gone.wav"), "gone.wav: no such file", id="a voice that is missing"),
    ],
)
def test_what_can_not_be_done_is_status_1_and_one_line(capsys: Capture, words: tuple[str, ...], message: str) -> None:
    assert main(words) == 1
    said = capsys.readouterr()
    assert said.err.startswith("speakerline: ") and said.err.count("\n") == 1
    assert message in said.err
    assert "secret" not in said.err
    assert not said.out
