"""docs/producing.md is true: its redis-cli examples run, in the order of the page, and the timelines end."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from speakerline.shared.contract.v1 import CallEnded, CallStarted, Encoding, EndReason, Gap, GapReason
from tests.e2e.conftest import SHORT_S, Undisturbed
from tests.e2e.decoded import bodies
from tests.e2e.sample_call import pcm
from tests.e2e.system import System

PAGE = Path(__file__).resolve().parents[2] / "docs" / "producing.md"
EXAMPLES = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


async def output_of(examples: list[str], folder: Path, url: str) -> str:
    """What one shell says to all of them, one after the other; its errors are errors."""
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", "\n".join(examples)),
        cwd=folder,
        env={"REDIS_URL": url, "PATH": "/usr/local/bin:/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await asyncio.wait_for(shell.communicate(), 60)
    assert shell.returncode == 0, complained.decode()
    assert not complained
    return said.decode()


@pytest.mark.skipif(
    shutil.which("redis-cli") is None, reason="redis-cli is not on the PATH: apt-get install redis-tools"
)
async def test_the_examples_run_and_their_timelines_end(
    system: System, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    (tmp_path / "call.ulaw").write_bytes(pcm(Encoding.MULAW, SHORT_S))
    said = await output_of(EXAMPLES, tmp_path, system.url)
    assert "call_started" in said
    assert "sample_rate 44100: expected 8000 or 16000" in said

    mono = await system.timeline("desk-7-0001")
    told = [line for line in mono if b'"call_started"' not in line]
    assert told == [line for line in undisturbed(Encoding.MULAW, SHORT_S) if b'"call_started"' not in line]

    stereo = await system.timeline("desk-7-0002")
    assert bodies(stereo, CallStarted)[0].metadata == {"queue": "sales"}
    lost = [(gap.channel, gap.start_ms, gap.end_ms, gap.reason) for gap in bodies(stereo, Gap)]
    assert lost == [(0, 1000, 2000, GapReason.SHED)]
    assert bodies(stereo, CallEnded) == [CallEnded(end_ms=3000, reason=EndReason.HANGUP)]


def test_every_command_of_the_page_is_in_an_example_that_runs() -> None:
    assert len(EXAMPLES) >= 5
    for words in ("0-1 start 1", "XADD calls", "NOMKSTREAM", "9007199254740991-0 end hangup", "shed 1", "low:audio:0"):
        assert any(words in example for example in EXAMPLES), words
