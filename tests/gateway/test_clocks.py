"""Where sound lies in its stream: by the producer's clock, by arrival, at another rate, and over holes."""

from itertools import accumulate
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakerline.services.gateway.dialects.audiosocket import AudioSocket
from speakerline.services.gateway.dialects.table import DIALECTS
from speakerline.services.gateway.intake.clocks import ArrivalClock, Placed, ProducerClock
from speakerline.services.gateway.intake.resampling import Resampling
from speakerline.shared.contract.v1 import Encoding
from tests.gateway.feeding import Arrival, Taken, audiosocket_session, twilio_session

RATE = 8000
FRAME = 160


def sound(number: int) -> bytes:
    return bytes([number % 256]) * FRAME


def spans(placed: list[Placed]) -> list[tuple[int, int]]:
    return [(one.start, one.start + len(one.pcm)) for one in placed]


def heard(pieces: dict[int, float]) -> tuple[ArrivalClock, list[Placed]]:
    """Pieces of 20 ms by their number, each at a second."""
    clock = ArrivalClock(RATE, 1)
    placed = [one for number, at in pieces.items() for one in clock.push(sound(number), at)]
    return clock, placed + clock.flush()


def regular(count: int, begin: float = 0.0) -> dict[int, float]:
    return {number: begin + 0.02 * (number + 1) for number in range(count)}


# The producer's clock


@given(st.integers(0, 2**32), st.sets(st.integers(0, 59)))
def test_any_order_within_the_window_and_any_loss_give_the_same_places(seed: int, lost: set[int]) -> None:
    kept = [number for number in range(60) if number not in lost]
    shuffled = sorted(kept, key=lambda number: number + Random(seed * 61 + number).uniform(0, 9))
    results = []
    for order in (kept, shuffled):
        clock = ProducerClock(RATE, 1)
        placed = [one for number in order for one in clock.push(sound(number), number * FRAME)]
        results.append((placed + clock.flush(), clock.lost, clock.late))
    assert sorted(one.start for one in results[0][0]) == [number * FRAME for number in kept]
    assert results[0] == results[1]


def test_a_missing_piece_shifts_nothing_and_counts_as_lost() -> None:
    clock = ProducerClock(RATE, 1)
    placed = [one for number in (0, 1, 3, 4) for one in clock.push(sound(number), number * FRAME)] + clock.flush()
    assert spans(placed) == [(0, 160), (160, 320), (480, 640), (640, 800)]
    assert clock.lost == FRAME


def test_a_clock_that_wavers_by_less_than_half_a_piece_makes_no_holes() -> None:
    clock = ProducerClock(RATE, 1)
    claims = [5, 165, 310, 489, 640, 810]
    assert spans([one for at in claims for one in clock.push(sound(0), at)]) == [
        (number * FRAME, (number + 1) * FRAME) for number in range(6)
    ]
    assert (clock.lost, clock.late) == (0, 0)


def test_what_comes_twice_or_after_its_time_is_left_out_and_counted() -> None:
    clock = ProducerClock(RATE, 1)
    order = [0, 0, *range(2, 20), 1]
    placed = [one for number in order for one in clock.push(sound(number), number * FRAME)]
    assert [one.start for one in placed] == [0, *(number * FRAME for number in range(2, 20))]
    assert clock.late == 2


def test_of_a_piece_that_overlaps_only_what_is_new_counts() -> None:
    clock = ProducerClock(RATE, 1)
    clock.push(b"a" * 160, 0)
    assert clock.push(b"b" * 160, 80 - 8) == [Placed(160, b"b" * 72)]


# Arrival


@given(st.lists(st.floats(0, 0.055), min_size=100, max_size=100))
def test_arrival_that_wavers_makes_no_holes(waver: list[float]) -> None:
    came = list(accumulate((at + waver[n] for n, at in regular(100).items()), max))
    clock, placed = heard(dict(enumerate(came)))
    assert [one.start for one in placed] == [number * FRAME for number in range(100)]
    assert clock.lost == 0


def test_a_stall_that_is_made_up_for_is_no_hole() -> None:
    stalled = {number: max(at, 0.9) if number > 20 else at for number, at in regular(100).items()}
    clock, placed = heard(stalled)
    assert [one.start for one in placed] == [number * FRAME for number in range(100)]
    assert clock.lost == 0


@pytest.mark.parametrize("hole_ms", [80, 500, 5000])
def test_time_without_sound_is_a_hole_of_its_length(hole_ms: int) -> None:
    pieces = regular(50) | {n: at + hole_ms / 1000 for n, at in regular(100).items() if n >= 50}
    clock, placed = heard(pieces)
    assert placed[50].start - placed[49].start - FRAME == clock.lost == hole_ms * 8
    assert [one.start for one in placed[50:]] == [placed[50].start + n * FRAME for n in range(50)]


def test_a_late_piece_at_the_edge_of_a_hole_does_not_make_it_longer() -> None:
    pieces = regular(50) | {n: at + 0.5 for n, at in regular(100).items() if n >= 50}
    pieces[50] += 0.015
    assert heard(pieces)[0].lost == 500 * 8


def test_holes_behind_each_other_add_up() -> None:
    pieces, late = {}, 0.0
    for number, at in regular(200).items():
        late += 0.1 if number % 50 == 49 else 0.0
        pieces[number] = at + late
    clock, placed = heard(pieces)
    assert clock.lost == 4 * 800
    assert [one.pcm for one in placed] == [sound(number) for number in range(200)]


@pytest.mark.parametrize("ppm", [-200, 200], ids=["the producer's clock is fast", "the producer's clock is slow"])
def test_clocks_that_do_not_agree_make_no_hole_in_half_an_hour_and_hide_none(ppm: int) -> None:
    pieces = {number: at * (1 + ppm * 1e-6) for number, at in regular(90_000).items()}
    pieces |= {number: at + 0.4 for number, at in pieces.items() if number >= 80_000}
    clock, placed = heard(pieces)
    assert abs(clock.lost - 400 * 8) <= 8 * 8
    assert placed[79_999].start == 79_999 * FRAME


def test_silence_of_our_own_ends_where_time_has_come_to_and_what_follows_is_in_place() -> None:
    clock, _ = heard(regular(50))
    (filled,) = clock.fill(b"\xff" * FRAME, 31.0)
    assert (filled.start, clock.lost) == (31 * RATE - FRAME, 30 * RATE - FRAME)
    (next_one,) = clock.push(sound(0), 31.02)
    assert (next_one.start, clock.lost) == (31 * RATE, 30 * RATE - FRAME)


def test_silence_of_our_own_is_not_put_over_sound() -> None:
    assert ArrivalClock(RATE, 1).fill(b"\xff" * FRAME, 5.0) == []
    clock, _ = heard(dict.fromkeys(range(50), 0.5))
    assert clock.fill(b"\xff" * FRAME, 1.0) == []


# Recorded sessions


@pytest.mark.parametrize("name", ["audiosocket_slin8_dtmf", "audiosocket_slin16_dtmf"])
def test_a_real_audiosocket_session_keeps_its_holes_however_it_is_cut(name: str) -> None:
    session = audiosocket_session(name)
    as_read = Taken(AudioSocket(), session)
    byte_by_byte: list[Arrival] = [(at, bytes([one])) for at, piece in session for one in bytes(piece)]  # type: ignore[arg-type]
    cut = Taken(AudioSocket(), byte_by_byte)
    assert as_read.opened.sample_rate == (8000 if "slin8" in name else 16000)
    assert cut.laid_out() == as_read.laid_out()
    assert cut.presses == as_read.presses
    rate = as_read.opened.sample_rate
    held_s = sum(len(stretch) for stretch in as_read.laid_out().values()) / 2 / rate
    lasted_s = session[-1][0] - session[1][0]
    assert abs(as_read.intake.lost_s + held_s - lasted_s) < 0.1
    assert [press.digit for press in as_read.presses] == ["5"]


def test_a_real_twilio_session_shuffled_within_the_window_is_the_same() -> None:
    (hello, start, *media) = twilio_session()
    whole = Taken(DIALECTS["twilio"]({}), [hello, start, *media])
    assert whole.opened.parties == ("inbound", "outbound")
    assert {channel: list(whole.laid_out(channel)) for channel in (0, 1)} == {0: [0], 1: [0]}
    for seed in range(50):
        rng = Random(seed)
        shuffled = sorted(media[:-1], key=lambda one: one[0] + rng.uniform(0, 0.09))
        mixed = Taken(DIALECTS["twilio"]({}), [hello, start, *shuffled, media[-1]])
        assert [mixed.laid_out(channel) for channel in (0, 1)] == [whole.laid_out(channel) for channel in (0, 1)]


# Other rates


@pytest.mark.parametrize("rate", [12_000, 24_000, 44_100, 48_000, 64_000])
def test_a_tone_at_another_rate_keeps_its_pitch_and_its_place(rate: int) -> None:
    seconds = np.arange(rate) / rate
    tone = (10_000 * np.sin(2 * np.pi * 440 * seconds)).astype("<i2")
    resampling = Resampling(rate, Encoding.S16LE)
    step = rate // 50
    placed = [
        one for at in range(0, rate, step) for one in resampling.push(Placed(at, tone[at : at + step].tobytes()))
    ] + resampling.flush()
    assert [one.start for one in placed] == [0, *accumulate(len(one.pcm) // 2 for one in placed[:-1])]
    out = np.frombuffer(b"".join(one.pcm for one in placed), "<i2")
    assert len(out) == 16_000
    expected = 10_000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert np.abs(out[800:-800] - expected[800:-800]).max() < 30


def test_a_hole_stays_a_hole_at_another_rate() -> None:
    resampling = Resampling(48_000, Encoding.S16LE)
    placed = resampling.push(Placed(0, bytes(2 * 48_000)))
    placed += resampling.push(Placed(96_000, bytes(2 * 48_000))) + resampling.flush()
    ends = [one.start + len(one.pcm) // 2 for one in placed]
    assert [one.start for one in placed if one.start not in ends] == [0, 32_000]
    assert ends[-1] == 48_000 and 16_000 in ends


def test_the_cut_of_the_pieces_changes_no_sample() -> None:
    noise = np.random.default_rng(1).integers(-9000, 9000, 44_100).astype("<i2")
    results = []
    for step in (441, 1000, 44_100):
        resampling = Resampling(44_100, Encoding.S16LE)
        cuts = range(0, len(noise), step)
        placed = [one for at in cuts for one in resampling.push(Placed(at, noise[at : at + step].tobytes()))]
        results.append(b"".join(one.pcm for one in placed + resampling.flush()))
    assert results[0] == results[1] == results[2]
