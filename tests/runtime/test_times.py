"""The times of entries: Redis says when they came, and a producer's clock is believed only where it can be right."""

import time

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from speakerline.shared.keys import FIREHOSE
from speakerline.shared.pipeline import SPEECH
from speakerline.shared.runtime.connection import pairs
from speakerline.shared.runtime.log import LAST_NUMBER, read_event, read_frame
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.redis_clock import RedisClock
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, working

NOW = 1000.0


@pytest.mark.parametrize(
    ("told", "believed", "odd"),
    [
        pytest.param(b"899.5", 899.5, False, id="it waited at the producer"),
        pytest.param(b"840.0", 840.0, False, id="for a minute"),
        pytest.param(b"839.9", 840.0, True, id="for longer than can be"),
        pytest.param(b"900.5", 900.0, False, id="the clock is a little ahead"),
        pytest.param(b"901.5", 900.0, True, id="the clock is ahead"),
        pytest.param(b"9e99", 900.0, True, id="the clock is beyond all time"),
        pytest.param(b"-5", 840.0, True, id="the time is negative"),
        pytest.param(b"nan", 900.0, False, id="it is no finite number"),
        pytest.param(b"-inf", 900.0, False, id="it is infinite"),
        pytest.param(b"soon", 900.0, False, id="it is no number"),
        pytest.param(None, 900.0, False, id="nothing is told"),
    ],
)
def test_when_the_sound_of_a_frame_came_in(told: bytes | None, believed: float, odd: bool) -> None:
    fields = [b"pcm", b"x", b"sent_at", b"900.000", *([b"audio_at", told] if told else [])]
    frame = read_frame(0, b"800-0", fields, NOW)
    assert (frame.audio_at, frame.arrived_at, frame.odd_time) == (believed, 900.0, odd)


@pytest.mark.parametrize("fields", [[], [b"sent_at", b"2000.0"]], ids=["another program wrote it", "in the future"])
def test_what_carries_no_possible_time_came_when_it_was_read(fields: list[bytes]) -> None:
    assert read_frame(0, b"800-0", [b"pcm", b"x", *fields], NOW).arrived_at == NOW
    assert read_event(SPEECH, b"800-1", [b"event", b"{}", *fields], NOW).arrived_at == NOW
    assert read_event(SPEECH, b"800-%d" % LAST_NUMBER, [b"through", b"", *fields], NOW).arrived_at == NOW


async def test_every_entry_carries_the_time_of_redis(redis: Redis, redis_url: str) -> None:
    seconds, microseconds = await redis.time()
    before = seconds + microseconds / 1e6
    async with working(redis_url), producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        for pcm in frames_of(1, 20):
            outgoing.send(pcm)
        await outgoing.drain()
        frames = await redis.execute_command("XRANGE", "call:{c}:audio:0", "800", "+")
        await outgoing.end()
        await timeline(redis_url, "c")
    seconds, microseconds = await redis.time()
    events = await redis.execute_command("XRANGE", "call:{c}:turns", "-", "+")
    firehose = await redis.execute_command("XRANGE", FIREHOSE, "-", "+")
    assert frames and events and firehose
    for _, fields in [*frames, *events, *firehose]:
        assert before - 0.001 <= float(pairs(fields)[b"sent_at"]) <= seconds + microseconds / 1e6


async def test_wrong_clocks_of_producers_are_counted(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = CollectorRegistry()
    real = time.time
    monkeypatch.setattr("speakerline.shared.client.outgoing.time.time", lambda: real() - 3600)
    async with working(redis_url, metrics=Metrics(registry)), producing(redis_url) as producer:
        await play(producer, a_call("c"), frames_of(1, 20))
        await timeline(redis_url, "c")
    value = registry.get_sample_value
    assert value("speakerline_odd_times_total", {"stage": "vad"}) == 20
    count = value("speakerline_lag_seconds_count", {"stage": "vad"})
    assert count and value("speakerline_lag_seconds_sum", {"stage": "vad"}) < 61 * count  # type: ignore[operator]


async def test_the_clock_of_redis_goes_on_between_its_answers(redis: Redis) -> None:
    clock = RedisClock()
    clock.heard(await redis.execute_command("TIME"))
    first = clock.now()
    seconds, microseconds = await redis.time()
    assert first <= clock.now() <= seconds + microseconds / 1e6 + 5
    clock.heard([1000, 500_000])
    assert 1000.5 <= clock.now() < 1060
