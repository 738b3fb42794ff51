"""How many calls a worker keeps up with follows from the cores that it may use."""

import os
from pathlib import Path

import pytest

from speakerline.shared.pipeline import ASR, CLUSTERING, PIPELINE
from speakerline.shared.runtime import service_settings
from speakerline.shared.runtime.cores import usable_cores
from speakerline.shared.runtime.service_settings import ServiceSettings

MINE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("told", "cores"),
    [
        pytest.param("50000 100000\n", 0.5, id="half a core"),
        pytest.param("max 100000\n", MINE, id="no limit"),
        pytest.param("999900000 100000\n", MINE, id="more than there are"),
        pytest.param("what an older kernel says", MINE, id="something else"),
    ],
)
def test_the_limit_of_a_container_counts(tmp_path: Path, told: str, cores: float) -> None:
    (tmp_path / "cpu.max").write_text(told)
    assert usable_cores(tmp_path / "cpu.max") == cores


def test_no_limit_that_can_be_read_is_none(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "gone") == MINE


def test_a_worker_keeps_up_with_what_its_cores_can_do_unless_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_settings, "usable_cores", lambda: 2.5)
    settings = ServiceSettings()
    assert settings.options_for(ASR).comfortable == 10
    assert settings.options_for(CLUSTERING).comfortable == 325
    assert ServiceSettings(comfortable_calls=7).options_for(ASR).comfortable == 7
    monkeypatch.setattr(service_settings, "usable_cores", lambda: 0.01)
    assert all(settings.options_for(spec).comfortable >= 1 for spec in PIPELINE)
