"""Commands for a whole system: `up` starts the stages, the archive and the gateway as processes, `down` stops them."""

import argparse
import asyncio
import os
import re
import select
import signal
import time
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from speakerline.services.gateway.settings import GatewaySettings
from speakerline.shared import logs
from speakerline.shared.pipeline import PIPELINE
from speakerline.shared.redaction import without_password
from speakerline.shared.runtime.ending import end
from speakerline.tools.arguments import one_or_more
from speakerline.tools.cli.commands import add_command
from speakerline.tools.cli.redis_option import (
    DEFAULT_URL,
    OF_SERVICES,
    VARIABLE,
    NoRedis,
    add_redis_option,
    check_redis,
    redis_url,
)
from speakerline.tools.cli.supervisor import Supervisor
from speakerline.tools.cli.system_lock import SystemLock, locks_folder
from speakerline.tools.cli.system_ports import SystemPorts
from speakerline.tools.failure import Failure
from speakerline.tools.private_folder import private_folder

FIRST_PORT = 9101
MEMORY_MB = 1024
DATA = Path(".cache/redis")
ARCHIVE = Path(".cache/archive")
NAME = "default"
STOP_TIMEOUT_S = 90.0
"""The gateway has its time to end, then the stages have, then Redis."""
READY_EVERY_S, READY_WITHIN_S = 0.5, 2.0
"""How often a program is asked whether it is ready, and how long it may take to answer."""
_WITHOUT_PROXY = build_opener(ProxyHandler({}))
"""What asks programs of this machine: a proxy of the environment does not reach them."""


def add_to(commands: Any) -> None:
    up = add_command(
        commands, "up", help="start every stage, the archive and the gateway as processes, and a Redis if none answers"
    )
    up.add_argument("--workers", type=one_or_more, default=1, metavar="N", help="processes per stage (default: 1)")
    up.add_argument(
        "--port",
        type=one_or_more,
        metavar="P",
        help="port of the first process for metrics and health; the others follow "
        f"(default: {FIRST_PORT}; with --name, the first that are free)",
    )
    up.add_argument(
        "--gateway-port",
        type=one_or_more,
        default=None,
        metavar="P",
        help="port of the gateway (default: SPEAKERLINE_GATEWAY_PORT, or 8080; with --name, the first that is free)",
    )
    up.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help=f"data folder of a Redis that is started, closed to other users (default: {DATA}, or {DATA}-NAME)",
    )
    up.add_argument(
        "--maxmemory",
        type=one_or_more,
        default=MEMORY_MB,
        metavar="MB",
        help=f"memory of a Redis that is started; when it is full, new calls and new sound wait (default: {MEMORY_MB})",
    )
    up.add_argument(
        "--archive",
        type=Path,
        metavar="DIR",
        help=f"folder of the archive of calls, closed to other users (default: {ARCHIVE}, or {ARCHIVE}-NAME); "
        "SPEAKERLINE_ARCHIVE_URL names another database",
    )
    up.add_argument("--no-archive", action="store_true", help="keep no calls beyond what Redis keeps")
    add_redis_option(up)
    up.set_defaults(run=_up, redis=None)
    down = add_command(commands, "down", help="stop what `speakerline up` started")
    down.set_defaults(run=_down)
    for command in (up, down):
        text = f"name of the system; several run side by side, with ports and Redis of their own (default: {NAME})"
        command.add_argument("--name", type=_name, default=NAME, help=text)


async def _up(given: argparse.Namespace) -> int:
    lock = SystemLock(given.name)
    if not lock.take():
        raise Failure(f"already running as process {lock.holder()}: {_how_to_stop(given)} stops it")
    names = [spec.name for spec in PIPELINE for _ in range(given.workers)]
    given.redis = given.redis or _checked(redis_of(given.name))
    given.data = given.data or (DATA if given.name == NAME else DATA.with_name(f"{DATA.name}-{given.name}"))
    gateway = GatewaySettings.from_environment()
    archive_url = "" if given.no_archive else _archive_of(given, gateway.archive.url)
    *ports, metrics_port, gateway_port = _ports(given, len(names) + bool(archive_url) + 1, gateway.gateway_port)
    supervisor = Supervisor()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop)
    try:
        await check_redis(given.redis)
    except NoRedis:
        supervisor.start_redis(given.redis, given.data, given.maxmemory)
        print(f"{'redis':<12} data in {given.data}, at most {given.maxmemory} MB of memory", flush=True)
    for name, port in zip(names, ports, strict=False):
        supervisor.start_stage(name, given.redis, port)
    if archive_url:
        names.append("archive")
        supervisor.start_archive(given.redis, archive_url, ports[-1])
        print(f"{'archive':<12} data in {without_password(archive_url)}", flush=True)
    for name, port in zip(names, ports, strict=True):
        print(f"{name:<12} http://127.0.0.1:{port}/metrics  /healthz  /readyz", flush=True)
    supervisor.start_gateway(given.redis, archive_url, gateway_port, metrics_port)
    print(f"{'gateway':<12} http://{gateway.gateway_host}:{gateway_port}/  /docs", flush=True)
    print(f"{'':<12} http://127.0.0.1:{metrics_port}/metrics", flush=True)
    print(f"running on {without_password(given.redis)}; stop with Ctrl-C or {_how_to_stop(given)}", flush=True)
    logs.to_stderr()
    host = f"[{gateway.gateway_host}]" if ":" in gateway.gateway_host else gateway.gateway_host
    of_gateway = f"http://{host}:{gateway_port}"
    telling = asyncio.create_task(_tell_when_ready([of_gateway, *(f"http://127.0.0.1:{port}" for port in ports)]))
    await supervisor.run()
    await end([telling])
    return 0


async def _tell_when_ready(addresses: Sequence[str]) -> None:
    """Once every program at these addresses says so."""
    began = time.monotonic()
    for address in addresses:
        while not await asyncio.to_thread(_is_ready, address):  # noqa: ASYNC110  # another process
            await asyncio.sleep(READY_EVERY_S)
    print(f"ready after {time.monotonic() - began:.0f} s", flush=True)


def _is_ready(address: str) -> bool:
    try:
        with _WITHOUT_PROXY.open(f"{address}/readyz", timeout=READY_WITHIN_S):
            return True
    except (OSError, HTTPException):
        return False


def _down(given: argparse.Namespace) -> int:
    lock = SystemLock(given.name)
    process = lock.open_holder()
    if process is None:
        raise Failure(f"nothing is running under the name {given.name!r}")
    signal.pidfd_send_signal(process, signal.SIGTERM)
    ended, _, _ = select.select([process], [], [], STOP_TIMEOUT_S)
    if not ended:
        raise Failure(f"process {lock.holder()} did not stop within {STOP_TIMEOUT_S:.0f} s")
    print("stopped")
    return 0


def _how_to_stop(given: argparse.Namespace) -> str:
    return "`speakerline down`" if given.name == NAME else f"`speakerline down --name {given.name}`"


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", text):
        raise argparse.ArgumentTypeError(f"{text!r}: expected 1 to 40 letters, digits, - or _")
    return text


def _checked(url: str) -> str:
    """The URL, with the number of shards that the environment names. Raises Failure for a wrong one."""
    try:
        return redis_url(url)
    except argparse.ArgumentTypeError as error:
        raise Failure(str(error)) from error


def redis_of(name: str) -> str:
    """The Redis of a system for which none is named: the usual one, or a socket of its own beside its lock."""
    usual = os.environ.get(VARIABLE) or os.environ.get(OF_SERVICES)
    if usual or name == NAME:
        return usual or DEFAULT_URL
    return f"unix://{private_folder(locks_folder()) / name}.sock"


def _archive_of(given: argparse.Namespace, named: str) -> str:
    """The database that is named, or one in a folder of the system."""
    if named:
        return named
    folder: Path = given.archive or (
        ARCHIVE if given.name == NAME else ARCHIVE.with_name(f"{ARCHIVE.name}-{given.name}")
    )
    return f"sqlite:///{folder.absolute()}/archive.db"


def _ports(given: argparse.Namespace, count: int, usual_of_gateway: int) -> list[int]:
    """Those of the stages, the archive, and metrics of the gateway; then that of the gateway. A system with a name of
    its own may have others than the usual ones. Raises Failure where one is taken."""
    own, usual = SystemPorts(), given.name == NAME
    remedy = "--port gives another first port" if given.port or usual else ""
    remedy_of_gateway = "--gateway-port gives the gateway another one" if given.gateway_port or usual else ""
    return [
        *own.row(given.port or FIRST_PORT, count, remedy),
        *own.row(given.gateway_port or usual_of_gateway, 1, remedy_of_gateway),
    ]
