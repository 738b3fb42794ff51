"""`correct`: a running call is corrected from the command line, and what became of it is said."""

import asyncio
import re
import subprocess

import pytest

from speakerline.shared.pipeline import OPERATOR
from tests.cli.command import run
from tests.gateway.heard_call import HeardCall, heard
from tests.runtime.playing import until


async def correct(call: HeardCall, url: str, *words: str, hear_ms: int) -> "subprocess.CompletedProcess[str]":
    """The command, while the call goes on as soon as it has said something."""
    done = asyncio.create_task(asyncio.to_thread(run, "correct", call.id, *words, "--redis", url))
    before = await call.redis.xlen(call.key(OPERATOR))

    async def moved() -> bool:
        return done.done() or await call.redis.xlen(call.key(OPERATOR)) > before

    await until(moved)
    await call.hear(hear_ms)
    return await done


@pytest.mark.parametrize("shards", [1, 3])
async def test_a_call_is_corrected_and_a_correction_taken_back(redis_url: str, shards: int) -> None:
    url = f"{redis_url}?shards={shards}"
    async with heard(url) as call:
        await call.hear(15_000)
        done = await correct(call, url, "--name", "S1", "Ann Miller", "--by", "Bo", hear_ms=18_000)
        assert done.returncode == 0, done.stderr
        found = re.fullmatch(r"correction ([0-9a-f]{12}) applied\n", done.stdout)
        assert found
        done = await correct(call, url, "--undo", found[1], hear_ms=21_000)
        assert (done.returncode, done.stdout.endswith(" applied\n")) == (0, True), done.stderr
        told = await call.timeline()
        assert [one.speaker_named.name for one in told if one.speaker_named] == ["Ann Miller", ""]
        assert [one.correction.by for one in told if one.correction] == ["Bo", ""]


async def test_what_cannot_be_is_one_line(redis_url: str) -> None:
    async with heard(redis_url) as call:
        await call.hear(15_000)
        done = await correct(call, redis_url, "--merge", "S1", "S7", hear_ms=16_000)
        assert done.returncode == 1
        assert done.stderr == "speakerline: speaker 'S7': expected one of the call's speakers (S1, S2)\n"
        done = await correct(call, redis_url, "--split", "S2", hear_ms=18_000)
        assert done.returncode == 1
        assert done.stderr.startswith("speakerline: not applied: S2: expected one whom an operator merged")
        done = await asyncio.to_thread(run, "correct", "nobody", "--role", "S1", "agent", "--redis", redis_url)
        assert done.stderr == "speakerline: speaker 'S1': expected one of the call's speakers (none yet)\n"
