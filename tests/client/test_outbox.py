"""What a producer keeps of one channel: order, bounds, and what is sent again."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakerline.shared.client.outbox import Outbox, OutFrame
from speakerline.shared.keys import LAST_POSITION

RATE = 8000


def outbox(**options: float) -> Outbox:
    return Outbox(RATE, 1, **options)  # type: ignore[arg-type]


def ends(frames: list[OutFrame]) -> list[int]:
    return [frame.end_sample for frame in frames]


def test_frames_in_order_are_ready_at_once() -> None:
    box = outbox()
    for end in (160, 320, 480):
        box.push(end, bytes(160), 0.0)
    assert ends(box.batch(10)) == [160, 320, 480]


def test_early_frames_wait_for_the_hole_within_the_window() -> None:
    box = outbox(reorder_ms=100)
    box.push(160, bytes(160), 0.0)
    box.push(480, bytes(160), 0.0)
    assert ends(box.batch(10)) == [160]
    box.push(320, bytes(160), 0.0)
    assert ends(box.batch(10)) == [160, 320, 480]


def test_a_hole_that_stays_is_passed_after_the_window() -> None:
    box = outbox(reorder_ms=100)
    for end in (160, 480, 640, 800, 960):
        box.push(end, bytes(160), 0.0)
    assert ends(box.batch(10)) == [160]
    box.push(1120, bytes(160), 0.0)
    assert ends(box.batch(10)) == [160, 480, 640, 800, 960, 1120]


def test_what_comes_twice_or_too_late_is_dropped() -> None:
    box = outbox()
    for end in (160, 160, 320, 160):
        box.push(end, bytes(160), 0.0)
    assert ends(box.batch(10)) == [160, 320]


@given(st.integers(0, 2**32), st.integers(2, 40))
def test_any_order_within_the_window_is_put_right(seed: int, count: int) -> None:
    box = outbox(reorder_ms=200)
    shuffled = list(range(count))
    rng = random.Random(seed)
    for at in range(0, count - 4, 4):
        part = shuffled[at : at + 4]
        rng.shuffle(part)
        shuffled[at : at + 4] = part
    for number in shuffled:
        box.push((number + 1) * 160, bytes([number % 256]) * 160, 0.0)
    box.close(0.0)
    frames = box.batch(100)
    assert ends(frames) == [(number + 1) * 160 for number in range(count)] + [LAST_POSITION]
    assert [frame.pcm[0] for frame in frames[:-1]] == list(range(count))


def test_a_long_frame_is_cut_and_every_piece_ends_where_its_sound_ends() -> None:
    box = Outbox(RATE, 2)
    box.push(20_000, bytes(40_000), 0.0)
    assert [(frame.end_sample, len(frame.pcm)) for frame in box.batch(10)] == [
        (8000, 16_000),
        (16_000, 16_000),
        (20_000, 8000),
    ]


def test_a_frame_of_ten_megabytes_becomes_pieces_of_a_second() -> None:
    box = outbox(buffer_s=1e6)
    box.push(10_000_000, bytes(10_000_000), 0.0)
    total = 0
    while frames := box.batch(64):
        assert all(len(frame.pcm) <= RATE for frame in frames)
        total += sum(len(frame.pcm) for frame in frames)
        box.accepted(len(frames), 0.0)
    assert total == 10_000_000


def test_a_frame_that_begins_before_the_call_has_no_piece_before_it() -> None:
    box = outbox()
    box.push(100, bytes(20_000), 0.0)
    assert ends(box.batch(10)) == [100]


def test_the_buffer_is_bounded_and_what_follows_a_drop_says_so() -> None:
    box = outbox(buffer_s=1.0)
    for number in range(20):
        box.push((number + 1) * 800, bytes(800), 0.0)
    frames = box.batch(100)
    assert ends(frames)[0] == 8000
    assert [frame.shed for frame in frames[:2]] == [True, False]
    assert box.shed_samples == 9 * 800


def test_nothing_is_shed_under_a_batch_that_is_on_its_way() -> None:
    box = outbox(buffer_s=1.0, replay_s=60)
    for number in range(10):
        box.push((number + 1) * 800, bytes(800), 0.0)
    sent = box.batch(5)
    for number in range(10, 30):
        box.push((number + 1) * 800, bytes(800), 0.0)
    box.accepted(len(sent), 0.0)
    assert ends(box.batch(100))[0] == 30 * 800 - 8000
    box.rewind()
    assert ends(box.batch(100))[:6] == [800, 1600, 2400, 3200, 4000, 30 * 800 - 8000], "Redis may have lost those"
    assert box.shed_samples == 14 * 800


def test_what_was_accepted_lately_is_sent_again_after_an_outage() -> None:
    box = outbox(replay_s=5.0)
    for number in range(10):
        box.push((number + 1) * 800, bytes(800), 0.0)
    box.batch(10)
    box.accepted(4, 100.0)
    box.batch(10)
    box.accepted(4, 105.0)
    assert ends(box.batch(10)) == [7200, 8000]
    box.rewind()
    assert ends(box.batch(10)) == [4000, 4800, 5600, 6400, 7200, 8000]
    box.rewind()
    assert ends(box.batch(10)) == [4000, 4800, 5600, 6400, 7200, 8000], "none twice"


def test_when_sound_was_pushed_is_told_of_the_oldest_that_redis_never_had() -> None:
    box = outbox()
    box.push(800, bytes(800), 7.0)
    box.push(1600, bytes(800), 9.0)
    box.batch(10)
    assert box.accepted(2, 100.0) == 7.0
    box.rewind()
    box.push(2400, bytes(800), 11.0)
    assert ends(box.batch(10)) == [800, 1600, 2400]
    assert box.accepted(2, 101.0) == math.inf, "it had these"
    box.batch(10)
    assert box.accepted(1, 102.0) == 11.0


def test_a_backlog_that_went_out_at_once_is_sent_again_as_a_whole() -> None:
    box = outbox(buffer_s=30.0, replay_s=5.0)
    for number in range(20):
        box.push((number + 1) * 8000, bytes(8000), 0.0)
    while frames := box.batch(64):
        box.accepted(len(frames), 100.0)
    box.rewind()
    again = []
    while frames := box.batch(64):
        again += ends(frames)
        box.accepted(len(frames), 101.0)
    assert again == [(number + 1) * 8000 for number in range(20)]


def test_the_closing_entry_comes_last_and_again_after_an_outage() -> None:
    box = outbox()
    box.push(800, bytes(800), 0.0)
    box.close(0.0)
    box.batch(10)
    box.accepted(2, 100.0)
    assert not box.waiting
    assert box.replays(104.0), "however long it had to wait before"
    box.rewind()
    assert ends(box.batch(10)) == [800, LAST_POSITION]
    box.accepted(2, 106.0)
    assert not box.replays(111.0)


@pytest.mark.parametrize("seconds", [1, 60, 3600])
def test_memory_does_not_grow_with_the_call(seconds: int) -> None:
    box = outbox(replay_s=5.0)
    kept = 0
    for number in range(seconds):
        box.push((number + 1) * 8000, b"x" * 8000, 0.0)
        box.accepted(len(box.batch(10)), float(number))
        kept = max(kept, len(box._sent) + len(box._ready) + len(box._early))
    assert kept <= 6


def places(frames: list[OutFrame]) -> list[tuple[int, int, str]]:
    return [(frame.end_sample, frame.number, frame.digit) for frame in frames]


def test_keys_lie_behind_the_sound_before_them_with_numbers_of_their_own() -> None:
    box = outbox()
    box.push(160, bytes(160), 0.0)
    for digit in "12":
        box.press(160, digit, 0.0)
    box.push(320, bytes(160), 0.0)
    box.press(320, "3", 0.0)
    assert places(box.batch(10)) == [(160, 0, ""), (160, 1, "1"), (160, 2, "2"), (320, 0, ""), (320, 1, "3")]


def test_a_key_waits_for_sound_before_it_as_long_as_a_frame_does() -> None:
    box = outbox(reorder_ms=100)
    box.push(160, bytes(160), 0.0)
    box.press(320, "5", 0.0)
    assert places(box.batch(10)) == [(160, 0, "")]
    box.push(320, bytes(160), 0.0)
    assert places(box.batch(10)) == [(160, 0, ""), (320, 0, ""), (320, 1, "5")]


def test_keys_at_the_very_beginning_lie_behind_the_entry_that_opens_the_log() -> None:
    box = outbox()
    for digit in "12":
        box.press(0, digit, 0.0)
    assert places(box.batch(10)) == [(0, 2, "1"), (0, 3, "2")]


def test_a_late_key_is_not_lost() -> None:
    box = outbox()
    box.push(800, bytes(800), 0.0)
    box.press(160, "5", 0.0)
    assert places(box.batch(10)) == [(800, 0, ""), (800, 1, "5")]


def test_sound_under_a_key_that_comes_after_it_stays() -> None:
    box = outbox(reorder_ms=100)
    for end in (160, 1440):
        box.push(end, bytes(160), 0.0)
    box.press(1500, "5", 0.0)
    box.push(1600, bytes(160), 0.0)
    box.close(0.0)
    assert places(box.batch(10)) == [(160, 0, ""), (1440, 0, ""), (1500, 1, "5"), (1600, 0, ""), (LAST_POSITION, 0, "")]


def test_the_mark_of_a_drop_is_on_the_next_frame_and_not_on_a_key() -> None:
    box = outbox(buffer_s=1.0)
    box.push(800, bytes(800), 0.0)
    box.press(800, "1", 0.0)
    box.push(1600, bytes(800), 0.0)
    box.press(1600, "2", 0.0)
    box.push(8800, bytes(800), 0.0)
    box.push(9600, bytes(800), 0.0)
    frames = box.batch(10)
    assert places(frames) == [(1600, 0, ""), (1600, 1, "2"), (8800, 0, ""), (9600, 0, "")]
    assert [frame.shed for frame in frames] == [True, False, False, False]
    assert box.shed_samples == 800


def test_a_drop_after_which_only_keys_come_is_marked_on_the_sound_that_comes_at_last() -> None:
    box = outbox(buffer_s=1.0, reorder_ms=0)
    box.push(800, bytes(800), 0.0)
    box.press(16_000, "1", 0.0)
    box.push(16_800, bytes(800), 0.0)
    frames = box.batch(10)
    assert [(frame.digit, frame.shed) for frame in frames] == [("1", False), ("", True)]
    assert box.shed_samples == 800


def test_of_several_channels_little_is_sent_at_a_time_so_that_none_gets_ahead() -> None:
    box = Outbox(8000, 1, in_step=True)
    for end in range(160, 16_001, 160):
        box.push(end, bytes(160), 0.0)
    batch = box.batch(1000)
    assert batch[-1].end_sample - batch[0].end_sample <= 4000


def test_small_frames_that_wait_together_become_one() -> None:
    box = outbox(gather_ms=60)
    for end in range(160, 1120, 160):
        box.push(end, bytes([end // 160]) * 160, float(end))
    frames = box.batch(10)
    assert [(frame.end_sample, len(frame.pcm), frame.audio_at) for frame in frames] == [
        (480, 480, 160),
        (960, 480, 640),
    ]
    assert b"".join(frame.pcm for frame in frames) == b"".join(bytes([n]) * 160 for n in range(1, 7))


def test_a_frame_that_redis_may_have_stays_as_it_is() -> None:
    box = outbox(gather_ms=100)
    box.push(160, bytes(160), 0.0)
    assert ends(box.batch(10)) == [160]
    box.push(320, bytes(160), 0.0)
    box.rewind()
    box.push(480, bytes(160), 0.0)
    assert ends(box.batch(10)) == [160, 480]
    box.accepted(1, 0.0)
    box.push(640, bytes(160), 0.0)
    assert ends(box.batch(10)) == [480, 640]


@pytest.mark.parametrize("between", ["a hole", "a key"])
def test_frames_are_not_gathered_over(between: str) -> None:
    box = outbox(gather_ms=100, reorder_ms=0)
    box.push(160, bytes(160), 0.0)
    if between == "a key":
        box.press(160, "5", 0.0)
    box.push(320 if between == "a key" else 480, bytes(160), 0.0)
    frames = box.batch(10)
    assert [frame.end_sample for frame in frames if frame.pcm] == [160, 320 if between == "a key" else 480]
    assert not any(frame.pcm for frame in frames if frame.digit)


def test_what_is_gathered_counts_as_shed_with_all_its_sound() -> None:
    box = outbox(gather_ms=40, buffer_s=0.1)
    for end in range(160, 1920, 160):
        box.push(end, bytes(160), 0.0)
    frames = box.batch(10)
    assert frames[0].shed and not any(frame.shed for frame in frames[1:])
    assert box.shed_samples + sum(len(frame.pcm) for frame in frames) == 1760


def test_frames_are_gathered_again_when_what_redis_may_have_is_dropped() -> None:
    box = outbox(gather_ms=100, buffer_s=0.05)
    box.push(160, bytes(160), 0.0)
    box.batch(10)
    box.rewind()
    for end in (320, 480, 640, 800):
        box.push(end, bytes(160), 0.0)
    assert ends(box.batch(10)) == [800]
