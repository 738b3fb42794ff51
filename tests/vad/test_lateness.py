"""What a channel decides of sound that came late is told just behind the position that the call has reached."""

import pytest

from speakerline.services.vad.lateness import Lateness
from speakerline.shared.contract.v1 import Silence
from speakerline.shared.pipeline import SPEECH
from speakerline.shared.runtime.stage import Event


def placed(lateness: Lateness, *positions: int) -> list[int]:
    return [event.position for event in lateness.placed([Event(SPEECH, at, Silence()) for at in positions])]


def late(from_ms: int, through_ms: int, reached_ms: int) -> Lateness:
    """Sound up to `through_ms` came where that up to `from_ms` was there, and the call is at `reached_ms`."""
    lateness = Lateness()
    lateness.note(from_ms, through_ms, reached_ms)
    return lateness


@pytest.mark.parametrize(
    ("at_ms", "told_ms"),
    [
        pytest.param(1000, 1000, id="what was decided before has its place"),
        pytest.param(1001, 3001, id="what follows is told behind the call"),
        pytest.param(2000, 3001, id="up to the end of what came"),
        pytest.param(2001, 2001, id="and no further"),
    ],
)
def test_what_came_late_is_told_where_it_still_may_be(at_ms: int, told_ms: int) -> None:
    assert placed(late(1000, 2000, 3000), at_ms) == [told_ms]


def test_what_reaches_beyond_the_call_has_its_place_there() -> None:
    assert placed(late(1000, 5000, 3000), 2000, 3000, 3001) == [3001, 3001, 3001]
    assert placed(late(1000, 5000, 3000), 4000) == [4000]


@pytest.mark.parametrize(
    "lateness",
    [
        pytest.param(late(3000, 4000, 3000), id="the call is no further than the sound was"),
        pytest.param(late(1000, 1000, 3000), id="nothing came"),
    ],
)
def test_what_is_in_time_stays(lateness: Lateness) -> None:
    assert placed(lateness, 500, 1000, 2500, 3000, 3500) == [500, 1000, 2500, 3000, 3500]


def test_of_several_the_first_that_fits_counts_until_everything_is_decided() -> None:
    lateness = late(1000, 2000, 3000)
    lateness.note(2000, 2500, 3200)
    assert placed(lateness, 1500, 2400) == [3001, 3201]
    lateness.clear()
    assert placed(lateness, 1500, 2400) == [1500, 2400]
