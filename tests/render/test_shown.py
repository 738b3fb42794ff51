"""Text from outside is shown as it is, wherever it is shown."""

import io
import json

import pytest
from rich.console import Console

from speakerline.shared.contract import v1
from speakerline.shared.timeline.formats import FORMATS
from speakerline.shared.timeline.shown import shown
from speakerline.tools.render.picture import draw
from speakerline.tools.render.plain import PlainLog
from speakerline.tools.render.terminal import render
from tests.timeline.conversation import transcript
from tests.timeline.events import folded, numbered, turn

HOSTILE = "[red]A\x1b[31m\u202eB\r\n:smile: $x^$"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[bold]Ann[/bold] :smile:", "[bold]Ann[/bold] :smile:"),
        ("a\x1b[2Jb\x07", "a\\x1b[2Jb\\x07"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"),
        ("عربى עברית 日本 é", "عربى עברית 日本 é"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("caf\udce9.wav", "caf\\xe9.wav"),
        ("a\u00a0b", "a b"),
    ],
)
def test_only_what_would_change_how_other_text_looks_becomes_an_escape(text: str, expected: str) -> None:
    assert shown(text) == expected


def told() -> list[tuple[int, object]]:
    return [
        (0, v1.CallStarted("c[red]1", 8000)),
        (0, v1.SpeakerCreated("S1")),
        (0, v1.SpeakerNamed("S1", HOSTILE, 0.9)),
        (5000, turn("t1", "S1", 0, 4000)),
        (5000, transcript("w1", v1.Word(HOSTILE, 0, 3000, 0.9, speaker_id="S1"))),
        (5000, v1.Gap(0, 0, 10, v1.GapReason.INVALID, "vad", HOSTILE)),
        (5000, v1.CallEnded(5000)),
    ]


def test_a_terminal_a_log_and_a_picture_show_it() -> None:
    timeline = folded(told())
    timeline.call_id = "c[red]1"
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=120, color_system=None)
    console.print(render(timeline, 5000))
    lines = [line for event in numbered(told()) for line in PlainLog().lines(event, timeline)]
    assert "c[red]1" in output.getvalue() and "[red]A" in output.getvalue()
    for text in (output.getvalue(), *lines):
        assert "\x1b[31m" not in text and "\u202e" not in text and "\r" not in text
    assert any("\\u202eB" in line for line in lines)
    assert draw(timeline).startswith(b"\x89PNG")


@pytest.mark.parametrize("form", sorted(FORMATS.keys() - {"json", "seglst"}))
def test_files_for_people_and_scoring_show_it(form: str) -> None:
    text = FORMATS[form].write(folded(told()))
    assert not [one for one in text if not one.isprintable() and one != "\n"]
    assert "\\x1b[31m\\u202eB" in text


def test_files_for_programs_hold_it_unchanged() -> None:
    told_name = json.loads(FORMATS["json"].write(folded(told())))["speakers"][0]["name"]
    (segment,) = json.loads(FORMATS["seglst"].write(folded(told())))
    assert (told_name, segment["speaker"]) == (HOSTILE, HOSTILE)
