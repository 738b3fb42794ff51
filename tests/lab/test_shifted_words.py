"""Copies of a call that differ by nothing that a listener would notice."""

import numpy as np
import pytest

from speakerline.tools.lab.shifted_words import GAINS, copies, main


def test_every_copy_is_later_and_at_a_level_of_its_own() -> None:
    samples = np.ones((100, 2), np.float32)
    made = list(copies(samples, 8000, 10))
    assert [len(one) for one in made] == [100 + 248 * number for number in range(10)]
    assert [float(one[-1, 1]) for one in made] == pytest.approx([*GAINS, *GAINS[:2]])
    assert np.array_equal(made[0], samples) and not made[3][: 3 * 248].any()


def test_no_recording_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["/nowhere.wav", "/nowhere.stm"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("shifted_words: ") and "/nowhere.wav" in said and len(said.splitlines()) == 1
