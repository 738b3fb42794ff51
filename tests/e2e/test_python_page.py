"""docs/python.md is true: each of its programs runs, in the order of the page, and gives what the page says."""

import asyncio
import os
import re
import sys
from pathlib import Path

import speakerline
from speakerline.shared.contract.v1 import Encoding
from tests.e2e.conftest import SHORT_S
from tests.e2e.sample_call import alone, labels, pcm
from tests.e2e.system import System

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text()
PROGRAMS = dict(re.findall(r"^## ([^\n]*)\n(?:(?!^## ).)*?^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))


async def output_of(program: str, folder: Path, url: str) -> str:
    """What the program prints, as a process of its own; whatever it prints to standard error is an error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        cwd=folder,
        env={**os.environ, "REDIS_URL": url, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await asyncio.wait_for(process.communicate(), 100)
    assert (process.returncode, complained.decode()) == (0, "")
    return said.decode()


async def test_the_programs_run_in_the_order_of_the_page(system: System, tmp_path: Path) -> None:
    (tmp_path / "call.ulaw").write_bytes(pcm(Encoding.MULAW, SHORT_S))
    (tmp_path / "ann.s16").write_bytes(alone(sorted(labels())[0], 16000).tobytes())
    said = {title: await output_of(program, tmp_path, system.url) for title, program in PROGRAMS.items()}

    assert f"ended after {SHORT_S * 1000} ms; speakers: 1\n" in said["Follow a timeline"]
    assert re.search(r"^\d+ to \d+ ms: S1, revision 1$", said["Follow a timeline"], re.MULTILINE)
    assert re.search(r"^S1 spoke for \d{4} ms$", said["Join a running call"], re.MULTILINE)
    assert re.match(r"SPEAKER desk-7 1 \d", (tmp_path / "desk-7.rttm").read_text())
    assert (tmp_path / "desk-7.srt").exists()
    assert re.search(r"^desk-7 ended: HANGUP; resume after \d+-\d+$", said["Watch all calls"], re.MULTILINE)
    assert said["Enroll a voice"] == "enrolled: Ann Miller\n"
    assert re.match(r"\d\d+ keys and entries deleted; nothing still holds the call", said["Erase a call"])
    assert re.match(r"not sent: .*\b100\b", said["Errors"])
    assert await system.redis.keys("*desk-7*") == []
    assert await system.redis.hlen("voiceprints") == 0


def test_every_public_name_is_on_the_page_and_nearly_all_are_used_by_a_program() -> None:
    (table,) = re.findall(r"^\|---\|---\|\n(.*?)\n\n", PAGE, re.DOTALL | re.MULTILINE)
    listed = [name for row in table.splitlines() for name in re.findall(r"`([A-Za-z_]+)`", row.split("|")[1])]
    assert sorted(listed) == sorted(speakerline.__all__)
    programs = "\n".join(PROGRAMS.values())
    unused = {name for name in speakerline.__all__ if not re.search(rf"\b{name}\b", programs)}
    assert unused == {"OutgoingCall", "Utterance", "InvalidEvent", "ProducerError", "TimelineHole"}
