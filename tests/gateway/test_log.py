"""The log of the gateway holds no word, no metadata and no id of a call: nothing of it is left to erase."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Iterator, Sequence

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from speakerline.shared.logs import JsonLines
from tests.gateway.calling import Logs, open_socket, twilio_media, twilio_start
from tests.gateway.plain_http import get
from tests.gateway.scripted import ScriptedPeer, dialect_of, taking
from tests.gateway.serving import GatewayProcess, gateway_process
from tests.redis_server import RedisServer

MARK = "zanzibar"


def lines(gateway: GatewayProcess, after: int = 0) -> list[dict[str, str]]:
    """What it has logged beyond so many lines."""
    told = [json.loads(line) for line in gateway.log.read_text().splitlines() if line.startswith("{")]
    return told[after:]


def hello(**fields: object) -> str:
    return json.dumps({"call_id": MARK, "metadata": {MARK: MARK}, **fields})


@pytest.fixture(scope="module")
def gateway(_session_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with gateway_process(_session_redis.url, tmp_path_factory.mktemp("gateway") / "log") as running:
        yield running


@pytest.fixture
def emptied_url(_session_redis: RedisServer) -> str:
    """Of the Redis of that gateway, which keeps its connections."""
    _session_redis.command("FLUSHALL", "SYNC")
    return _session_redis.url


async def test_a_call_that_is_erased_is_named_by_its_digest(gateway: GatewayProcess, emptied_url: str) -> None:
    logs = Logs(emptied_url)
    async with open_socket(gateway.url, "/twilio") as socket:
        await socket.send(twilio_start(MARK, note=MARK))
        await logs.calls(1)
        assert (await asyncio.to_thread(httpx.delete, f"{gateway.url}/calls/{MARK}")).status_code == 200
        with pytest.raises(ConnectionClosed):
            for number in range(2000):
                await socket.send(twilio_media(number, bytes(160)))
                await asyncio.sleep(0.02)
    assert (socket.close_code, socket.close_reason) == (1008, f"call '{MARK}' was erased")
    digest = hashlib.sha256(MARK.encode()).hexdigest()[:12]
    told = {line["event"]: line for line in lines(gateway)}
    assert told["call erased"]["call"] == told["call ended by others"]["call"] == digest
    assert told["call ended by others"]["error"] == f"call {digest} was erased"
    assert MARK not in gateway.log.read_text()
    await logs.aclose()


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        pytest.param("l16", [hello(sample_rate=MARK)], id="a rate that is a word"),
        pytest.param("l16", [hello(encoding=MARK)], id="an encoding that is none"),
        pytest.param("l16", [hello(language=f"{MARK} and more"), bytes(320)], id="a language that is none"),
        pytest.param("l16", [hello(metadata=MARK)], id="metadata that is text"),
        pytest.param("l16", [hello(metadata={MARK: MARK * 10_000}), bytes(320)], id="metadata that is too large"),
        pytest.param("l16", [MARK], id="no JSON"),
        pytest.param("twilio", [twilio_start(MARK).replace("audio/x-mulaw", MARK)], id="a format that is none"),
        pytest.param("twilio", [twilio_start(MARK, language=f"{MARK} {MARK}")], id="a language of Twilio"),
        pytest.param("twilio", [twilio_start(MARK), twilio_media(0, b"x", MARK)], id="a track that is none"),
        pytest.param("twilio", [json.dumps({"event": [MARK]})], id="an event that is none"),
    ],
)
async def test_what_is_refused_is_told_to_who_sent_it_and_quoted_in_no_log(
    emptied_url: str, caplog: pytest.LogCaptureFixture, name: str, messages: Sequence[str | bytes]
) -> None:
    caplog.set_level(logging.DEBUG, "speakerline")
    peer = ScriptedPeer(messages)
    async with taking(emptied_url) as incoming:
        await incoming.serve(name, dialect_of(name), peer, "")
    ((code, reason),) = peer.closed
    assert code > 1000 and reason
    logged = [JsonLines().format(record) for record in caplog.records if record.name == "speakerline"]
    assert [line for line in logged if "refused" in line]
    assert not [line for line in logged if MARK in line]


async def test_a_socket_that_is_refused_is_no_fault_of_the_gateway(gateway: GatewayProcess) -> None:
    before = len(lines(gateway))
    for path in ("/nowhere", "/", f"/calls/{MARK}/events/{MARK}"):
        with pytest.raises(InvalidStatus, match="404"):
            async with open_socket(gateway.url, path):
                pass
    assert "settings" in [line["event"] for line in lines(gateway)]
    assert [line for line in lines(gateway, before) if line["level"] in ("warning", "error")] == []


def test_requests_about_a_call_are_in_no_log(gateway: GatewayProcess) -> None:
    calls = (f"calls/{MARK}", f"calls/{MARK}/events", f"calls/{MARK}/export/txt", f"calls/a%20{MARK}")
    for path in (*calls, MARK):
        assert get(f"{gateway.url}/{path}").status_code >= 400
    assert MARK not in gateway.log.read_text()
