"""How much of a live call a model can hold: measured by work that is always the same."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from speakerline.services.asr import choice, speed
from speakerline.services.asr.engine import Piece, Recognition


class Slow:
    """Takes 0.07 s for a fast piece and 0.4 s for another, more where it is disturbed."""

    made: ClassVar["Slow"]

    def __init__(self, folder: str, device: str, precision: str, alignment: str) -> None:
        assert (folder, device, precision, alignment) == ("whisper", "cpu", "int8", "off")
        self.now_s, self.asked = 0.0, list[tuple[float, bool, int]]()
        self._late_s: Iterator[float] = iter((0.5, 0.0, 0.3, 0.2, 0.9, 0.0))
        Slow.made = self

    def recognise(self, pieces: list[Piece]) -> list[Recognition]:
        return [Recognition() for _ in pieces]

    def search(self, piece: Piece, tokens: int) -> None:
        self.asked.append((piece.seconds, piece.fast, tokens))
        self.now_s += (0.07 if piece.fast else 0.4) + next(self._late_s)


def test_the_load_of_a_call_is_that_of_interim_and_final_words_undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every 0.7 s 0.07 s, and every 20 s 0.4 s."""
    monkeypatch.setattr(speed, "Whisper", Slow)
    monkeypatch.setattr(time, "perf_counter", lambda: Slow.made.now_s)
    assert speed.live_load("whisper", "cpu", "int8") == pytest.approx(0.1 + 0.02)
    assert Slow.made.asked == [(6.0, True, 24)] * 3 + [(20.0, False, 80)] * 3


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
    assert choice.live_load(Path("/m/base"), "cpu", "int8") == load
