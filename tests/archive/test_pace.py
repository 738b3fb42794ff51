"""How often the archive writes: costly transactions come less often, so that many calls do not take a core."""

import pytest

from speakerline.services.archive.turn import pause_after


@pytest.mark.parametrize(
    ("took_s", "pause_s"),
    [
        pytest.param(0.01, 0.5, id="few calls are in the database within half a second"),
        pytest.param(0.5, 2.0, id="a costly transaction takes a fifth of the time"),
        pytest.param(3.0, 5.0, id="the next one is five seconds later at most"),
    ],
)
def test_the_pause_follows_from_what_the_last_transaction_took(took_s: float, pause_s: float) -> None:
    assert pause_after(took_s) == pause_s
