"""What the measurements of the front end and of separation are made of."""

import numpy as np
import pytest

from speakerline.shared.contract.v1 import CallStarted
from speakerline.tools.lab.measuring import figures, overlaps, pooled
from speakerline.tools.lab.overlap_gain import HEAD, Tally
from speakerline.tools.lab.recordings import on_hold
from speakerline.tools.score.labelled import LabelledCall
from speakerline.tools.score.score import score
from speakerline.tools.score.word_speakers import WordAttribution
from speakerline.tools.simulate.music import KINDS, music
from tests.timeline.events import numbered, talk


def test_overlaps_are_where_two_different_people_speak() -> None:
    truth = {"a": [(0, 3000), (6000, 8000)], "b": [(2500, 5000), (8000, 9000)], "c": [(2800, 3400)]}
    assert overlaps(truth) == [(2500, 3400)]
    assert overlaps({"a": [(0, 3000)]}) == []


def test_a_call_that_is_put_on_hold_goes_on_behind_the_music() -> None:
    truth = {"a": [(1000, 4000), (7000, 9000)], "b": [(4500, 6000)]}
    call = LabelledCall("simulated-1", np.zeros((80_000, 1), np.float32), 8000, truth)
    held = on_hold(call)
    assert held.duration_s == 40 and np.abs(held.samples[40_000 : 40_000 + 240_000]).max() > 0.01
    assert held.truth == {"a": [(1000, 4000), (37_000, 39_000)], "b": [(4500, 5000), (35_000, 36_000)]}


def test_recordings_are_pooled_by_their_seconds() -> None:
    found = [
        score({"a": [(0, 9000)]}, numbered(talk(("S1", 0, 9000)))).final,
        score({"b": [(0, 1000)]}, numbered([(1000, CallStarted(call_id="c1"))])).final,
    ]
    assert [error.der for error in pooled(found).errors] == pytest.approx([0.1, 0.5 / 9, 0.5 / 9])
    assert figures(pooled(found)) == "10.0 / 5.6 / 5.6 / 100"
    with pytest.raises(ValueError, match=r"counted with \+-0.25 s, with overlap: expected collar 0"):
        found[0].errors[0] + found[0].errors[1]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_piece_of_music_is_always_the_same_and_never_clips(kind) -> None:
    one, other = music(kind, 3, 4.0), music(kind, 4, 4.0)
    assert one.tobytes() == music(kind, 3, 4.0).tobytes() != other.tobytes()
    assert len(one) == 32_000 and one.dtype == np.float32 and np.abs(one).max() < 1


def test_an_unknown_kind_of_music_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of chords, piano"):
        music("opera", 1, 1.0)


def test_a_row_has_a_figure_under_every_heading() -> None:
    found = [score({"a": [(0, 9000)]}, numbered(talk(("S1", 0, 9000)))).final]
    row = Tally(found, found, words=WordAttribution(20, 10, 5), separated=7).row("on")
    assert len(row.split(" | ")) == len(HEAD.split(" | "))
    assert " | 50.0 | 25.0 | 50.0 | " in row and row.startswith("on | ") and row.endswith(" | 7")
