"""Genesys' own AudioHook client, which nobody here wrote: signed, unsigned, with a wrong secret, and as a probe.

It is not in this repository. Build it from github.com/purecloudlabs/audiohook-reference-implementation (MIT):

    cd client && npm install --omit=dev && npm install esbuild
    npx esbuild src/index.ts --bundle --platform=node --packages=external --outfile=client.js

and put client.js and node_modules into the folder `audiohook-client` of the data beside the checkout.
"""

import asyncio
import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.calling import Logs
from tests.gateway.serving import GatewayProcess, gateway_process
from tests.recordings import recordings

SECRET = base64.b64encode(b"s" * 32).decode()
OTHER_SECRET = base64.b64encode(b"o" * 32).decode()
SIGNED = ("--api-key", "signs", "--client-secret", SECRET)

pytestmark = pytest.mark.slow


@pytest.fixture
def gateway(redis_url: str, tmp_path: Path) -> Iterator[GatewayProcess]:
    recordings("audiohook-client")
    if not shutil.which("node") or not shutil.which("script"):
        pytest.skip("node or script is not on the PATH: they run the client of Genesys")
    keys = f"acme=signs:{SECRET},open:"
    with gateway_process(redis_url, tmp_path / "log", intake_audiohook_keys=keys) as running:
        yield running


async def called(gateway: GatewayProcess, *options: str) -> str:
    """What the client printed. It wants a terminal, which `script` gives it."""
    client = recordings("audiohook-client") / "client.js"
    command = " ".join(["node", str(client), gateway.url.replace("http", "ws") + "/audiohook", *options])
    process = await asyncio.create_subprocess_exec(
        *("script", "-qec", command, "/dev/null"), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 90)
    return printed.decode()


@pytest.mark.parametrize(("options", "owner"), [(SIGNED, "@acme/"), (("--api-key", "open"), "")])
async def test_a_session_is_a_call_of_two_channels(
    gateway: GatewayProcess, redis_url: str, options: tuple[str, ...], owner: str
) -> None:
    printed = await called(gateway, *options, "--max-stream-duration", "3")
    assert "onClosedMessage" in printed and "WARN" not in printed and "ERROR" not in printed, printed
    logs = Logs(redis_url)
    (call,) = await logs.announced()
    assert call["call_id"].startswith(owner) and call.get("tenant", "") == owner.strip("@/")
    assert [(await logs.closed(call["call_id"], channel))[-1][0] for channel in (0, 1)] == [24_000, 24_000]
    await logs.aclose()


async def test_ten_sessions_at_once_are_ten_calls(gateway: GatewayProcess, redis_url: str) -> None:
    printed = await called(gateway, *SIGNED, "--max-stream-duration", "2", "--session-count", "10")
    assert printed.count("onClosedMessage") == 10 and "ERROR" not in printed, printed
    logs = Logs(redis_url)
    assert len(await logs.announced()) == 10
    await logs.aclose()


async def test_a_probe_is_closed_in_order_and_makes_no_call(gateway: GatewayProcess, redis_url: str) -> None:
    printed = await called(gateway, *SIGNED, "--connection-probe")
    assert "onClosedMessage" in printed and "ERROR" not in printed, printed
    logs = Logs(redis_url)
    assert await logs.announced() == []
    await logs.aclose()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--api-key", "signs", "--client-secret", OTHER_SECRET), id="a wrong secret"),
        pytest.param(("--api-key", "signs"), id="no signature"),
        pytest.param(("--api-key", "unknown"), id="an unknown key"),
    ],
)
async def test_anybody_else_gets_401(gateway: GatewayProcess, options: tuple[str, ...]) -> None:
    assert "Unexpected server response: 401" in await called(gateway, *options, "--max-stream-duration", "2")
