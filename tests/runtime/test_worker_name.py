"""A worker that died is known at once where it ran: its calls do not wait until its leases have run out."""

import json
import os
import subprocess
import sys

import pytest

from speakerline.shared.keys import CALLS, loads_key
from speakerline.shared.pipeline import VAD
from speakerline.shared.runtime import scripts, worker_name
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.ownership import Ownership
from speakerline.shared.runtime.worker_name import has_died, new_name
from tests.runtime.playing import a_call, frames_of, producing, until, working
from tests.runtime.processes import FAST

LEASE_S = 300.0
"""Longer than any test waits."""


def named(pid: int, name: str = "") -> str:
    """As a worker in that process is called."""
    return (name or new_name("vad")).replace(f"-{os.getpid()}-", f"-{pid}-")


@pytest.fixture(scope="module")
def ended() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_worker_has_died_when_its_process_is_gone(ended: int) -> None:
    assert has_died(named(ended))
    assert not has_died(new_name("vad"))
    assert not has_died(named(os.getppid()))


def test_of_a_worker_elsewhere_nothing_is_known(ended: int, monkeypatch: pytest.MonkeyPatch) -> None:
    name = named(ended)
    monkeypatch.setattr(worker_name, "_place", lambda: "000000")
    assert not has_died(name)


@pytest.mark.parametrize("name", ["", "vad", "vad-host-4711-d199bf", f"vad-host-{worker_name._place()}-x-d199bf"])
def test_of_a_name_of_another_kind_nothing_is_known(name: str) -> None:
    assert not has_died(name)


@pytest.mark.parametrize(
    ("there", "taken"),
    [pytest.param(False, {"c", "new"}, id="gone"), pytest.param(True, {"new"}, id="there, and late")],
)
async def test_its_calls_are_taken_at_once_where_its_process_is(
    redis_url: str, redis: Shard, ended: int, there: bool, taken: set[str]
) -> None:
    peer = Ownership(redis, VAD.name, LEASE_S, named(os.getppid() if there else ended))
    await peer.join()
    async with producing(redis_url) as producer:
        (await producer.start(a_call("c"))).send(frames_of(1, 1)[0])
        assert len(await peer.take(1, set())) == 1
        told = json.dumps({"comfortable": 4, "behind_s": 0.0, "silent": 0, "reads": [VAD.state_version] * 2})
        await scripts.run(redis, "weigh", [loads_key(VAD.name), CALLS], VAD.name, peer.me, told, 60_000, 60)
        async with working(redis_url, [VAD], options=WorkerOptions(**{**FAST, "lease_s": LEASE_S})) as (worker,):
            (await producer.start(a_call("new"))).send(frames_of(2, 1)[0])
            await until(lambda: "new" in {call.id for call in worker.calls})
            assert {call.id for call in worker.calls} == taken
            assert await redis.hexists(loads_key(VAD.name), peer.me) is there
