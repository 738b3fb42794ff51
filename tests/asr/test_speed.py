"""How much of a live call a model can hold: measured by work that is always the same, once on each machine."""

import fcntl
import stat
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from speakerline.services.asr import measured, speed
from speakerline.services.asr.engine import Piece, Recognition
from speakerline.services.asr.weights import find_whisper
from speakerline.shared.arrays import Float32s


class Slow:
    """Takes 0.07 s for a fast piece and 0.4 s for another, more where it is disturbed."""

    made: ClassVar["Slow"]

    def __init__(self, folder: str, device: str, precision: str, alignment: str) -> None:
        assert (folder, device, precision, alignment) == ("whisper", "cpu", "int8", "off")
        self.now_s, self.asked = 0.0, list[tuple[float, bool, int]]()
        self.sound: Float32s = np.zeros(0, np.float32)
        self._late_s: Iterator[float] = iter((0.5, 0.0, 0.3, 0.2, 0.9, 0.0))
        Slow.made = self

    def recognise(self, pieces: list[Piece]) -> list[Recognition]:
        self.asked += [(piece.seconds, piece.fast, 0) for piece in pieces]
        return [Recognition() for _ in pieces]

    def search(self, piece: Piece, tokens: int) -> None:
        self.sound = piece.samples
        self.asked.append((piece.seconds, piece.fast, tokens))
        self.now_s += (0.07 if piece.fast else 0.4) + next(self._late_s)


def test_the_load_of_a_call_is_that_of_interim_and_final_words_undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every 0.7 s 0.07 s, and every 20 s 0.4 s; the first piece, for which much is made ready, does not count."""
    monkeypatch.setattr(speed, "Whisper", Slow)
    monkeypatch.setattr(time, "perf_counter", lambda: Slow.made.now_s)
    assert speed.live_load("whisper", "cpu", "int8") == pytest.approx(0.1 + 0.02)
    assert Slow.made.asked == [(6.0, True, 0), *[(6.0, True, 24)] * 3, *[(20.0, False, 80)] * 3]
    assert (np.mean(Slow.made.sound), np.std(Slow.made.sound)) == pytest.approx((0, 0.02), abs=1e-3), "quiet noise"


@pytest.mark.parametrize(
    ("answer", "load"),
    [
        pytest.param("a warning\n0.25\n", 0.25, id="the last word of its answer"),
        pytest.param("", float("inf"), id="nothing"),
        pytest.param("no number", float("inf"), id="no number"),
        pytest.param(subprocess.TimeoutExpired("speed", 60), float("inf"), id="no end"),
        pytest.param(subprocess.CalledProcessError(1, "speed"), float("inf"), id="an error"),
        pytest.param(OSError("no memory"), float("inf"), id="no process"),
    ],
)
def test_what_cannot_be_measured_is_too_slow(answer: Any, load: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        assert command[1:] == ["-m", "speakerline.services.asr.speed", "/m/base", "cpu", "int8"]
        assert options == {"capture_output": True, "text": True, "timeout": 60.0, "check": True}
        if isinstance(answer, Exception):
            raise answer
        return subprocess.CompletedProcess(command, 0, stdout=answer)

    monkeypatch.setattr(subprocess, "run", run)
    assert measured.measure(Path("/m/base"), "cpu", "int8") == load


def test_it_is_measured_in_a_process_of_its_own() -> None:
    folder = find_whisper("tiny.en")
    assert 0 < measured.measure(folder, "cpu", "int8") < 60
    assert measured.measure(folder.parent, "cpu", "int8") == measured.UNMEASURED


@pytest.fixture
def measuring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was measured, in a models folder of the test's own: a busier machine each time."""
    runs: list[str] = []

    def measure(folder: Path, device: str, precision: str) -> float:
        time.sleep(0.05)
        runs.append(f"{folder.name} {device} {precision}")
        return 0.5 * len(runs)

    monkeypatch.setenv("SPEAKERLINE_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(measured, "measure", measure)
    return runs


def test_a_worker_that_starts_again_knows_what_was_measured(measuring: list[str]) -> None:
    """A machine is busy after a crash: what it measured then would choose other weights, and so other words."""
    first = measured.live_load(Path("/m/base"), "cpu", "int8")
    assert [measured.live_load(Path("/m/base"), "cpu", "int8") for _ in range(3)] == [first] * 3
    assert measured.live_load(Path("/m/small"), "cpu", "int8") != first
    assert measured.live_load(Path("/m/base"), "cuda", "float16") != first
    assert measuring == ["base cpu int8", "small cpu int8", "base cuda float16"]


def test_workers_that_start_together_measure_once(measuring: list[str]) -> None:
    with ThreadPoolExecutor(4) as workers:
        loads = set(workers.map(lambda _: measured.live_load(Path("/m/base"), "cpu", "int8"), range(4)))
    assert (loads, len(measuring)) == ({0.5}, 1)


def test_while_one_process_measures_no_other_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = (tmp_path / measured.FILE).with_suffix(".lock")

    def measure(*of: object) -> float:
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600
        with lock.open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return 0.5

    monkeypatch.setenv("SPEAKERLINE_MODELS", str(tmp_path))
    monkeypatch.setattr(measured, "measure", measure)
    assert measured.live_load(Path("/m/base"), "cpu", "int8") == 0.5
    with lock.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_did_not_come_to_an_end_is_measured_again(measuring: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(measured, "measure", lambda *of: measured.UNMEASURED)
        assert measured.live_load(Path("/m/base"), "cpu", "int8") == measured.UNMEASURED
    assert measured.live_load(Path("/m/base"), "cpu", "int8") == 0.5


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": "y"}', "\udcff"])
def test_a_damaged_file_is_written_anew(measuring: list[str], tmp_path: Path, content: str) -> None:
    file = tmp_path / "models" / measured.FILE
    file.parent.mkdir()
    file.write_text(content, errors="surrogateescape")
    assert [measured.live_load(Path("/m/base"), "cpu", "int8") for _ in range(2)] == [0.5, 0.5]


def test_where_nothing_can_be_written_each_start_measures(
    measuring: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SPEAKERLINE_MODELS", str(tmp_path / "file"))
    assert [measured.live_load(Path("/m/base"), "cpu", "int8") for _ in range(2)] == [0.5, 1.0]
