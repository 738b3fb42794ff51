"""`speakerline process`: what it leaves behind in the folder for temporary files, whatever ends it."""

import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile

from speakerline.tools.sample_call import sample_call
from tests.cli.command import run, start

SAMPLE = sample_call()


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_signal_leaves_no_process_and_no_folder_behind(
    tmp_path: Path, temporary: Path, number: signal.Signals, status: int
) -> None:
    words = ("process", str(SAMPLE), "--pace", "realtime", "--out", str(tmp_path / "out"))
    command = start(*words, TMPDIR=str(temporary), SPEAKERLINE_ASR_MODEL="off")
    _wait_until(lambda: (tmp_path / "out" / "sample.partial.events.jsonl").exists())
    servers = [path for path in Path("/proc").glob("[0-9]*") if _is_redis_in(temporary, path)]
    assert servers
    command.send_signal(number)
    _, complained = command.communicate(timeout=60)
    assert (command.returncode, complained) == (status, "")
    _wait_until(lambda: not any(server.exists() for server in servers))
    _wait_until(lambda: not list(temporary.iterdir()))


def test_a_long_path_for_temporary_files_does_no_harm(tmp_path: Path) -> None:
    temporary = tmp_path / ("long" * 20)
    temporary.mkdir()
    sound, rate = soundfile.read(SAMPLE, frames=2 * 16000)
    soundfile.write(tmp_path / "short.wav", sound, rate)
    words = ("process", str(tmp_path / "short.wav"), "--out", str(tmp_path / "out"))
    done = run(*words, TMPDIR=str(temporary), SPEAKERLINE_ASR_MODEL="off")
    assert done.returncode == 0, done.stderr


def _wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until, "did not come true within 60 s"
        time.sleep(0.05)


def _is_redis_in(folder: Path, process: Path) -> bool:
    try:
        command = (process / "cmdline").read_bytes().decode()
    except OSError:
        return False
    return "redis-server" in command and str(folder) in command
