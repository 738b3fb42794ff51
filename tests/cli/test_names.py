"""Results are named like their recordings, in every script, and no two of them alike."""

import os
from pathlib import Path

import pytest

from speakerline.shared.keys import is_call_id
from speakerline.tools.cli.names import call_id_of, result_stems


@pytest.mark.parametrize(
    "name",
    ["Запись 12", "通話記録", "تسجيل", "José {3}", "a%41", "x" * 250, "é" * 120, os.fsdecode(b"caf\xe9"), "a\nb"],
)
def test_a_name_keeps_its_letters_and_has_an_id(name: str) -> None:
    (stem,) = result_stems([Path(f"/calls/{name}.wav")])
    assert name.replace("\n", "_").startswith(stem) and len(os.fsencode(stem)) <= 180
    assert is_call_id(call_id_of(stem))


def test_different_names_have_different_results_and_ids() -> None:
    names = ["Запись", "Записи", "通話", "電話", "é" * 100 + "1", "é" * 100 + "2"]
    stems = result_stems([Path(f"{name}.wav") for name in names])
    assert len(set(stems)) == len({call_id_of(stem) for stem in stems}) == len(names)


def test_equal_names_are_numbered_and_so_are_those_that_are_taken() -> None:
    files = [Path("a/call.wav"), Path("b/call.mp3"), Path("call-2.wav"), Path(".wav")]
    assert result_stems(files) == ["call", "call-2", "call-2-2", ".wav"]
    assert result_stems(files[:1], lambda stem: stem in ("call", "call-2")) == ["call-3"]


def test_plain_names_are_their_ids() -> None:
    assert call_id_of("desk-7_0001.a") == "desk-7_0001.a"
    assert call_id_of("desk 7") == "desk_7"
