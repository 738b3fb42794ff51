"""`up` and `down`: what they start, end and leave alone, whatever ends them, and what others may see of it."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from speakerline.shared.pipeline import PIPELINE
from speakerline.tools.cli.main import main
from tests.cli.command import ROOT, start
from tests.cli.running_system import (
    ALL,
    PATIENCE_S,
    PORTS_OF_ALL,
    NewSystem,
    System,
    answers,
    free_ports,
    read,
    wait_until,
)
from tests.redis_server import RedisServer

Refusal = Callable[..., str]
WITHOUT_MODELS = {
    "SPEAKERLINE_VAD_MODEL": "energy",
    "SPEAKERLINE_SEPARATION_MODEL": "off",
    "SPEAKERLINE_ASR_MODEL": "off",
}
"""No call is heard here: what can do without a model loads none."""
pytestmark = pytest.mark.timeout(600)  # systems of processes


@pytest.fixture
def new_system(tmp_path: Path) -> Iterator[NewSystem]:
    """Starts systems, `new_system("a", "--workers", "2", SPEAKERLINE_LEASE_S="3")`, with all they need of their own."""
    started: list[System] = []

    def new(name: str = "one", *words: str, password: str = "", **environment: str) -> System:
        folder, port, redis_port = tmp_path / name, free_ports(PORTS_OF_ALL), free_ports(1)
        folder.mkdir()
        redis = f"redis://{password and f':{password}@'}127.0.0.1:{redis_port}"
        environment |= {
            "XDG_RUNTIME_DIR": str(tmp_path),
            "SPEAKERLINE_TEST": str(folder),
            "SPEAKERLINE_REDIS_URL": redis,
            **WITHOUT_MODELS,
        }
        ports = ("--port", str(port), "--gateway-port", str(port + PORTS_OF_ALL - 1))
        words = (
            "up",
            "--name",
            name,
            *ports,
            "--data",
            str(folder / "redis"),
            "--archive",
            str(folder / "archive"),
            *words,
        )
        started.append(System(folder, words, environment, redis, start(*words, **environment)))
        return started[-1]

    yield new
    for system in started:
        system.process.kill()
        system.process.communicate()
    wait_until(lambda: not any(system.children() for system in started))


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which commands of this process look for running systems."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def refusal(runtime: Path, capsys: pytest.CaptureFixture[str]) -> Refusal:
    """What a command says that can't do what it was asked."""

    def refused(*words: str) -> str:
        assert main(words) == 1
        said = capsys.readouterr()
        assert not said.out and said.err.count("\n") == 1
        return said.err

    return refused


def test_nothing_outlives_an_up_that_is_killed(new_system: NewSystem) -> None:
    system = new_system().at_work()
    system.process.kill()
    wait_until(lambda: not system.children())
    down = system.down()
    assert (down.returncode, down.stderr) == (1, "speakerline: nothing is running under the name 'one'\n")
    system.process.communicate()
    system.process = start(*system.words, **system.environment)
    system.at_work()
    assert system.down().stdout == "stopped\n"
    assert system.process.wait(PATIENCE_S) == 0 and not system.children()


def test_systems_side_by_side_have_their_own_names_ports_and_data(new_system: NewSystem) -> None:
    first, second = new_system("first").serving(), new_system("second").serving()
    assert "already running as process" in first.refused()
    assert "--port gives another first port" in first.refused("--name", "third", "--redis", second.redis)
    free = free_ports(PORTS_OF_ALL)
    taken = first.refused("--name", "third", "--redis", second.redis, "--port", str(free))
    assert "--gateway-port gives the gateway another one" in taken
    ports = ("--port", str(free), "--gateway-port", str(free + PORTS_OF_ALL - 1))
    elsewhere = (*ports, "--redis", f"redis://127.0.0.1:{free_ports(1)}")
    assert "another system has its data there" in first.refused("--name", "third", *elsewhere)
    assert first.down().stdout == "stopped\n"
    assert first.process.wait(PATIENCE_S) == 0 and not first.children()
    assert second.process.poll() is None and len(second.children()) >= ALL and answers(second.redis)


def test_down_ends_nobody_else_whatever_a_file_says(runtime: Path, refusal: Refusal) -> None:
    (runtime / "speakerline").mkdir(mode=0o700)
    other = subprocess.Popen(["sleep", "600"])
    for file in (runtime / f"speakerline-{os.getuid()}.pid", runtime / "speakerline" / "default.lock"):
        file.write_text(str(other.pid))
    assert refusal("down") == "speakerline: nothing is running under the name 'default'\n"
    assert other.poll() is None
    other.kill()
    other.wait()


def test_no_link_is_followed_and_no_folder_of_others_trusted(runtime: Path, refusal: Refusal) -> None:
    folder, target = runtime / "speakerline", runtime / "target"
    folder.mkdir(mode=0o700)
    (folder / "default.lock").symlink_to(target)
    assert "default.lock: expected a file of your own, and no link" in refusal("down")
    assert not target.exists()
    folder.chmod(0o755)
    assert f"others may look into this folder; `chmod 700 {folder}` closes it" in refusal("down")
    folder.rename(target)
    folder.symlink_to(target)
    assert f"{folder}: expected a folder of your own, and no link" in refusal("down")


def test_the_redis_of_a_system_is_bounded_and_closed_to_others(new_system: NewSystem) -> None:
    """Its password is neither shown nor among the arguments of a process."""
    system = new_system("one", "--maxmemory", "77", password="open%20sesame").at_work()
    with Redis.from_url(system.redis, decode_responses=True) as redis:
        redis.xadd("calls", {"event": "nothing"})
        assert redis.config_get("maxmemory*") | {"maxmemory": str(77 * 2**20), "maxmemory-policy": "noeviction"} == (
            redis.config_get("maxmemory*")
        )
        assert redis.config_get("append*")["appendfsync"] == "everysec"
    with Redis.from_url(system.redis.replace("sesame", "barley")) as redis, pytest.raises(AuthenticationError):
        redis.ping()
    for process in (system.process.pid, *system.children()):
        assert b"sesame" not in read(Path(f"/proc/{process}/cmdline"))
    data = [system.folder / "redis", *(system.folder / "redis").rglob("*")]
    assert {stat.filemode(path.stat().st_mode) for path in data} <= {"drwx------", "-rw-------"} and len(data) > 1
    wait_until(lambda: _groups(system.redis) == len(PIPELINE))
    assert system.down().returncode == 0
    said, complained = system.process.communicate(timeout=PATIENCE_S)
    assert "redis://:***@127.0.0.1" in said and "redis://:***@127.0.0.1" in complained
    assert "sesame" not in said + complained
    (system.folder / "redis").chmod(0o750)
    assert "others may look into this folder" in system.refused()


def test_a_wrong_password_is_told_and_starts_no_other_redis(
    refusal: Refusal, new_redis_server: Callable[..., RedisServer]
) -> None:
    server = new_redis_server()
    server.command("CONFIG", "SET", "requirepass", "sesame")
    said = refusal("up", "--name", "other", "--redis", server.url.replace("//", "//:barley@"))
    assert "wrong or missing password for the Redis at redis://:***@127.0.0.1" in said


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://:secret@192.0.2.1:1", "no Redis answers at redis://:***@192.0.2.1:1, which is not on this machine"),
        ("rediss://:secret@127.0.0.1:1", "which is not on this machine"),
        ("redis://user:secret@127.0.0.1:1", "one with users must be started by hand"),
    ],
)
def test_where_no_redis_can_be_started_up_says_so(refusal: Refusal, url: str, message: str) -> None:
    said = refusal("up", "--name", "other", "--redis", url)
    assert message in said and "secret" not in said


def test_a_program_that_ends_is_told_with_its_status_and_what_it_said_last(new_system: NewSystem) -> None:
    system = new_system(SPEAKERLINE_LEASE_S="short").at_work()
    lines = _ends(system)
    ended = next(line for line in lines if line["program"].startswith("vad:"))
    assert ended["status"] == "exit status 1"
    assert ended["said"].startswith("vad: SPEAKERLINE_LEASE_S='short': Input should be a valid number")
    with Redis.from_url(system.redis) as redis:
        os.kill(redis.info("server")["process_id"], signal.SIGKILL)
    killed = next(line for line in lines if line["program"] == "redis")
    assert killed["status"] == "signal SIGKILL"
    wait_until(lambda: answers(system.redis))


def test_who_does_not_read_what_is_passed_on_holds_up_no_supervisor() -> None:
    script = (
        "import subprocess, time; from speakerline.tools.cli.output import Output; output = Output();"
        "yes = subprocess.Popen(['yes'], stdout=output.pipe); time.sleep(1); print('free', flush=True); yes.kill()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "free\n"
    assert process.wait(PATIENCE_S) == 0
    process.communicate()


def _ends(system: System) -> Iterator[dict[str, Any]]:
    """What `up` logs of programs that end, while it runs."""
    assert system.process.stderr
    for text in system.process.stderr:
        if text.startswith("{"):
            line = json.loads(text)
            if line["event"] == "process ended":
                yield line


def _groups(url: str) -> int:
    """How many stages listen for calls."""
    with Redis.from_url(url) as redis:
        return len(redis.xinfo_groups("calls")) if redis.exists("calls") else 0
