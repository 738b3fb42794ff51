"""A stage as a service: its settings, its endpoints, and its end."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from speakerline.shared.environment import InvalidSettings
from speakerline.shared.pipeline import PIPELINE, VAD
from speakerline.shared.runtime.service_settings import ServiceSettings
from tests.redis_server import RedisServer
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, until, working
from tests.runtime.processes import wait_for
from tests.runtime.serving import Serve, get


async def test_a_service_works_tells_how_it_is_and_ends_cleanly(redis_url: str, serve: Serve) -> None:
    process, url, log = serve(redis_url)
    await until(lambda: get(f"{url}/healthz") == (200, "alive"), 90)
    frames = frames_of(1, 20)
    async with working(redis_url, PIPELINE[1:]), producing(redis_url) as producer:
        await play(producer, a_call("c"), frames)
        assert await timeline(redis_url, "c")
    assert get(f"{url}/readyz") == (200, "ready")
    status, metrics = get(f"{url}/metrics")
    assert status == 200
    for series in (
        'speakerline_events_total{stage="vad"}',
        'speakerline_commits_total{outcome="done",stage="vad"}',
        'speakerline_takes_total{kind="new",stage="vad"} 1.0',
        'speakerline_queue_seconds_bucket{le="0.1",stage="vad"}',
        'speakerline_work_seconds_count{stage="vad"}',
        'speakerline_lag_seconds_count{stage="vad"}',
        'speakerline_group_lag_calls{stage="vad"} 0.0',
        'speakerline_dead_letters_total{stage="vad"} 0.0',
        'speakerline_sheds{stage="vad"} 0.0',
    ):
        assert series in metrics, series
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    settings = next(line for line in lines if line["event"] == "settings")
    assert settings["lease_s"] == 5.0 and settings["host"] == "127.0.0.1"
    assert [line for line in lines if line["event"] == "released"]


def test_a_service_is_ready_only_while_redis_answers(
    new_redis_server: Callable[..., RedisServer], serve: Serve
) -> None:
    server = new_redis_server()
    _, url, _ = serve(server.url)
    wait_for(lambda: get(f"{url}/readyz") == (200, "ready"), 90)
    server.pause()
    assert get(f"{url}/readyz") == (503, "Redis did not answer within 1 s")
    server.resume()
    wait_for(lambda: get(f"{url}/readyz")[0] == 200)
    server.command("CONFIG", "SET", "maxmemory", "1")
    status, reason = get(f"{url}/readyz")
    assert status == 200, "stages make room"
    assert re.fullmatch("ready; Redis is full, [0-9]+ of 0 MB: new calls and new sound wait", reason)
    server.command("CONFIG", "SET", "maxmemory", "0")
    assert get(f"{url}/readyz") == (200, "ready")
    server.kill()
    status, reason = get(f"{url}/readyz")
    assert status == 503
    assert reason.startswith("Redis can't be reached: ")
    server.start()
    wait_for(lambda: get(f"{url}/readyz")[0] == 200)


def test_a_service_waits_for_redis_and_can_be_ended_meanwhile(serve: Serve) -> None:
    server = RedisServer()
    process, url, _ = serve(server.url)
    wait_for(lambda: get(f"{url}/healthz")[0] == 200, 90)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    server.close()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LEASE_S", "abc", "valid number"),
        ("LEASE_S", "0", "greater than or equal to 0.5"),
        ("PORT", "99999", "less than or equal to 65535"),
        ("CAPACITY", "1.5", "valid integer"),
        ("REDIS_URL", "http://x", "expected redis://host:port/db"),
        ("REDIS_URL", "redis://host:port", "expected redis://host:port/db"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(name: str, value: str, message: str) -> None:
    with pytest.raises(InvalidSettings) as raised:
        ServiceSettings.from_environment({f"SPEAKERLINE_{name}": value})
    assert f"SPEAKERLINE_{name}={value!r}" in str(raised.value)
    assert message in str(raised.value)


def test_settings_come_from_the_environment_and_are_loopback_by_default() -> None:
    given = {"SPEAKERLINE_LEASE_S": "2.5", "SPEAKERLINE_LINGER_S": "0.04", "SPEAKERLINE_PORT": "", "OTHER": "x"}
    settings = ServiceSettings.from_environment(given)
    assert (settings.lease_s, settings.port, settings.host) == (2.5, 8000, "127.0.0.1")
    assert (settings.options_for(VAD).lease_s, settings.options_for(VAD).linger_s) == (2.5, 0.04)


def test_a_password_is_not_printed() -> None:
    urls = {"redis_url": "redis://user:secret@host:6379/0", "otlp_endpoint": "https://user:secret@host/v1/traces"}
    printed = ServiceSettings(**urls).printable()
    assert [printed[name] for name in urls] == ["redis://user:***@host:6379/0", "https://user:***@host/v1/traces"]


@pytest.mark.parametrize("url", ["http://:secret@host", "redis://:my/secret@host", "redis://:secret@host:port"])
def test_a_password_in_a_wrong_url_is_not_printed_either(url: str) -> None:
    with pytest.raises(InvalidSettings) as raised:
        ServiceSettings.from_environment({"SPEAKERLINE_REDIS_URL": url})
    assert "@host" in str(raised.value) and "secret" not in str(raised.value)


def test_the_last_words_of_a_service_that_fails_quote_nothing_of_a_call() -> None:
    program = """if True:
        import asyncio
        from speakerline.shared.environment import EnvironmentSettings
        from speakerline.shared.pipeline import VAD
        from speakerline.shared.runtime.launch import launch

        def build(settings, metrics):
            lost = {"message": "a lost task", "exception": ValueError("zan" + "zibar")}
            asyncio.get_running_loop().call_exception_handler(lost)
            int("zan" + "zibar")

        launch(VAD, EnvironmentSettings, build)
    """
    failed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith("vad: ValueError at ")
    assert "a lost task" in failed.stderr and "in run_service" in failed.stderr
    assert "zanzibar" not in failed.stderr
