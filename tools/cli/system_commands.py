"""Commands for a whole system: `up` starts the stages as separate processes, `down` stops them."""

import argparse
import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from speakerline.shared.pipeline import PIPELINE
from speakerline.tools.arguments import one_or_more
from speakerline.tools.cli.redis_option import add_redis_option
from speakerline.tools.cli.supervisor import Supervisor
from speakerline.tools.failure import Failure

FIRST_PORT = 9101
STOP_TIMEOUT_S = 30.0


def add_to(commands: Any) -> None:
    up = commands.add_parser("up", help="start every stage as a separate process, and a Redis if none answers")
    up.add_argument("--workers", type=one_or_more, default=1, metavar="N", help="processes per stage (default: 1)")
    up.add_argument(
        "--port",
        type=one_or_more,
        default=FIRST_PORT,
        metavar="P",
        help=f"port of the first process for metrics and health; the others follow (default: {FIRST_PORT})",
    )
    up.add_argument(
        "--data",
        type=Path,
        default=Path(".cache/redis"),
        metavar="DIR",
        help="data folder of a Redis that is started (default: .cache/redis)",
    )
    add_redis_option(up)
    up.set_defaults(run=_up)
    down = commands.add_parser("down", help="stop what `speakerline up` started")
    down.set_defaults(run=_down)


def pid_file() -> Path:
    """The file with the process id of this user's running `up`."""
    folder = Path(os.environ.get("XDG_RUNTIME_DIR", "/tmp"))  # noqa: S108 - the fallback holds a process id, nothing secret
    return folder / f"speakerline-{os.getuid()}.pid"


async def _up(given: argparse.Namespace) -> int:
    if _running() is not None:
        raise Failure(f"already running as process {_running()}: `speakerline down` stops it")
    supervisor = Supervisor()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop)
    pid_file().write_text(str(os.getpid()))
    try:
        if not _answers(given.redis):
            supervisor.start_redis(given.redis, given.data)
        port = given.port
        for spec in PIPELINE:
            for _ in range(given.workers):
                supervisor.start_stage(spec.name, given.redis, port)
                print(f"{spec.name:<12} http://127.0.0.1:{port}/metrics  /healthz  /readyz", flush=True)
                port += 1
        print(f"running on {given.redis}; stop with Ctrl-C or `speakerline down`", flush=True)
        await supervisor.run()
    finally:
        pid_file().unlink(missing_ok=True)
    return 0


def _down(given: argparse.Namespace) -> int:
    pid = _running()
    if pid is None:
        raise Failure("nothing is running")
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + STOP_TIMEOUT_S
    while _running() == pid:
        if time.monotonic() > until:
            raise Failure(f"process {pid} did not stop within {STOP_TIMEOUT_S:.0f} s")
        time.sleep(0.1)
    print("stopped")
    return 0


def _running() -> int | None:
    try:
        pid = int(pid_file().read_text())
        os.kill(pid, 0)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return None
    return pid


def _answers(url: str) -> bool:
    try:
        with Redis.from_url(url, socket_connect_timeout=1) as redis:
            return bool(redis.ping())
    except (RedisError, OSError):
        return False
