"""What a channel remembers: tracklets, their voiceprints and lone speech, and who was heard side by side."""

from collections.abc import Sequence

import numpy as np
import pytest

from speakerline.services.clustering.history import BLOCK, History
from speakerline.services.clustering.tracklets import active_ms, link, shared_ms
from speakerline.shared.contract.v1 import LocalVoice, VoiceWindow
from speakerline.shared.voiceprints.vectors import encode_vector

Voice = tuple[list[int], int] | tuple[list[int], int, int]
"""Spans, clean speech in ms, and the place of the one in the voiceprint (0), -1 for none."""


def window(start_ms: int, end_ms: int, *voices: Voice) -> VoiceWindow:
    return VoiceWindow(0, start_ms, end_ms, [_voice(*voice) for voice in voices])


def _voice(spans_ms: list[int], clean_ms: int, at: int = 0) -> LocalVoice:
    return LocalVoice(spans_ms, clean_ms, encode_vector(np.eye(3, dtype=np.float32)[at]) if at >= 0 else "")


def history(*windows: VoiceWindow) -> History:
    found = History(3)
    for one in windows:
        found.append(one)
    return found


def test_shared_and_active_time_of_spans() -> None:
    assert shared_ms([0, 1000, 2000, 3000], [500, 2500]) == 1000
    assert shared_ms([0, 1000, 2000, 3000], [500, 2500], 600, 2100) == 500
    assert shared_ms([0, 1000], [1000, 2000]) == 0
    assert shared_ms([0, 1000], [0, 1000]) == 1000
    assert active_ms([0, 1000, 2000, 3000], 500, 2600) == 1100
    assert active_ms([0, 1000, 2000, 3000]) == 2000


@pytest.mark.parametrize(
    ("before", "after", "links"),
    [
        ([[0, 4000]], [[1000, 4000, 4500, 5000]], [0]),
        ([[0, 2000], [2000, 5000]], [[2000, 5500], [1000, 2000]], [1, 0]),
        ([[0, 1200]], [[1000, 1200]], [-1]),
        ([[0, 1300]], [[1000, 1300]], [0]),
        ([[0, 1299]], [[1000, 1299]], [-1]),
        ([[0, 5000]], [[1000, 2000], [2000, 5000]], [-1, -1]),
        ([[0, 2000]], [[1000, 2250]], [0]),
        ([[0, 2000]], [[1000, 2251]], [-1]),
        ([[0, 2250]], [[1000, 2000]], [0]),
        ([[0, 4000], [4500, 5000]], [[1000, 4000]], [0]),
        ([[4500, 5000], [0, 4000]], [[4400, 5000], [1000, 4000], [1000, 1200]], [0, 1, -1]),
        ([], [[1000, 2000]], [-1]),
        ([[0, 2000]], [], []),
    ],
    ids=[
        "the same activity is the same voice",
        "voices may change places",
        "a moment in common is too little",
        "three tenths of a second are enough",
        "hardly less is not",
        "a voice that fell apart is linked to neither part",
        "four fifths in common are enough",
        "less is not",
        "whichever is the shorter",
        "a voice that stopped is linked to none",
        "each to its own",
        "nothing before",
        "nothing now",
    ],
)
def test_links_between_windows(before: list[list[int]], after: list[list[int]], links: list[int]) -> None:
    assert link(before, after, 1000, 5000) == links


def test_a_voice_is_followed_through_two_windows_and_then_begins_anew() -> None:
    found = history(*(window(max(0, end - 5000), end, ([0, end], end)) for end in (1000, 2000, 3000, 4000, 5000)))
    assert [one.tracklets for one in found.retained] == [[0], [0], [1], [1], [2]]
    assert (found.windows, found.tracklets) == ([2, 2, 1], 3)
    assert [one.follows for one in found.retained] == [[-1], [-1], [0], [-1], [1]]
    assert found.followed().tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]


def test_a_voice_that_is_not_the_last_one_goes_on_from_nobody() -> None:
    found = history(window(0, 1000, ([0, 1000], 1000)), window(0, 2000, ([1000, 2000], 1000)))
    assert [one.tracklets for one in found.retained] == [[0], [1]]
    assert not found.followed().any()


def test_only_speech_that_is_new_and_alone_counts_as_lone() -> None:
    one = window(0, 2000, ([0, 1500], 1000, 0), ([1000, 2000], 500, 1))
    two = window(0, 3000, ([0, 1500, 2400, 3000], 600, 0), ([1000, 2600], 400, 1))
    found = history(one, two)
    assert [heard.lone_ms for heard in found.retained] == [[1000, 500], [400, 400]]
    assert [heard.tracklets for heard in found.retained] == [[0, 1], [0, 1]]
    assert found.mass_s == pytest.approx([1.4, 0.9])


def test_three_at_once_leave_no_lone_speech_and_never_less_than_none() -> None:
    found = history(window(0, 1000, *(([0, 1000], 0, at) for at in range(3))))
    assert found.retained[0].lone_ms == [0, 0, 0]


def test_voiceprints_of_a_tracklet_are_averaged_by_clean_speech_up_to_a_limit() -> None:
    one, two = window(0, 1000, ([0, 1000], 800, 0)), window(0, 2000, ([0, 2000], 2400, 1))
    assert history(one, two).means()[0] == pytest.approx([0.25, 0.75, 0.0])
    long = window(0, 2000, ([0, 2000], 9000, 1))
    assert history(one, long).means()[0] == pytest.approx([0.2, 0.8, 0.0])


def test_a_voice_without_a_voiceprint_has_no_say_and_no_mass() -> None:
    found = history(window(0, 1000, ([0, 1000], 800, 0)), window(0, 2000, ([0, 2000], 100, -1)))
    assert found.means()[0] == pytest.approx([1.0, 0.0, 0.0])
    assert (found.mass_s, found.windows) == ([1.0], [2])
    assert history(window(0, 1000, ([0, 1000], 100, -1))).means().tolist() == [[0.0, 0.0, 0.0]]


def test_spans_with_their_tracklets_and_what_was_heard() -> None:
    one = window(0, 4000, ([0, 400, 600, 900], 700, 0), ([1000, 2000], 1000, 1))
    found = history(one, window(500, 5000, ([4100, 5000], 900, 2)))
    spans, owners, recent, bounds = found.spans()
    assert spans.tolist() == [[0, 400], [600, 900], [1000, 2000], [4100, 5000]]
    assert (owners.tolist(), bounds.tolist()) == ([0, 0, 1, 2], [[0, 4000], [500, 5000]])
    assert recent.tolist() == [1000, 1000, 1000, 2000]


@pytest.mark.parametrize(
    ("clean", "expected"),
    [((800, 900), 1.0), ((600, 2000), 0.75), ((2000, 600), 0.75), ((400, 400), 0.5), ((399, 800), 0.0)],
    ids=["surely", "less surely", "whoever says less", "hardly", "too little"],
)
def test_two_voices_of_a_window_were_heard_side_by_side(clean: tuple[int, int], expected: float) -> None:
    found = history(window(0, 5000, ([0, 2000], clean[0], 0), ([2000, 5000], clean[1], 1)))
    assert found.beside().tolist() == [[0.0, expected], [expected, 0.0]]


def test_side_by_side_adds_up_over_windows_and_holds_for_every_pair() -> None:
    said: Sequence[Voice] = [([0, 900], 900, 0), ([1000, 1900], 900, 1), ([2000, 2900], 900, 2)]
    found = history(window(0, 3000, *said), window(0, 4000, said[2], said[0]))
    assert found.beside().tolist() == [[0, 1, 2], [1, 0, 1], [2, 1, 0]]


def test_a_window_has_to_end_behind_the_last() -> None:
    with pytest.raises(ValueError, match="windows must come in order: 2000 ms after 2000 ms"):
        history(window(0, 2000), window(0, 2000))


def monologue(count: int) -> History:
    ends = range(1000, 1000 * count + 1, 1000)
    return history(*(window(max(0, end - 5000), end, ([max(0, end - 5000), end], 1000)) for end in ends))


def test_the_oldest_block_is_forgotten_and_what_lives_on_keeps_what_later_blocks_say() -> None:
    found = monologue(2 * BLOCK + 1)
    dropped = found.drop_block()
    assert [one.window.end_ms for one in dropped] == list(range(1000, 1000 * BLOCK + 1, 1000))
    assert (found.first // BLOCK, found.first_tracklet, found.tracklets) == (1, BLOCK // 2, BLOCK // 2 + 1)
    assert found.mass_s == [2.0] * (BLOCK // 2) + [1.0]
    assert np.argwhere(np.triu(found.followed())).tolist() == [[at, at + 1] for at in range(BLOCK // 2)]
    assert sorted(found.dump()) == ["history.00001", "history.00002"]
    rest = found.drop_block(), found.drop_block()
    assert [len(one) for one in rest] == [BLOCK, 1]
    assert (found.retained, found.first_tracklet, found.next_tracklet) == ([], BLOCK + 1, BLOCK + 1)


def test_full_blocks_keep_their_bytes_and_a_restored_history_goes_on_alike() -> None:
    found, other = monologue(BLOCK + 2), monologue(3)
    before = found.dump()
    assert sorted(before) == ["history.00000", "history.00001"]
    other.dump()
    other.load(before, found.next_tracklet)
    assert other.dump() == before
    more = window(14_000, 19_000, ([14_000, 19_000], 1000))
    assert found.append(more).tracklets == other.append(more).tracklets == [9]
    after = found.dump()
    assert after["history.00000"] is before["history.00000"]
    assert after["history.00001"] != before["history.00001"]
    assert other.dump() == after
    assert (other.mass_s, other.first // BLOCK, other.first_tracklet) == (found.mass_s, 0, 0)
    found.drop_block()
    other.load(found.dump(), found.next_tracklet)
    assert (other.first // BLOCK, other.first_tracklet, other.tracklets) == (1, 8, 2)
    assert other.followed().tolist() == found.followed().tolist() == [[0, 1], [1, 0]]


def test_an_empty_history_is_restored_too() -> None:
    found = monologue(1)
    found.load({}, 7)
    assert (found.retained, found.first // BLOCK, found.first_tracklet, found.next_tracklet) == ([], 0, 7, 7)
    assert (found.means().shape, found.beside().shape, found.followed().shape) == ((0, 3), (0, 0), (0, 0))
