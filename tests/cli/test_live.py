"""`up`, `publish`, `watch`, `forget` and `down`: a system of real processes, in other terminals than its users."""

import json
import os
import random
import select
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import soundfile
from redis import Redis

from speakerline.shared.pipeline import PIPELINE
from speakerline.tools.cli.main import main
from speakerline.tools.sample_call import sample_call
from tests.cli.command import LIMIT_S, run, start
from tests.redis_server import RedisServer

SAMPLE = sample_call()
Said = Callable[..., str]
pytestmark = pytest.mark.timeout(600)  # a system of processes, and a whole call

NOBODY = "http://127.0.0.1:1"
"""A proxy that is away: it is not for programs of this machine."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Redis of a running system: all stages as processes, ready."""
    folder, port = tmp_path_factory.mktemp("up"), random.randint(20_000, 30_000)
    with RedisServer() as server:
        words = (
            "up",
            "--redis",
            server.url,
            "--port",
            str(port),
            "--gateway-port",
            str(port + len(PIPELINE) + 2),
            "--data",
            str(folder / "redis"),
        )
        environment = {"XDG_RUNTIME_DIR": str(folder), "SPEAKERLINE_ASR_MODEL": "off", "http_proxy": NOBODY}
        supervisor = start(*words, **environment)
        try:
            for number in (*range(len(PIPELINE) + 1), len(PIPELINE) + 2):
                _wait_until_ready(f"http://127.0.0.1:{port + number}/readyz", supervisor)
            yield server.url
            children = _children_of(supervisor.pid)
            assert len(children) == len(PIPELINE) + 2, "with the archive and the gateway"
            down = run("down", **environment)
            assert (down.returncode, down.stdout) == (0, "stopped\n")
            said, _ = supervisor.communicate(timeout=60)
            assert supervisor.returncode == 0
            running, ready = said.splitlines()[-2:]
            assert running.startswith(f"running on {server.url}; stop with")
            assert ready.startswith("ready after ")
            assert not [child for child in children if child.exists()]
        finally:
            supervisor.kill()


@pytest.fixture(scope="module")
def watched(url: str) -> tuple[str, str]:
    """The call `live` is published once; what `watch live` and `watch` have said of it."""
    with Redis.from_url(url) as redis, ExitStack() as ended:
        known = {one["id"] for one in redis.client_list()}
        every = start("watch", "--redis", url)
        ended.callback(every.kill)
        _wait_until_another_reads(known, redis)
        live = start("watch", "live", "--redis", url)
        ended.callback(live.kill)
        assert live.stderr and select.select([live.stderr], [], [], LIMIT_S)[0], "it says that it waits for the call"
        published = run("publish", str(SAMPLE), "--call", "live", "--pace", "max", "--redis", url)
        assert (published.returncode, published.stdout) == (0, "")
        said, complained = live.communicate(timeout=LIMIT_S)
        assert (live.returncode, complained) == (
            0,
            "speakerline: no call 'live' yet: waiting for it; Ctrl-C ends that\n",
        )
        said_of_all = _read_until("call ended", every)
        every.send_signal(signal.SIGINT)
        _, complained = every.communicate(timeout=LIMIT_S)
        assert (every.returncode, complained) == (130, "")
    return said, said_of_all


@pytest.fixture
def said(url: str, capsys: pytest.CaptureFixture[str]) -> Said:
    """What a command prints that talks to the system from the process of the test; its complaint, with `status=1`."""

    def run_here(*words: str, status: int = 0) -> str:
        assert main([*words, "--redis", url]) == status
        output, complaint = capsys.readouterr()
        return complaint if status else output

    return run_here


def test_a_call_that_is_published_is_seen_by_who_watches(watched: tuple[str, str]) -> None:
    said, said_of_all = watched
    assert "call live started" in said and "call ended after 0:30; talk time: S" in said
    assert "live" in said_of_all and "call ended after 0:30" in said_of_all


@pytest.mark.usefixtures("watched")
def test_watch_gives_json_and_resumes_after_a_number(said: Said) -> None:
    whole = said("watch", "live", "--json").splitlines()
    assert [json.loads(line)["seq"] for line in whole] == list(range(1, len(whole) + 1))
    assert said("watch", "live", "--json", "--after", "20").splitlines() == whole[20:]


@pytest.mark.usefixtures("watched")
def test_watch_shows_the_ids_of_turns_where_that_is_asked_for(said: Said) -> None:
    turns = json.loads(said("export", "live", "--format", "json"))["turns"]
    shown = said("watch", "live", "--turns")
    assert turns and [one for one in turns if f"[{one['turn_id']}]" not in shown] == []


@pytest.mark.usefixtures("watched")
def test_a_call_is_exported(said: Said) -> None:
    told = json.loads(said("export", "live", "--format", "json"))
    rttm = said("export", "live", "--format", "rttm")
    assert {turn["speaker_id"] for turn in told["turns"]} - {""} <= {line.split()[7] for line in rttm.splitlines()}


@pytest.mark.usefixtures("watched")
def test_an_id_is_given_once(said: Said) -> None:
    assert "call 'live' already exists" in said("publish", str(SAMPLE), "--call", "live", status=1)


def test_process_uses_the_running_system(said: Said, tmp_path: Path) -> None:
    sound, rate = soundfile.read(SAMPLE, stop=15 * 16000)  # both speak for more than a second
    soundfile.write(tmp_path / "half.wav", sound, rate)
    said("process", str(tmp_path / "half.wav"), "--out", str(tmp_path), "--max-speakers", "1")
    told = json.loads((tmp_path / "half.json").read_text())
    assert told["call"]["max_speakers"] == 1
    assert len({turn["speaker_id"] for turn in told["turns"]}) == 1


@pytest.mark.usefixtures("watched")
def test_a_call_is_forgotten(said: Said) -> None:
    assert said("forget", "live").startswith("erased live: ")
    assert said("forget", "live", status=1) == "speakerline: unknown call 'live'\n"


def _wait_until_ready(url: str, supervisor: "subprocess.Popen[str]", patience_s: float = 60) -> None:
    until = time.monotonic() + patience_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                if answer.status == 200:
                    return
        except OSError:
            assert supervisor.poll() is None, supervisor.communicate()
            assert time.monotonic() < until, f"{url} was not ready after {patience_s} s"
        time.sleep(0.1)


def _wait_until_another_reads(known: set[str], redis: "Redis", patience_s: float = 60) -> None:
    until = time.monotonic() + patience_s
    while not any(one["cmd"] == "xread" and one["id"] not in known for one in redis.client_list()):
        assert time.monotonic() < until, f"no client but {sorted(known)} reads after {patience_s} s"
        time.sleep(0.02)


def _read_until(words: str, process: "subprocess.Popen[str]") -> str:
    """What it says, up to there."""
    assert process.stdout
    said, until = b"", time.monotonic() + LIMIT_S
    while words.encode() not in said:
        assert select.select([process.stdout], [], [], max(0.0, until - time.monotonic()))[0], said
        some = os.read(process.stdout.fileno(), 1 << 16)
        assert some, said
        said += some
    return said.decode()


def _children_of(pid: int) -> list[Path]:
    """Processes, as folders of /proc."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True).stdout.splitlines()[1:]
    return [Path("/proc") / line.split()[0] for line in listed if line.split()[1] == str(pid)]
