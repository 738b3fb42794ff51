"""Two runs side by side: which figures are compared, and what a file must be."""

import argparse
import asyncio
import json
from pathlib import Path

import pytest

from speakerline.tools.bench.compare import comparison, figures_in, flattened
from speakerline.tools.bench.yardstick import EVERY_S, yardstick


def run(vad: float, capacity: int = 70) -> dict[str, object]:
    trial = {
        "held": True,
        "audio_s": 12.0,
        "cost_cpu_s_per_audio_s": {"vad": vad, "redis": 0.004},
        "lag_ms": {"turn": {"p50": 300.0, "p95": 320.0}, "placed": {"p50": 100.0}},
        "redis_bytes_per_call": 1000,
    }
    return {"cores": 2, "capacity": capacity, "trials": {1: trial}, "process": {"steady_times_real_time": 2.0}}


def test_costs_and_lags_are_compared_and_what_was_set_is_not() -> None:
    before = json.loads(json.dumps(run(0.010)))
    table = comparison(run(0.016, capacity=77), before)
    assert [row for row in table.rows if row[3] != "1.00"] == [
        ["capacity", "70", "77", "1.10", ""],
        ["trials 1: cost vad", "0.01", "0.016", "1.60", ""],
        ["trials 1: cost all", "0.014", "0.02", "1.43", ""],
    ]
    assert {row[0] for row in table.rows if row[3] == "1.00"} == {
        "trials 1: cost redis",
        "trials 1: lag_ms turn p50",
        "trials 1: lag_ms turn p95",
        "trials 1: redis_bytes_per_call",
        "process: steady_times_real_time",
    }


def test_costs_are_also_compared_at_one_speed_of_the_machine() -> None:
    before, now = run(0.010), run(0.016)
    before["yardstick_cpu_ms"] = {"trials": 4.0, "capacity": 4.0, "words": 1.0}
    now["yardstick_cpu_ms"] = {"trials": 8.0, "capacity": 8.0}
    rows = {row[0]: row[3:] for row in comparison(now, before).rows}
    assert rows["yardstick_cpu_ms: trials"] == ["2.00", ""]
    assert rows["trials 1: cost vad"] == ["1.60", "0.80"]
    assert rows["trials 1: lag_ms turn p95"] == ["1.00", ""], "no CPU time"
    assert rows["capacity"] == ["1.00", ""]


async def test_the_yardstick_tells_what_its_piece_took_while_the_block_lasted() -> None:
    async with yardstick() as pieces_ms:
        await asyncio.sleep(3 * EVERY_S)
    assert pieces_ms and min(pieces_ms) > 0.1


def test_figures_that_one_run_lacks_are_left_out() -> None:
    assert [row[0] for row in comparison({"cores": 2, "capacity": 80}, run(0.01)).rows] == ["capacity"]
    assert comparison(run(0.01), {"cores": 2, "capacity": 0}).rows == []


def test_a_value_without_a_number_has_no_name() -> None:
    assert dict(flattened({"words": {4: {"shown_s": {"p50": None}, "words": 3}}})) == {"words 4: words": 3.0}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[]", id="no run"),
        pytest.param("{}", id="a run without figures"),
        pytest.param("cost", id="no JSON"),
        pytest.param(None, id="no file"),
    ],
)
def test_what_is_no_file_of_a_run_is_refused_by_name(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "run.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(argparse.ArgumentTypeError, match=r"run\.json: expected a file of `--json`"):
        figures_in(str(file))
