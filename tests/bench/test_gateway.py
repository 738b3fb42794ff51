"""How late frames come to Redis, of what was written when."""

import pytest

from speakerline.tools.bench.gateway import waits_s


def test_a_frame_of_several_pieces_is_as_late_as_its_first() -> None:
    assert waits_s([(160, 0.01), (320, 0.07)], [0.0, 0.02, 0.04], 160, warm=0) == pytest.approx([0.01, 0.05])


def test_what_came_before_it_was_warm_does_not_count() -> None:
    assert waits_s([(160, 5.0), (160, 0.03)], [0.0, 0.02], 160, warm=1) == pytest.approx([0.01])
