"""The gateway as a process: what it tells of itself, how it starts, and how it ends."""

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.gateway.plain_http import get
from tests.gateway.serving import GatewayProcess, gateway_process
from tests.redis_server import RedisServer


def test_it_tells_how_it_is_and_ends_cleanly(redis_url: str, tmp_path: Path) -> None:
    with gateway_process(redis_url, tmp_path / "log") as gateway, httpx.Client(base_url=gateway.url) as client:
        assert client.get("/readyz").text == "ready"
        assert "speakerline_gateway_build_info" in get(gateway.metrics_url).text
        assert client.get("/metrics").status_code == 404, "clients have no business there"
        assert client.get("/openapi.json").json()["info"]["title"] == "Speakerline"
        assert gateway.end() == 0
    lines = [json.loads(line) for line in gateway.log.read_text().splitlines()]
    assert [line["event"] for line in lines if line["level"] != "info"] == []


def test_it_is_not_ready_while_redis_is_away(new_redis_server: Callable[..., RedisServer], tmp_path: Path) -> None:
    server = new_redis_server(aof=True)
    with gateway_process(server.url, tmp_path / "log") as gateway:
        server.kill()
        answer = get(f"{gateway.url}/readyz")
        assert (answer.status_code, answer.text.startswith("Redis does not answer")) == (503, True)
        assert get(f"{gateway.url}/healthz").text == "alive"
        server.start()
        assert get(f"{gateway.url}/readyz").text == "ready"
        assert gateway.end(signal.SIGINT) == 0


def test_a_port_of_metrics_that_is_taken_ends_it_with_one_line(redis_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        gateway = GatewayProcess(redis_url, tmp_path / "log", gateway_metrics_port=str(port))
        assert gateway.launch().wait(90) == 1
    assert gateway.log.read_text().splitlines()[-1] == (
        f"gateway: SPEAKERLINE_GATEWAY_METRICS_PORT='{port}': Address already in use on 127.0.0.1, expected a free one"
    )


def test_a_wrong_option_ends_it_with_one_line(redis_url: str, tmp_path: Path) -> None:
    gateway = GatewayProcess(redis_url, tmp_path / "log", gateway_port="70000")
    assert gateway.launch().wait(90) == 1
    assert gateway.log.read_text().splitlines() == [
        "gateway: SPEAKERLINE_GATEWAY_PORT='70000': Input should be less than or equal to 65535"
    ]
