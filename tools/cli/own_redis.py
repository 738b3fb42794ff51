"""The redis-server that `up` starts: on this machine, with its data in a folder that nobody else may look into."""

import fcntl
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from speakerline.shared.addresses import urls_in
from speakerline.shared.redaction import without_password
from speakerline.tools.failure import Failure
from speakerline.tools.private_folder import private_folder

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def own_redis_settings(url: str, memory_mb: int) -> dict[str, str]:
    """Settings of redis.conf for a server at the URL. What it is told is on the disk within a second. When its memory
    is full, it refuses new calls and new sound and evicts nothing.

    Raises Failure for a URL at which none can be started."""
    return {
        **_address(url),
        **_password(url),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": f"{memory_mb}mb",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }


def as_configuration(settings: dict[str, str]) -> bytes:
    """The text of a redis.conf. Every value is quoted byte by byte, whatever is in it."""
    quoted = {name: "".join(f"\\x{byte:02x}" for byte in value.encode()) for name, value in settings.items()}
    return "".join(f'{name} "{value}"\n' for name, value in quoted.items()).encode()


def own_data(data: Path) -> Path:
    """The folder for the data, which is this process's alone until it ends. Raises Failure where it is another's."""
    folder = private_folder(data.resolve())
    try:
        fcntl.flock(os.open(folder, os.O_RDONLY | os.O_DIRECTORY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Failure(f"{folder}: another system has its data there; --data names another folder") from error
    return folder


def _address(url: str) -> dict[str, str]:
    if len(urls_in(url)) > 1:
        raise Failure(f"no Redis answers at one of {without_password(url)}: several must be started by hand")
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return {"port": "0", "unixsocket": parts.path, "unixsocketperm": "600"}
    if parts.scheme == "redis" and parts.hostname in LOOPBACK:
        bind = "::1" if parts.hostname == "::1" else "127.0.0.1"
        return {"bind": bind, "port": str(parts.port or 6379)}
    raise Failure(f"no Redis answers at {without_password(url)}, which is not on this machine: start it there")


def _password(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    if parts.username not in (None, "", "default"):
        raise Failure(f"no Redis answers at {without_password(url)}: one with users must be started by hand")
    return {"requirepass": unquote(parts.password)} if parts.password else {}
