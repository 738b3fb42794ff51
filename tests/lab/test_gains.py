"""What the measurements of the front end and of separation are made of."""

from typing import Any

import numpy as np
import pytest

from speakerline.shared.contract.v1 import SpeakerMerged, TimelineEvent, Turn
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.lab.front_end import LabelledCall
from speakerline.tools.lab.front_end_gain import on_hold
from speakerline.tools.lab.overlap_gain import HEAD, Tally, overlaps
from speakerline.tools.pipeline.offline import segments_of
from speakerline.tools.score.rttm import Segment
from speakerline.tools.score.word_speakers import WordAttribution
from speakerline.tools.simulate.music import KINDS, music


def test_overlaps_are_where_two_different_people_speak() -> None:
    truth = [
        Segment("a", 0.0, 3.0),
        Segment("b", 2.5, 5.0),
        Segment("c", 2.8, 3.4),
        Segment("a", 6.0, 7.0),
        Segment("a", 6.5, 8.0),
        Segment("b", 8.0, 9.0),
    ]
    assert overlaps(truth) == [(2500, 3400)]


def test_a_call_that_is_put_on_hold_goes_on_behind_the_music() -> None:
    truth = [Segment("a", 1.0, 4.0), Segment("b", 4.5, 6.0), Segment("a", 7.0, 9.0)]
    call = LabelledCall("simulated-1", np.zeros((80_000, 1), np.float32), 8000, truth)
    held = on_hold(call)
    assert held.duration_s == 40 and np.abs(held.samples[40_000 : 40_000 + 240_000]).max() > 0.01
    assert held.truth == [
        Segment("a", 1.0, 4.0),
        Segment("b", 4.5, 5.0),
        Segment("b", 35.0, 36.0),
        Segment("a", 37.0, 39.0),
    ]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_piece_of_music_is_always_the_same_and_never_clips(kind) -> None:
    one, other = music(kind, 3, 4.0), music(kind, 4, 4.0)
    assert one.tobytes() == music(kind, 3, 4.0).tobytes() != other.tobytes()
    assert len(one) == 32_000 and one.dtype == np.float32 and np.abs(one).max() < 1


def test_an_unknown_kind_of_music_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of chords, piano"):
        music("opera", 1, 1.0)


def test_a_row_has_a_figure_under_every_heading() -> None:
    row = Tally(words=WordAttribution(20, 10, 5), separated=7).row("on")
    assert len(row.split(" | ")) == len(HEAD.split(" | "))
    assert " | 50.0 | 25.0 | 50.0 | " in row and row.startswith("on | ") and row.endswith(" | 7")


def test_turns_become_segments_with_merges_resolved_and_nobody_left_out() -> None:
    timeline = Timeline("c")
    bodies: list[dict[str, Any]] = [
        {"turn": Turn("t1", 1, "S1", 0, 0, 1000)},
        {"turn": Turn("t2", 1, "S2", 0, 2000, 3000)},
        {"turn": Turn("t3", 1, "", 0, 4000, 5000)},
        {"speaker_merged": SpeakerMerged("S2", "S1")},
    ]
    for seq, body in enumerate(bodies, 1):
        timeline.apply(TimelineEvent("c", seq, 5000, **body))
    assert segments_of(timeline) == [Segment("S1", 0.0, 1.0), Segment("S1", 2.0, 3.0)]
