"""Calls over the sockets of a running gateway: what of them lies in Redis, and how sockets are closed."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from websockets.exceptions import InvalidStatus

from tests.gateway.calling import Logs, dial, open_socket, twilio_media, twilio_start
from tests.gateway.plain_http import get
from tests.gateway.serving import GatewayProcess, gateway_process
from tests.ports import free_port
from tests.redis_server import RedisServer

SETTINGS = {
    "intake_hello_s": "2",
    "intake_idle_s": "4",
    "gateway_message_bytes": "8192",
    "intake_sockets_per_tenant": "6",
    "intake_calls_per_tenant": "4",
    "log_call_ids": "true",
}


@pytest.fixture(scope="module")
def running(_session_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    log = tmp_path_factory.mktemp("gateway") / "log"
    port = {"intake_audiosocket_port": str(free_port())}
    with gateway_process(_session_redis.url, log, **SETTINGS, **port) as gateway:
        gateway.audiosocket = int(port["intake_audiosocket_port"])  # type: ignore[attr-defined]
        yield gateway
        assert gateway.end() == 0
        assert "Traceback" not in log.read_text()


@pytest.fixture
async def logs(_session_redis: RedisServer) -> AsyncIterator[Logs]:
    _session_redis.command("FLUSHALL", "SYNC")
    found = Logs(_session_redis.url)
    yield found
    await found.aclose()


def refused(gateway: GatewayProcess, reason: str) -> float:
    return metric(gateway, f'speakerline_gateway_refused_total{{reason="{reason}"}}')


def metric(gateway: GatewayProcess, series: str) -> float:
    text = get(gateway.metrics_url).text
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def positions(entries: list[tuple[int, dict[str, bytes]]], width: int = 1) -> list[int]:
    """Where each 20 ms at 8 kHz end, of samples of so many bytes; a frame may hold several."""
    sound = [(end, len(fields["pcm"]) // width) for end, fields in entries if "pcm" in fields]
    return [at for end, samples in sound for at in range(end - samples + 160, end + 1, 160)]


async def test_a_twilio_call_of_two_tracks_is_a_call_of_two_channels(running: GatewayProcess, logs: Logs) -> None:
    sound = [twilio_media(n, bytes([n]) * 160, track) for n in range(10) for track in ("inbound", "outbound")]
    lost = [message for n, message in enumerate(sound) if n != 9]
    dtmf = json.dumps({"event": "dtmf", "dtmf": {"track": "inbound_track", "digit": "7"}})
    start = twilio_start("CA1", ("inbound", "outbound"), queue="sales")
    stop = json.dumps({"event": "stop"})
    assert await dial(running.url, "/twilio", ['{"event":"connected"}', start, *lost, dtmf, stop]) == (1000, "")
    (call,) = await logs.announced()
    assert (call["call_id"], call["channels"], call["encoding"]) == ("CA1", 2, "ENCODING_MULAW")
    assert call["channel_mode"] == "CHANNEL_MODE_SEPARATE"
    assert call["metadata"] == {"queue": "sales", "channel_0": "inbound", "channel_1": "outbound"}
    inbound, outbound = await logs.closed("CA1"), await logs.closed("CA1", 1)
    assert positions(inbound) == [160 * n for n in range(1, 11)]
    assert positions(outbound) == [160 * n for n in range(1, 11) if n != 5]
    assert [(at, fields["dtmf"]) for at, fields in inbound if "dtmf" in fields] == [(1600, b"7")]
    assert metric(running, 'speakerline_gateway_lost_seconds_total{dialect="twilio"}') == pytest.approx(0.02)


async def test_the_end_of_the_socket_ends_the_call(running: GatewayProcess, logs: Logs) -> None:
    async with open_socket(running.url, "/twilio") as socket:
        await socket.send(twilio_start("CA2"))
        await socket.send(twilio_media(0, bytes(160)))
        await logs.calls(1)
        socket.transport.abort()
    assert positions(await logs.closed("CA2")) == [160]


async def test_a_call_whose_id_is_taken_gets_another(running: GatewayProcess, logs: Logs) -> None:
    for _ in range(2):
        assert await dial(running.url, "/twilio", [twilio_start("CA3"), '{"event":"stop"}']) == (1000, "")
    first, second = [call["call_id"] for call in await logs.announced()]
    assert first == "CA3" and re.fullmatch("CA3-[0-9a-f]{8}", second)


async def test_stereo_at_48_khz_is_two_channels_at_16_khz(running: GatewayProcess, logs: Logs) -> None:
    hello = json.dumps({"call_id": "m1", "sample_rate": 48_000, "channels": 2, "metadata": {"who": "Ann"}})
    await dial(running.url, "/l16", [hello, *[bytes(4 * 960)] * 20, '{"event":"stop"}'])
    (call,) = await logs.announced()
    assert (call["sample_rate"], call["encoding"], call["channels"]) == (16_000, "ENCODING_S16LE", 2)
    assert [(await logs.closed("m1", channel))[-1][0] for channel in (0, 1)] == [6400, 6400]


async def test_a_slip_in_the_path_is_no_lack_of_rights(running: GatewayProcess) -> None:
    with pytest.raises(InvalidStatus) as refused_with:
        await dial(running.url, "/twillio", [])
    answer = refused_with.value.response
    assert answer.status_code == 404
    assert b"no such path: producers of calls connect to /twilio, " in (answer.body or b"")


async def test_an_audiosocket_connection_is_a_call(running: GatewayProcess, logs: Logs) -> None:
    name = UUID(int=7)
    port = running.audiosocket  # type: ignore[attr-defined]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x01\x00\x10" + name.bytes + b"\x03\x00\x015" + (b"\x10\x01\x40" + bytes(320)) * 5)
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    entries = await logs.closed(str(name))
    assert positions(entries, width=2) == [160, 320, 480, 640, 800]
    assert [fields["dtmf"] for _, fields in entries if "dtmf" in fields] == [b"5"]


async def test_asterisk_is_told_to_hang_up_when_it_says_nonsense(running: GatewayProcess, logs: Logs) -> None:
    before = refused(running, "malformed")
    reader, writer = await asyncio.open_connection("127.0.0.1", running.audiosocket)  # type: ignore[attr-defined]
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await reader.read() == b"\x00\x00\x00"
    writer.close()
    assert refused(running, "malformed") == before + 1


@pytest.mark.parametrize(
    ("messages", "code", "reason", "said"),
    [
        pytest.param([], 4408, "no_hello", "no call was opened within 2 s", id="nothing"),
        pytest.param(['{"event":"connected"}'], 4408, "no_hello", "no call was opened", id="no start"),
        pytest.param([twilio_start("CA4")], 4409, "idle", "nothing came for 4 s", id="no sound"),
        pytest.param(["{"], 1007, "malformed", "expected JSON", id="half a message"),
        pytest.param([b"\x00"], 1003, "unsupported", "expected JSON in a text message", id="binary"),
        pytest.param([twilio_media(0, bytes(160))], 1008, "out_of_turn", "before the start", id="sound first"),
        pytest.param([twilio_start("@acme/x")], 1008, "call", "does not begin with @", id="the name of another tenant"),
    ],
)
async def test_a_socket_is_closed_with_a_code_a_reason_and_a_metric(
    running: GatewayProcess, logs: Logs, messages: list[str | bytes], code: int, reason: str, said: str
) -> None:
    before = refused(running, reason)
    closed = await dial(running.url, "/twilio", messages)
    assert (closed[0], said in closed[1]) == (code, True), closed
    assert refused(running, reason) == before + 1
    for call in await logs.announced():
        await logs.closed(call["call_id"])


async def test_a_message_that_is_too_long_closes_the_socket_and_ends_the_call(
    running: GatewayProcess, logs: Logs
) -> None:
    before = refused(running, "too_large")
    async with open_socket(running.url, "/twilio") as socket:
        await socket.send(twilio_start("CA5"))
        await logs.calls(1)
        await socket.send(twilio_media(0, bytes(9000)))
        await socket.wait_closed()
        assert socket.close_code == 1009
    await logs.closed("CA5")
    assert refused(running, "too_large") == before + 1


async def test_a_tenant_has_so_many_calls_and_sockets_at_once(running: GatewayProcess, logs: Logs) -> None:
    calls = [await open_socket(running.url, "/twilio") for _ in range(4)]
    for number, socket in enumerate(calls):
        await socket.send(twilio_start(f"CB{number}"))
    await logs.calls(4)
    code, reason = await dial(running.url, "/twilio", [twilio_start("one too many")])
    assert (code, reason) == (4429, "4 calls at once: expected at most 4")
    more = [await open_socket(running.url, "/l16") for _ in range(2)]
    assert await dial(running.url, "/l16", []) == (4429, "6 sockets at once: expected at most 6")
    for socket in calls + more:
        await socket.close()
    assert refused(running, "too_many_calls") == refused(running, "too_many_sockets") == 1


async def test_a_browser_that_offers_a_subprotocol_gets_it_back(running: GatewayProcess, logs: Logs) -> None:
    async with open_socket(running.url, "/jambonz", subprotocols=["audio.jambonz.org"]) as socket:
        assert socket.subprotocol == "audio.jambonz.org"
        assert socket.response and "Sec-WebSocket-Extensions" not in socket.response.headers


async def test_no_log_tells_the_address_of_a_socket(running: GatewayProcess, logs: Logs) -> None:
    await dial(running.url, "/l16?call_id=desk-7&ticket=a-secret", ["{}", bytes(320), '{"event":"stop"}'])
    await logs.closed("desk-7")
    assert "a-secret" not in running.log.read_text()


async def test_sinch_is_answered(running: GatewayProcess, logs: Logs) -> None:
    async with open_socket(running.url, "/sinch") as socket:
        await socket.send(json.dumps({"command": "connect", "callId": "s1", "codec": "PCM", "sampleRate": 16_000}))
        assert json.loads(await socket.recv()) == {"command": "answer"}


# Ends and outages


@pytest.fixture
def own_url(new_redis_server: Callable[..., RedisServer]) -> str:
    """Of another Redis: the gateway of the module sends its latest calls again when its own is emptied."""
    return new_redis_server().url


async def test_sigterm_lets_calls_go_on_to_their_end(own_url: str, tmp_path: Path) -> None:
    logs = Logs(own_url)
    with gateway_process(own_url, tmp_path / "log", gateway_grace_s="60") as gateway:
        assert gateway.process
        async with open_socket(gateway.url, "/twilio") as socket:
            await socket.send(twilio_start("CA1"))
            await logs.calls(1)
            gateway.process.send_signal(signal.SIGTERM)
            while get(f"{gateway.url}/readyz").status_code != 503:
                await asyncio.sleep(0.05)
            with pytest.raises(InvalidStatus, match="503"):
                await dial(gateway.url, "/twilio", [])
            for number in range(5):
                await socket.send(twilio_media(number, bytes(160)))
            await socket.send('{"event":"stop"}')
            with pytest.raises(StopAsyncIteration):
                await anext(aiter(socket))
        assert await asyncio.to_thread(gateway.process.wait, 60) == 0
    assert positions(await logs.closed("CA1")) == [160, 320, 480, 640, 800]
    await logs.aclose()


async def test_a_call_that_outlives_the_grace_is_ended(own_url: str, tmp_path: Path) -> None:
    logs = Logs(own_url)
    with gateway_process(own_url, tmp_path / "log", gateway_grace_s="0.2") as gateway:
        async with open_socket(gateway.url, "/twilio") as socket:
            await socket.send(twilio_start("CA1"))
            await socket.send(twilio_media(0, bytes(160)))
            await logs.calls(1)
            assert await asyncio.to_thread(gateway.end) == 0
    assert positions(await logs.closed("CA1")) == [160]
    await logs.aclose()


async def test_what_came_while_redis_was_away_is_in_the_log_when_it_is_back(
    new_redis_server: Callable[..., RedisServer], tmp_path: Path
) -> None:
    server = new_redis_server(aof=True)
    logs = Logs(server.url)
    with gateway_process(server.url, tmp_path / "log") as gateway:
        async with open_socket(gateway.url, "/twilio") as socket:
            await socket.send(twilio_start("CA1"))
            await socket.send(twilio_media(0, bytes(160)))
            while len(await logs.entries("CA1")) < 1:
                await asyncio.sleep(0.05)
            server.kill()
            for number in range(1, 400):
                await socket.send(twilio_media(number, bytes(160)))
            await asyncio.sleep(1)
            server.start()
            await socket.send('{"event":"stop"}')
            assert [message async for message in socket] == []
        assert positions(await logs.closed("CA1")) == [160 * number for number in range(1, 401)]
    await logs.aclose()


async def test_a_call_can_not_begin_while_redis_is_away_and_nothing_hangs(
    new_redis_server: Callable[..., RedisServer], tmp_path: Path
) -> None:
    server = new_redis_server()
    with gateway_process(server.url, tmp_path / "log", intake_hello_s="60") as gateway:
        server.kill()
        code, reason = await dial(gateway.url, "/twilio", [twilio_start("CA1")])
        assert (code, "could not be announced within 10 s" in reason) == (1013, True)
        assert refused(gateway, "no_redis") == 1
        assert gateway.end() == 0
