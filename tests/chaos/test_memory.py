"""A run that was asked to judge the memory of its workers has judged each of them, or has failed."""

import pytest

from tests.chaos.memory import ENOUGH_S, EVERY_S, GROWTH_MB, Measured, judge

LONG_S = 2 * ENOUGH_S


def measured(lasted_s: float, an_hour_mb: float = 0.0, up_s: float = 4.0) -> Measured:
    times = (up_s + EVERY_S * number for number in range(int((lasted_s - up_s) / EVERY_S)))
    return [(at_s, 100.0 + an_hour_mb * at_s / 3600) for at_s in times]


def test_flat_memory_is_no_problem(capsys: pytest.CaptureFixture[str]) -> None:
    assert judge({"vad-0": measured(LONG_S)}, LONG_S, asked=True) == []
    assert "vad-0                  100.0" in capsys.readouterr().out


def test_memory_that_grows_is_one() -> None:
    grows = 2 * GROWTH_MB / (LONG_S / 3600)
    assert judge({"vad-0": measured(LONG_S, grows)}, LONG_S, asked=False) == ["vad-0 grew by 5.3 MB"]


@pytest.mark.parametrize(
    ("lasted_s", "workers"),
    [
        pytest.param(LONG_S, {}, id="no worker"),
        pytest.param(60.0, {"asr-1": measured(60.0)}, id="a run that was too short"),
        pytest.param(LONG_S, {"vad-0": measured(LONG_S), "asr-1": []}, id="a worker that ended"),
        pytest.param(LONG_S, {"asr-1": measured(LONG_S, up_s=LONG_S / 2)}, id="one that began late"),
    ],
)
def test_memory_that_could_not_be_judged_is_told_and_fails_where_it_was_asked_for(
    lasted_s: float, workers: dict[str, Measured], capsys: pytest.CaptureFixture[str]
) -> None:
    (problem,) = judge(workers, lasted_s, asked=True)
    whose = "asr-1" if "asr-1" in workers else "any worker"
    assert problem == f"memory was not judged of {whose}: it has to live for 450 s, all of the run"
    assert judge(workers, lasted_s, asked=False) == []
    assert capsys.readouterr().out.count(problem) == 2
