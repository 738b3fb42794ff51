"""Options that make no sense are refused, with value and expectation."""

import pytest

from speakerline.services.vad.settings import VadSettings
from speakerline.shared.environment import InvalidSettings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"enter": 0.0}, "enter 0.0: expected more than 0, at most 1"),
        ({"leave": 0.6}, r"leave 0.6: expected 0 to enter \(0.5\)"),
        ({"min_speech_ms": -1}, "min_speech_ms -1: expected 0 to 10000"),
        ({"max_pause_ms": 10}, "max_pause_ms 10: expected 32 to 10000"),
        ({"pre_roll_ms": -5}, "pre_roll_ms -5"),
        ({"silence_dbfs": 3.0}, "silence_dbfs 3.0: expected 0 or less"),
        ({"silence_ms": 0}, "silence_ms 0: expected 1000 or more"),
        ({"clipping_ratio": 0.0}, "clipping_ratio 0.0"),
        ({"max_fill_ms": 10**6}, "max_fill_ms 1000000: expected 0 to 60000"),
        ({"max_skew_ms": 0}, "max_skew_ms 0: expected 1000 or more"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_option_is_refused(wrong, message) -> None:
    with pytest.raises(InvalidSettings, match=message):
        VadSettings(**wrong)
