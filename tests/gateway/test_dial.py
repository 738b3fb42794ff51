"""`speakerline dial`: a recording arrives as each producer would send it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import pytest
import soundfile

from speakerline.shared.audio.pcm import decode
from speakerline.shared.contract.v1 import Encoding
from speakerline.tools.cli.main import main
from speakerline.tools.dial.callers import CALLERS
from tests.gateway.calling import Logs
from tests.gateway.serving import GatewayProcess, gateway_process
from tests.ports import free_port
from tests.redis_server import RedisServer
from tests.runtime.processes import ROOT

RATE, SECONDS = 8000, 1.5


@pytest.fixture(scope="module")
def running(_session_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    port, log = free_port(), tmp_path_factory.mktemp("gateway") / "log"
    with gateway_process(_session_redis.url, log, intake_audiosocket_port=str(port)) as gateway:
        gateway.audiosocket = port  # type: ignore[attr-defined]
        yield gateway


@pytest.fixture
async def logs(_session_redis: RedisServer) -> AsyncIterator[Logs]:
    _session_redis.command("FLUSHALL", "SYNC")
    found = Logs(_session_redis.url)
    yield found
    await found.aclose()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two channels of noise that have nothing in common."""
    noise = np.random.default_rng(5).integers(-20_000, 20_000, (int(RATE * SECONDS), 2)).astype(np.int16)
    soundfile.write(tmp_path / "call.wav", noise, RATE)
    return tmp_path / "call.wav"


async def dialled(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "speakerline.tools.cli.main", "dial", *arguments]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode()


@pytest.mark.parametrize("caller", CALLERS)
async def test_every_sample_arrives(running: GatewayProcess, logs: Logs, recording: Path, caller: str) -> None:
    url = f"{running.url.replace('http', 'ws')}/{caller}"
    if caller == "audiosocket":
        url = f"tcp://127.0.0.1:{running.audiosocket}"  # type: ignore[attr-defined]
    code, errors = await dialled(str(recording), url, "--as", caller, "--call", "demo", "--pace", "max")
    assert (code, errors.splitlines()[-1]) == (0, "1.5 s sent")
    (call,) = await logs.announced()
    sent, _ = soundfile.read(recording, dtype="int16")
    if caller == "audiosocket":
        sent = np.rint(sent.mean(axis=1, keepdims=True)).astype(np.int16)
    assert call["call_id"] == (str(uuid5(NAMESPACE_URL, "demo")) if caller == "audiosocket" else "demo")
    assert call.get("channels", 1) == sent.shape[1]
    encoding = Encoding.from_string(call["encoding"].removeprefix("ENCODING_"))
    for channel in range(sent.shape[1]):
        entries = await logs.closed(call["call_id"], channel)
        assert entries[-1][0] == len(sent)
        got = decode(b"".join(fields["pcm"] for _, fields in entries), encoding).astype(int)
        furthest = np.abs(got - sent[:, channel]).max()
        assert furthest <= (1 if encoding == Encoding.S16LE else 1100), "mu-law keeps 20,000 within 512, twice"


async def test_what_the_gateway_says_against_it_is_told(running: GatewayProcess, recording: Path) -> None:
    url = running.url.replace("http", "ws")
    code, errors = await dialled(str(recording), f"{url}/vonage", "--as", "twilio", "--pace", "max")
    assert code == 1
    assert "closed with 1007 expected the event websocket:connected first" in errors.splitlines()[-1]


async def test_why_the_gateway_takes_no_call_is_told(running: GatewayProcess, recording: Path) -> None:
    code, errors = await dialled(str(recording), running.url.replace("http", "ws") + "/twillio", "--as", "twilio")
    assert (code, len(errors.splitlines())) == (1, 1)
    assert "HTTP 404 (no such path: producers of calls connect to /twilio" in errors


@pytest.mark.parametrize(
    ("caller", "url", "said"),
    [
        ("twilio", "ws://127.0.0.1:9/twilio", "ws://127.0.0.1:9/twilio: "),
        ("twilio", "http://127.0.0.1:9/twilio", "for --as twilio: expected ws://HOST:PORT/PATH or wss://..."),
        ("twilio", "tcp://127.0.0.1:9", "for --as twilio: expected ws://HOST:PORT/PATH or wss://..."),
        ("audiosocket", "tcp://127.0.0.1:9", "where SPEAKERLINE_INTAKE_AUDIOSOCKET_PORT names the port"),
    ],
)
def test_nobody_there_and_a_wrong_kind_of_address_are_one_line(
    recording: Path, capsys: pytest.CaptureFixture[str], caller: str, url: str, said: str
) -> None:
    code, errors = main(["dial", str(recording), url, "--as", caller]), capsys.readouterr().err
    assert (code, len(errors.splitlines())) == (1, 1) and said in errors, "and no id of a call that there is not"


async def test_the_id_that_is_told_is_the_one_that_the_address_gives(running: GatewayProcess, recording: Path) -> None:
    url = f"{running.url.replace('http', 'ws')}/twilio?call_id=live-1"
    assert await dialled(str(recording), url, "--as", "twilio", "--pace", "max") == (0, "call live-1\n1.5 s sent\n")
