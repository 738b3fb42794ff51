"""The recogniser that the calls of a worker share stands back behind labels, and gathers what is shown soon."""

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from speakerline.services.asr import build as building
from speakerline.services.asr.build import Settings, behind_labels, build, shared
from speakerline.services.asr.choice import Choice
from speakerline.services.asr.decoding import SharedRecogniser
from speakerline.services.asr.engine import Piece, Recognition
from speakerline.services.asr.off import OffStage
from speakerline.services.asr.stage import AsrOptions
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.shared.front_end.stage import FrontEndStage
from speakerline.shared.runtime.metrics import Metrics, StageMetrics
from speakerline.shared.runtime.models import StageModels
from tests.asr.toy import Sound


@pytest.fixture
def metrics() -> StageMetrics:
    return Metrics(CollectorRegistry()).for_stage("asr")


def telling() -> Callable[[list[Piece]], list[Recognition]]:
    """Says in place of a language how many pieces ran at once, and in place of no speech how nice the process is."""
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    return lambda pieces: [Recognition((), str(len(pieces)), nice) for _ in pieces]


@pytest.fixture
def recogniser(metrics: StageMetrics) -> Iterator[SharedRecogniser]:
    yield shared(Choice("toy", 1, 4, frozenset({"en"}), 0.5, telling), Settings(), metrics)


def gathered(recogniser: SharedRecogniser, count: int, fast: bool) -> list[str]:
    async def ask() -> list[Recognition]:
        piece = Piece(np.zeros(16, np.float32), fast=fast)
        return await asyncio.gather(*(recogniser.recognise(piece) for _ in range(count)))

    return [one.language for one in asyncio.run(ask())]


def test_fast_pieces_of_many_calls_run_together_and_those_that_count_one_by_one(recogniser: SharedRecogniser) -> None:
    assert gathered(recogniser, 6, fast=True) == ["4", "4", "4", "4", "2", "2"]
    assert gathered(recogniser, 3, fast=False) == ["1", "1", "1"]


def test_the_recogniser_is_what_was_chosen(recogniser: SharedRecogniser, metrics: StageMetrics) -> None:
    assert (recogniser.name, recogniser.languages, recogniser.doubtful) == ("toy", frozenset({"en"}), 0.5)
    recogniser.guarded("loop", 3)
    counted = metrics._metrics.registry.get_sample_value(
        "speakerline_guarded_words_total", {"stage": "asr", "guard": "loop"}
    )
    assert counted == 3


def test_the_process_of_the_model_yields_to_others_and_this_one_does_not(recogniser: SharedRecogniser) -> None:
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    found = asyncio.run(recogniser.recognise(Piece(np.zeros(16, np.float32))))
    assert found.no_speech == min(19, mine + 10)


def test_the_settings_reach_what_is_built(
    recogniser: SharedRecogniser, metrics: StageMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen(*options: str) -> Choice:
        assert options == ("whisper", "base", "cpu", "int8", "off")
        return choice

    def stage(*parts: object) -> OffStage:
        assert parts == (recogniser, AsrOptions("de", False, 12.0))
        return OffStage()

    settings = Settings(
        asr_model="whisper",
        asr_whisper="base",
        asr_device="cpu",
        asr_precision="int8",
        asr_alignment="off",
        asr_language="de",
        asr_interims=False,
        asr_max_lag_s=12,
    )
    choice = Choice("toy", 1, 4, None, 0.5, telling)
    monkeypatch.setattr(building, "choose", chosen)
    monkeypatch.setattr(building, "shared", lambda *given: recogniser if given == (choice, settings, metrics) else None)
    monkeypatch.setattr(building, "AsrStage", stage)
    assert isinstance(build(settings, metrics), FrontEndStage)


def test_asr_that_is_off_has_no_words(metrics: StageMetrics) -> None:
    call = CallStarted("c", 8000, Encoding.S16LE, 1)
    assert build(Settings(asr_model="off"), metrics).open(call, {}, Sound([])).snapshot() == {}


def test_without_any_option_there_are_words_where_weights_are_and_interims_among_them() -> None:
    assert Settings().model_dump() == {
        **dict.fromkeys(("asr_model", "asr_whisper", "asr_device", "asr_precision", "asr_alignment"), "auto"),
        "asr_language": "",
        "asr_interims": True,
        "asr_niceness": 10,
        "asr_max_lag_s": 30,
        "asr_limit_s": 120,
        "asr_memory_mb": 8000,
    }


@pytest.mark.parametrize(
    ("option", "last", "beyond"),
    [
        pytest.param("asr_max_lag_s", 50, 50.1, id="words are skipped before sound is refused"),
        pytest.param("asr_max_lag_s", 0.1, 0, id="some lag there always is"),
        pytest.param("asr_limit_s", 0.1, 0, id="a run takes time"),
        pytest.param("asr_memory_mb", 200, 199, id="no model needs less memory"),
        pytest.param("asr_language", "deu", "german", id="a language is a code"),
        pytest.param("asr_language", "de", "DE", id="in small letters"),
    ],
)
def test_options_have_bounds(option: str, last: object, beyond: object) -> None:
    assert getattr(Settings(**{option: last}), option) == last
    with pytest.raises(ValidationError, match=option):
        Settings(**{option: beyond})


def test_the_model_runs_once_at_a_time_within_the_limits_that_were_set(
    metrics: StageMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[object, ...]] = []

    class Models(StageModels):
        def __init__(self, stage: str, threads: int, metrics: StageMetrics) -> None:
            super().__init__(stage, threads, metrics)
            given.append((stage, threads))

        def isolated(
            self,
            name: str,
            build: Any,
            limit_s: float,
            memory_mb: float,
            memory_option: str,
            start_limit_s: float = 60.0,
            load_now: bool = True,
        ) -> Any:
            given.append((name, limit_s, memory_mb, memory_option))
            return super().isolated(name, build, limit_s, memory_mb, memory_option, load_now=False)

    monkeypatch.setattr(building, "StageModels", Models)
    shared(Choice("toy", 1, 4, None, 0.5, telling), Settings(asr_limit_s=7, asr_memory_mb=300), metrics)
    assert given == [("asr", 1), ("toy", 7, 300, "SPEAKERLINE_ASR_MEMORY_MB")]


def test_a_model_is_built_once_its_process_has_yielded(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[object] = []
    monkeypatch.setattr(os, "nice", steps.append)
    assert behind_labels(7, lambda: [*steps, "built"]) == [7, "built"]
