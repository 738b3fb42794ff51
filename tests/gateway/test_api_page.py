"""docs/api.md is true: its commands run, in the order of the page, and every route is on it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.archive.archived_calls import a_call, keep, store_of
from tests.archive.running import sqlite_url
from tests.client.spoken_call import aggregating, spoken
from tests.e2e.sample_call import alone, labels
from tests.gateway.heard_call import heard
from tests.gateway.serving import gateway_process
from tests.gateway.test_voices import wav
from tests.ports import free_port

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
COMMANDS = [line for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S) for line in block.splitlines()]
TIME_IS_UP = 28
"""What curl says of `--max-time`."""
pytestmark = pytest.mark.timeout(300)


async def test_the_commands_run_in_the_order_of_the_page(redis_url: str, tmp_path: Path) -> None:
    voice = alone(sorted(labels())[0], 16000).tobytes()
    (tmp_path / "ann.s16").write_bytes(voice)
    (tmp_path / "ann.wav").write_bytes(wav(voice, 16000))
    said = {}
    store = store_of(sqlite_url(tmp_path))
    keep(store, a_call("desk-6", 1_800_000_000_000, "a refund for the car light", queue="Sales"))
    store.engine.dispose()
    async with aggregating(redis_url), spoken(redis_url, "desk-7") as call, heard(redis_url, "desk-8") as running:
        await running.hear(15_000)
        await call.say("hello", "world")
        await call.end()
        options = {"archive_url": sqlite_url(tmp_path), "intake_audiosocket_port": str(free_port())}
        with gateway_process(redis_url, tmp_path / "log", **options) as gateway:
            for command in COMMANDS:
                done = subprocess.run(
                    ["bash", "-c", command],
                    cwd=tmp_path,
                    env={**os.environ, "GATEWAY": gateway.url},
                    capture_output=True,
                    text=True,
                    timeout=100,
                )
                assert done.returncode == (TIME_IS_UP if "--max-time" in command else 0), command
                said[command.partition("#")[0].strip()] = done.stdout
            document = subprocess.run(["curl", "-sf", f"{gateway.url}/openapi.json"], capture_output=True, text=True)
    assert '"call_id":"desk-7"' in said["curl -sf $GATEWAY/calls"]
    events = said["curl -sfN $GATEWAY/calls/desk-7/events"]
    assert (events.count("\ndata: "), '"call_ended"' in events) == (5, True)
    after = said['curl -sfN "$GATEWAY/calls/desk-7/events?after=2"']
    assert after.count("\ndata: ") == 3
    assert said['curl -sfN -H "Last-Event-ID: 2" $GATEWAY/calls/desk-7/events'] == after
    corrected = [output for command, output in said.items() if "/corrections" in command]
    assert len(corrected) == 7 and all('"at_ms":15001' in output for output in corrected)
    assert "hello world" in said["curl -sf $GATEWAY/calls/desk-7/export/txt"]
    found = [output for command, output in said.items() if "/archive/calls" in command]
    assert len(found) == 2 and all('"call_id":"desk-6"' in output for output in found)
    assert '"whole":true' in said["curl -sfN --max-time 3 $GATEWAY/wallboard"]
    assert '"Ann Miller"' in said["curl -sf $GATEWAY/voices"]
    assert '"deleted":' in said["curl -sf -X DELETE $GATEWAY/calls/desk-7"]
    assert '"ticket":' in said["curl -sf -X POST $GATEWAY/tickets"]
    for path in re.findall(r'"(/[a-z]+)[^"]*":\{"(?:get|post|put|delete)"', document.stdout):
        assert path in PAGE or path in ("/healthz", "/readyz"), path
