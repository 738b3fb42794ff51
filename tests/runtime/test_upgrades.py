"""Versions side by side: what a newer one writes is passed over or set aside by an older one, and nothing is lost."""

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.runtime.connection import connect
from speakerline.shared.runtime.metrics import Metrics
from tests.client.spoken_call import aggregating, spoken


async def add(redis: Redis, log: str, entry: str, event: str) -> None:
    await redis.execute_command("XADD", f"call:{{c}}:{log}", entry, "event", event)


async def test_an_event_that_only_a_newer_version_knows_is_passed_over_and_counted(redis_url: str) -> None:
    registry, redis = CollectorRegistry(), connect(redis_url)
    async with aggregating(redis_url, Metrics(registry)), spoken(redis_url) as call, Subscriber(redis_url) as stored:
        await add(redis, "words", "50-1", '{"laughter":{"start_ms":1}}')
        await add(redis, "words", "50-2", '{"gap":{"start_ms":1,"end_ms":2,"reason":"GAP_REASON_EATEN"}}')
        await call.say("one")
        await call.end()
        timeline = await stored.timeline("c")
    assert [one.words[0].text for one in timeline.transcripts.values()] == ["one"]
    assert timeline.gaps == []
    assert not await redis.exists("call:{c}:dead")
    assert registry.get_sample_value("speakerline_unknown_events_total", {"stage": "aggregator"}) == 2
    assert registry.get_sample_value("speakerline_failures_total", {"stage": "aggregator"}) == 0
    await redis.aclose()
