"""`watch` where calls are gone or lost: it says what there is, and never hangs."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from speakerline.shared.client.forget import forget
from speakerline.shared.codec import write
from speakerline.shared.contract.v1 import CallEnded, CallStarted, TimelineBody
from speakerline.shared.event_kinds import timeline_event
from speakerline.shared.keys import FIREHOSE
from speakerline.shared.pipeline import TIMELINE
from speakerline.tools.cli.main import main
from speakerline.tools.sample_call import sample_call
from tests.cli.command import LIMIT_S, start
from tests.client.spoken_call import aggregating, spoken
from tests.redis_server import RedisServer
from tests.runtime.playing import until


@pytest.fixture
def watch() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []

    def one(url: str, *words: str) -> "subprocess.Popen[str]":
        started.append(start("watch", *words, "--redis", url))
        return started[-1]

    yield one
    for process in started:
        process.kill()
        process.wait()


async def reading(url: str, watcher: "subprocess.Popen[str]") -> None:
    """It has got as far as waiting for events."""
    with Redis.from_url(url) as redis:
        await until(lambda: any(client["cmd"] == "xread" for client in redis.client_list()))
    assert watcher.poll() is None


def tell(redis: "Redis", call_id: str, seq: int, body: TimelineBody) -> None:
    event = write(TIMELINE, timeline_event(call_id, seq, 0, body))
    redis.xadd(FIREHOSE, {"call_id": call_id, "event": event, "epoch": "e"})


async def test_an_event_of_a_call_that_is_gone_holds_up_no_other_call(
    redis_url: str, watch: Callable[..., "subprocess.Popen[str]"]
) -> None:
    watcher = watch(redis_url)
    await reading(redis_url, watcher)
    with Redis.from_url(redis_url) as redis:
        tell(redis, "gone", 5, CallEnded(end_ms=1000))
        tell(redis, "here", 1, CallStarted("here", 8000))
    assert watcher.stdout
    assert watcher.stdout.readline() == "here     0:00           call here started\n"
    watcher.send_signal(signal.SIGINT)
    assert watcher.communicate(timeout=LIMIT_S) == ("", "")


async def test_what_redis_lost_is_told_and_the_rest_is_as_stored(
    redis_server: RedisServer, watch: Callable[..., "subprocess.Popen[str]"]
) -> None:
    url = redis_server.url
    async with aggregating(url), spoken(url) as call:
        await call.say("one", "two", "three")
        plain, as_json, every = watch(url, "c"), watch(url, "c", "--json"), watch(url, "c", "--json", "--after", "2")
        for watcher in (plain, as_json, every):
            assert watcher.stdout
            assert watcher.stdout.readline()
        redis_server.command("FLUSHALL", "SYNC")
        await call.announce()
        await call.say("uno")
        await call.end()
    lines, _ = plain.communicate(timeout=LIMIT_S)
    assert "events were lost: the timeline goes on from here" in lines
    assert lines.count("uno") == 1 and "call ended after 0:00" in lines
    for watcher in (as_json, every):
        told = [json.loads(line) for line in watcher.communicate(timeout=LIMIT_S)[0].splitlines()]
        assert any("restarted" in event for event in told)
        assert "call_ended" in told[-1] or told[-1]["restarted"]["ended"]
        assert not any("epoch" in event for event in told)


@pytest.mark.parametrize("words", [(), ("--json",)], ids=["as text", "as JSON"])
def test_a_call_that_does_not_begin_is_waited_for_as_long_as_is_asked(
    redis_url: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", "nobody", "--timeout", "0.5", *words, "--redis", redis_url]) == 1
    assert capsys.readouterr() == (
        "",
        "speakerline: no call 'nobody' yet: waiting for it, 0.5 s at most\n"
        "speakerline: call 'nobody' has not begun within 0.5 s\n",
    )


async def test_a_call_that_is_erased_is_told_to_who_watches_it_and_to_who_comes_later(
    redis_url: str, watch: Callable[..., "subprocess.Popen[str]"]
) -> None:
    async with aggregating(redis_url), spoken(redis_url) as call:
        await call.say("one")
        watching = [watch(redis_url, "c", *words) for words in ((), ("--json",))]
        for watcher in watching:
            assert watcher.stdout and watcher.stdout.readline()
        await forget(redis_url, "c")
        watching += [watch(redis_url, "c", *words) for words in ((), ("--json",), ("--after", "1"))]
        for watcher in watching:
            assert watcher.communicate(timeout=LIMIT_S)[1] == "speakerline: call 'c' was erased\n"
            assert watcher.returncode == 1


def test_publish_fails_where_no_stage_finishes_the_call(redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("publish", str(sample_call()), "--call", "alone", "--pace", "max", "--wait", "0.5", "--redis", redis_url)
    assert main(words) == 1
    assert "call alone: sent in full, but not finished 0.5 s later: do all stages run?" in capsys.readouterr().err
