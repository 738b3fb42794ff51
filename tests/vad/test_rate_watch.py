"""A live call that was announced with a wrong rate is told so, and no other call is, whatever its network does."""

import random
from collections.abc import Callable, Iterable, Iterator

import pytest

from speakerline.services.gateway.dialects.base import Opened, Sound
from speakerline.services.gateway.intake.intake import Intake
from speakerline.services.vad.rate_watch import JUDGED_S, RateWatch
from speakerline.shared.contract.v1 import Encoding, FormatDoubt, ServiceClass, SoundFormat
from speakerline.shared.runtime.stage import Frame
from tests.vad.listening import Call, Quiet

BEGAN = 1_718_000_000.0
Arrivals = Iterator[tuple[int, float]]
"""Samples, and the second at which they came."""


def spoken(true_rate: int, seconds: float = 60.0, frame_s: float = 0.02) -> Arrivals:
    """Frames of a phone that samples at this rate, each when it was spoken."""
    for number in range(1, round(seconds / frame_s) + 1):
        yield round(true_rate * frame_s), BEGAN + number * frame_s


def jittered(frames: Iterable[tuple[int, float]], most_s: float) -> Arrivals:
    """Each late by up to so much, and none before the one before it."""
    chance, before = random.Random(1), 0.0
    for samples, at in frames:
        before = max(before, at + chance.uniform(0, most_s))
        yield samples, before


def lossy(frames: Iterable[tuple[int, float]], share: float) -> Arrivals:
    chance = random.Random(2)
    return (frame for frame in frames if chance.random() >= share)


def with_dtx(frames: Iterable[tuple[int, float]], talk_s: float, pause_s: float) -> Arrivals:
    """Only what is spoken is sent: stretches of speech and pauses of about these lengths, turn by turn."""
    chance, until, talks = random.Random(3), BEGAN, False
    for samples, at in frames:
        while at > until:
            talks = not talks
            until += chance.expovariate(1 / (talk_s if talks else pause_s))
        if talks:
            yield samples, at


def held_up(frames: Iterable[tuple[int, float]], from_s: float, for_s: float, speed: float = 0.0) -> Arrivals:
    """What falls into an outage comes behind it: at once, or so many times as fast as it was spoken."""
    start, over = BEGAN + from_s, BEGAN + from_s + for_s
    for samples, at in frames:
        caught_up = over + (at - start) / speed if speed else over
        yield samples, max(at, caught_up if at > start else 0.0)


def told(announced: int, frames: Iterable[tuple[int, float]]) -> tuple[int, float]:
    """The rate that is told, and how many seconds after the first frame; 0 and 0 where none is."""
    watch = RateWatch(announced)
    for samples, at in frames:
        if rate := watch.push(samples, at):
            return rate, at - BEGAN
    return 0, 0.0


@pytest.mark.parametrize("announced", [8000, 16000])
@pytest.mark.parametrize("true_rate", [8000, 16000, 24000, 44100, 48000])
@pytest.mark.parametrize("frame_s", [0.02, 0.1, 0.4])
def test_another_rate_is_told_within_seconds(announced: int, true_rate: int, frame_s: float) -> None:
    rate, after_s = told(announced, spoken(true_rate, frame_s=frame_s))
    if true_rate == announced:
        assert rate == 0
    else:
        assert rate == true_rate
        assert after_s < 15


@pytest.mark.parametrize("true_rate", [8000, 48000])
def test_it_is_told_through_jitter(true_rate: int) -> None:
    assert told(16000, jittered(spoken(true_rate), 0.06))[0] == true_rate


def through_the_gateway(frames: Iterable[tuple[int, float]], announced: int, has_clock: bool) -> Arrivals:
    """What its intake makes of it: it places sound by arrival where the producer has no clock, and converts rates."""
    intake, position = Intake(Opened("c", announced, Encoding.S16LE, 1)), 0
    for samples, at in frames:
        sound = Sound(0, bytes(2 * samples), at=position if has_clock else None)
        position += samples
        intake.sound(sound, at)
        for frame in intake.frames():
            yield len(frame.pcm) // 2, at


@pytest.mark.parametrize("has_clock", [False, True], ids=["by arrival", "by timestamps"])
@pytest.mark.parametrize("true_rate", [8000, 16000, 48000])
def test_it_is_told_through_the_gateway(true_rate: int, has_clock: bool) -> None:
    frames = jittered(spoken(true_rate), 0.03)
    expected = 0 if true_rate == 16000 else true_rate
    assert told(16000, through_the_gateway(frames, 16000, has_clock))[0] == expected


def test_of_a_rate_that_the_gateway_converts_the_factor_is_told() -> None:
    assert told(16000, through_the_gateway(spoken(24000), 48000, False))[0] == 8000
    assert told(16000, through_the_gateway(spoken(48000), 48000, False))[0] == 0


HARMLESS: dict[str, Callable[[], Arrivals]] = {
    "as spoken": lambda: spoken(8000),
    "jitter": lambda: jittered(spoken(8000), 0.2),
    "a fifth lost": lambda: lossy(spoken(8000), 0.2),
    "two fifths lost": lambda: lossy(spoken(8000), 0.4),
    "dtx": lambda: with_dtx(spoken(8000, 3600), 1.0, 1.0),
    "dtx in bursts": lambda: with_dtx(spoken(8000, 3600), 0.3, 0.3),
    "somebody speaks every other second": lambda: ((n, at) for n, at in spoken(8000) if int(at) % 2),
    "an outage that comes at once": lambda: held_up(spoken(8000), 10, 20),
    "an outage caught up at twice the speed for eight seconds": lambda: held_up(spoken(8000), 10, 8, 2.0),
    "a slow start": lambda: held_up(spoken(8000), 0, 5),
    "a clock an hour back": lambda: ((n, at - 3600 * (at > BEGAN + 20)) for n, at in spoken(8000)),
    "a clock that is 1 % slow": lambda: spoken(8080),
    "a whole recording at once": lambda: ((n, BEGAN + 1 + (at - BEGAN) / 1000) for n, at in spoken(8000, 600)),
    "no times": lambda: ((n, 0.0) for n, _ in spoken(16000)),
}


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("case", HARMLESS)
def test_no_rate_is_told_of_a_call_that_was_announced_right(case: str, rate: int) -> None:
    assert told(rate, ((samples * rate // 8000, at) for samples, at in HARMLESS[case]())) == (0, 0.0)


@pytest.mark.parametrize("step_s", [-3600, 3600], ids=["back", "forth"])
def test_it_is_told_though_a_clock_is_set(step_s: int) -> None:
    rate, after_s = told(8000, ((n, at + step_s * (at > BEGAN + 5)) for n, at in spoken(16000)))
    assert rate == 16000
    assert after_s - step_s < 20


def test_it_is_told_once_and_judged_at_the_beginning_only() -> None:
    watch = RateWatch(8000)
    assert len([rate for frame in spoken(16000, 120) if (rate := watch.push(*frame))]) == 1
    late = RateWatch(8000)
    for frames in (spoken(8000, JUDGED_S), ((n, at + JUDGED_S) for n, at in spoken(16000))):
        assert {late.push(*frame) for frame in frames} == {0}


def doubts(
    true_rate: int, service_class: ServiceClass = ServiceClass.LIVE, with_times: bool = True, reopened: bool = False
) -> list[FormatDoubt]:
    """What the stage tells of a call that was announced with 8000 Hz; `reopened`: by another worker for each frame."""
    one, position = Call(Quiet(), 8000, Encoding.MULAW, service_class=service_class), 0
    for samples, at in spoken(true_rate, 20, 0.1):
        position += samples
        one.push(Frame(0, position, b"\xff" * samples, audio_at=at if with_times else 0.0))
        one = one.reopen() if reopened else one
    one.close()
    return one.bodies(FormatDoubt)


def test_the_timeline_says_what_was_announced_and_what_it_is_likely_to_be() -> None:
    (doubt,) = doubts(16000)
    assert (doubt.channel, doubt.looks_like) == (0, SoundFormat.OTHER_RATE)
    assert doubt.detail == "announced as 8000 Hz, but comes 2.00 times as fast as it is spoken, like sound of 16000 Hz"
    assert 23_000 < doubt.end_ms - doubt.start_ms < doubt.end_ms < 26_000


def test_nothing_is_told_of_the_right_rate_or_of_a_recording_or_without_times() -> None:
    assert doubts(8000) == doubts(16000, ServiceClass.BULK) == doubts(16000, with_times=False) == []


def test_it_is_the_same_however_often_the_call_changes_hands() -> None:
    assert doubts(16000, reopened=True) == doubts(16000)


def test_what_comes_twice_is_no_sound() -> None:
    one = Call(Quiet(), 8000, Encoding.MULAW)
    for number, (samples, at) in enumerate(spoken(8000, 20, 0.1), 1):
        for _ in range(2):
            one.push(Frame(0, number * samples, b"\xff" * samples, audio_at=at))
    assert one.close().bodies(FormatDoubt) == []


@pytest.mark.parametrize(("pause_s", "told"), [(0.02, True), (0.6, False)])
def test_windows_before_a_pause_do_not_count(pause_s: float, told: bool) -> None:
    watch, at = RateWatch(8000), BEGAN
    found = [watch.push(160, at)]
    for number in range(700):
        at += pause_s if number == 550 else 0.02
        found.append(watch.push(320, at))
    assert any(found) == told
