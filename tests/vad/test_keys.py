"""Keys that are pressed: where they stand among the events of a call, however its sound is cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakerline.shared.contract.v1 import AudioEnded, Dtmf, Gap, GapReason
from speakerline.shared.runtime.stage import AudioClosed, Frame, KeyPress
from tests.vad.listening import HANGUP, Call, Loud, Quiet

SOUND_MS = 4000


def key(at_ms: int, digit: str = "5", channel: int = 0) -> KeyPress:
    return KeyPress(channel, at_ms * 8, digit)


def spoken(call: Call, cuts: list[int], keys: list[KeyPress]) -> Call:
    """Four seconds, loud in the second and third; keys after the frames that end before them, as a log holds them."""
    edges = sorted({0, 1000, 3000, SOUND_MS, *cuts})
    frames = [call.frame(start, end, 0.5 * (1000 <= start < 3000)) for start, end in pairwise(edges)]
    entries: list[Frame | KeyPress] = sorted([*frames, *keys], key=_place)
    for entry in entries:
        call.push(entry)
    return call.close()


def _place(entry: Frame | KeyPress) -> tuple[int, int]:
    return (entry.end_sample, 0) if isinstance(entry, Frame) else (entry.at_sample, 1)


def test_a_key_is_told_where_it_was_pressed_in_the_chunk_after_it() -> None:
    call = spoken(Call(Quiet()), [], [key(1500, "#")])
    assert [(event.position, event.body) for event in call.events if isinstance(event.body, Dtmf)] == [
        (1504, Dtmf(0, 1500, "#"))
    ]


def test_keys_at_one_place_keep_their_order() -> None:
    call = spoken(Call(Quiet()), [], [key(1500, digit) for digit in "2*1"])
    assert [body.digit for body in call.bodies(Dtmf)] == ["2", "*", "1"]


@given(
    st.lists(st.integers(1, SOUND_MS - 1), max_size=30),
    st.lists(st.integers(0, SOUND_MS + 900), min_size=1, max_size=6),
)
def test_no_cut_of_the_sound_moves_a_key(cuts: list[int], pressed: list[int]) -> None:
    keys = [key(at_ms, digit) for at_ms, digit in zip(sorted(pressed), "123456", strict=False)]
    whole, cut = (spoken(Call(Loud()), where, keys) for where in ([], cuts))
    assert cut.written == whole.written
    assert [body.pressed_ms for body in whole.bodies(Dtmf)] == sorted(pressed)


def test_a_key_behind_the_last_sound_comes_before_the_end() -> None:
    call = spoken(Call(Quiet()), [], [key(SOUND_MS + 700)])
    assert [type(event.body) for event in call.events][-2:] == [Dtmf, AudioEnded]
    assert call.bodies(Dtmf)[0].pressed_ms == SOUND_MS + 700
    assert call.bodies(AudioEnded)[0].end_ms == SOUND_MS


def test_a_key_outlives_a_restart() -> None:
    call = Call(Quiet())
    call.push(call.frame(0, 1000), key(1200))
    call.reopen().push(call.frame(1000, 2000)).close()
    assert [body.pressed_ms for body in call.bodies(Dtmf)] == [1200]


def test_a_key_of_a_channel_that_is_behind_waits_for_it() -> None:
    call = Call(Quiet(), channels=2)
    call.push(call.frame(0, 700), key(700), call.frame(700, 1000), call.frame(0, 500, channel=1))
    assert call.bodies(Dtmf) == []
    call.push(call.frame(500, 1000, channel=1))
    assert [body.channel for body in call.bodies(Dtmf)] == [0]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(key(1500, "hello"), id="a word"),
        pytest.param(key(1500, ""), id="nothing"),
        pytest.param(KeyPress(0, 2**50, "5"), id="a position that no call reaches"),
    ],
)
def test_what_is_no_key_is_an_empty_gap_that_does_not_quote_it(wrong: KeyPress) -> None:
    call = Call(Quiet())
    call.push(call.frame(0, 1504), wrong, call.frame(1504, 2000)).close()
    (gap,) = call.bodies(Gap)
    assert (gap.start_ms, gap.end_ms, gap.reason) == (1504, 1504, GapReason.INVALID)
    assert "expected one of 0 1 2 3 4 5 6 7 8 9 A B C D * #" in gap.detail and "hello" not in gap.detail


def test_a_key_that_is_given_up_is_an_empty_gap() -> None:
    call = Call(Quiet())
    call.push(call.frame(0, 1000)).skip(key(1000))
    call.push(AudioClosed(0, HANGUP))
    assert [(gap.start_ms, gap.end_ms, gap.reason) for gap in call.bodies(Gap)] == [(1000, 1000, GapReason.POISON)]
    assert call.bodies(Dtmf) == []
