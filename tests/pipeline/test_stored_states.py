"""Nobody changes what a stage stores without raising its version: an older worker would misread it."""

import json
from typing import Any

import pytest

from tests.pipeline.stored_states import FILE, forgotten, shape_of_parts, stored_states, union

STATE: dict[str, Any] = {"version": 1, "state": {"state": {"at_ms": "number"}}}


async def test_what_a_stage_stores_changes_with_its_version_only() -> None:
    found, committed = await stored_states(), json.loads(FILE.read_text())
    names = forgotten(found, committed)
    assert not names, f"the stored state of {names} changed: raise `state_version` in shared/pipeline.py"
    assert found == committed, "a version was raised: run `python -m tests.pipeline.stored_states`"


@pytest.mark.parametrize(
    ("found", "names"),
    [
        pytest.param(STATE, [], id="nothing changed"),
        pytest.param({**STATE, "state": {"state": {"at_s": "number"}}}, ["vad"], id="a key has another name"),
        pytest.param({**STATE, "state": {"state": {"at_ms": "text"}}}, ["vad"], id="a value is of another kind"),
        pytest.param({**STATE, "state": {**STATE["state"], "more": "bytes"}}, ["vad"], id="there is another part"),
        pytest.param({"version": 2, "state": {}}, [], id="the version was raised"),
        pytest.param({**STATE, "version": 0}, ["vad"], id="the version was lowered"),
    ],
)
def test_a_change_under_the_same_version_is_found(found: Any, names: list[str]) -> None:
    assert forgotten({"vad": found}, {"vad": STATE}) == names


def test_the_shape_of_parts_has_names_and_kinds_but_no_values() -> None:
    parts = {
        "state": b'{"at_ms": 3, "open": null, "who": {"S1": "Ann"}, "spans": [[1, 2], [3, 4.5]], "one": [1, true]}',
        "0.turns.12": b"[]",
        "model0": b"\x00\xff",
    }
    assert shape_of_parts(parts) == {
        "state": {
            "at_ms": "number",
            "open": "null",
            "who": {"S#": "text"},
            "spans": [["number"]],
            "one": ["number", "flag"],
        },
        "#.turns.#": [],
        "model#": "bytes",
    }


def test_what_was_not_seen_before_completes_a_shape() -> None:
    before = shape_of_parts({"state": b'{"open": null, "spans": [], "at": 1}'})
    after = shape_of_parts({"state": b'{"open": 7, "spans": [[1, "a"]], "at": "1", "more": {}}'})
    whole = {"state": {"open": "number", "spans": [["number", "text"]], "at": "number|text", "more": {}}}
    assert union(before, after) == whole
    assert union(after, before) == whole
