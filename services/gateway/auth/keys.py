"""API keys of services: random, and at rest only as digests, so that a stolen file opens nothing.

    # tenant  roles          SHA-256 of the key  name
    acme      watch,produce  9f86d081884c7d65…   desk dashboards
    -         operate        2c624232cdd22177…   prometheus

The file is read again when it changes: a key is withdrawn by deleting its line, whatever else the file says. A key has
256 random bits, so its digest needs neither salt nor stretching (NIST SP 800-63B, 5.1.1.2, asks for these where people
choose secrets).
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from speakerline.services.gateway.auth.principal import Principal, Role
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.tenants import DEFAULT, InvalidTenant, check_tenant

PREFIX = "slk_"
"""Tells a key from a JWT, and lets scanners find keys that were committed somewhere."""
_NO_TENANT = "-"


class InvalidKeys(SpeakerlineError, ValueError):
    """A file that holds no API keys."""


def make_key() -> str:
    """A new key."""
    return PREFIX + secrets.token_urlsafe(32)


def key_line(key: str, principal: Principal, name: str) -> str:
    """What the file keeps of a key."""
    roles = ",".join(sorted(role.value for role in principal.roles))
    return f"{principal.tenant or _NO_TENANT} {roles} {_digest(key)} {name}\n"


class ApiKeys:
    """The keys in a file. Raises InvalidKeys where it can't be read, or a line of it, at the start.

    Later, bad lines are left out, a file that is gone has no keys, and of one that can't be read the last keys stay.

    `on_faults` is told what is wrong with the file now, whenever that changes: no more of a line than its number."""

    def __init__(self, path: Path, on_faults: Callable[[Sequence[str]], None] = lambda faults: None) -> None:
        self._path = path
        self._on_faults = on_faults
        self._stamp = _stamp(path)
        self._faults: list[str] = []
        try:
            self._by_digest, bad = _read(path)
        except OSError as error:
            raise InvalidKeys(f"keys {path}: expected a file of API keys ({type(error).__name__})") from error
        for number, why in bad.items():
            raise InvalidKeys(f"keys {path}, line {number}: {why}")

    def find(self, key: str) -> Principal | None:
        """Whose key it is. The time it takes tells nothing of the keys: their digests are compared, not they."""
        if (stamp := _stamp(self._path)) != self._stamp:
            self._read_again(stamp)
        return self._by_digest.get(_digest(key))

    def _read_again(self, stamp: tuple[int, int] | None) -> None:
        try:
            self._by_digest, bad = _read(self._path)
            self._stamp, faults = stamp, [f"line {number}" for number in bad]
        except FileNotFoundError:
            self._by_digest, self._stamp, faults = {}, None, ["it is gone"]
        except OSError as error:
            faults = [f"it can't be read ({type(error).__name__})"]
        if faults != self._faults:
            self._faults = faults
            self._on_faults(faults)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _read(path: Path) -> tuple[dict[str, Principal], dict[int, str]]:
    """The keys, and what is wrong with other lines, by their numbers. Raises OSError."""
    keys: dict[str, Principal] = {}
    bad: dict[int, str] = {}
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            digest, principal = _read_line(line)
            keys[digest] = principal
        except (ValueError, InvalidTenant) as error:
            bad[number] = str(error)
    return keys, bad


def _read_line(line: str) -> tuple[str, Principal]:
    """Raises ValueError, InvalidTenant."""
    tenant, roles, digest, name, *_ = [*line.split(maxsplit=3), "", "", "", ""]
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError("expected `<tenant or -> <roles> <SHA-256 of the key> <name>`")
    owner = check_tenant(DEFAULT if tenant == _NO_TENANT else tenant)
    return digest, Principal(owner, roles_of(roles.split(",")), name.strip())


def roles_of(names: Iterable[str]) -> frozenset[Role]:
    """Roles by name. Raises ValueError for another name."""
    known = {role.value: role for role in Role}
    for name in names:
        if name not in known:
            raise ValueError(f"role {name[:20]!r}: expected {', '.join(known)}")
    return frozenset(known[name] for name in names)
