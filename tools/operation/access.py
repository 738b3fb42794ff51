"""Users of Redis with the rights that they need and no others, for each kind of process.

    producer   announces calls and sends sound; reads no call
    watcher    reads timelines; writes nothing
    stage      reads and writes calls; administrates nothing
    gateway    producer and watcher, and it enrols voices, and corrects and erases calls
    archive    reads timelines and sound; tells how far it is, and how long ended calls stay

and `admin`, for whoever looks after Redis, who may do anything.

Redis 6.2 has no patterns for reading alone, so stages, which read enrolled voices, could change them.
A Lua script runs with the rights of its caller, so commands inside the scripts are named, too.
https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/"""

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit


@dataclass(frozen=True, slots=True)
class Role:
    """commands: as ACL SETUSER takes them. keys: patterns of keys."""

    commands: frozenset[str]
    keys: frozenset[str]

    def __or__(self, other: "Role") -> "Role":
        return Role(self.commands | other.commands, self.keys | other.keys)

    @property
    def rules(self) -> tuple[str, ...]:
        """For ACL SETUSER, after the password. Keys as they are on one shard, and on each of several."""
        keys = (f"~{prefix}{pattern}" for pattern in sorted(self.keys) for prefix in ("", OF_A_SHARD))
        return ("resetkeys", "resetchannels", "-@all", *keys, *(f"+{command}" for command in sorted(self.commands)))


OF_A_SHARD = "{calls_*}:"
"""What the keys of a shard begin with, as a pattern: shared/keys.py."""


def _role(commands: str, keys: str) -> Role:
    return Role(frozenset(commands.split()), frozenset(keys.split()))


_EVERYBODY = _role("cluster|slots ping select time", "")
_SCRIPTS = _role("evalsha script|load", "")

PRODUCER = (
    _EVERYBODY
    | _SCRIPTS
    | _role(
        "exists get hget hmget hset xadd xdel xrange xrevrange",
        "calls call:{*}:meta call:{*}:audio:* call:{*}:stage:* forgotten:*",
    )
)
WATCHER = _EVERYBODY | _role(
    "exists get hget hgetall hmget type xinfo|stream xrange xread xrevrange",
    "calls timeline call:{*}:timeline call:{*}:stage:aggregator call:{*}:meta forgotten:*",
)
ERASURE = _SCRIPTS | _role(
    "bgrewriteaof config|get del exists expire get hget hmget hset info mget persist rename set ttl xack xadd xclaim"
    " xdel xgroup xinfo xpending xrange xrevrange xtrim xsetid slowlog wait",
    "archive archive:* calls calls:copy call:{*}:* forgotten:* timeline timeline:copy rewrite:*",
)
VOICES = _role("hdel hget hgetall hset", "voiceprints")
STAGE = (
    _EVERYBODY
    | _SCRIPTS
    | _role(
        "bgrewriteaof config|get del exec exists expire get hdel hget hgetall hincrby hmget hset hsetnx info multi"
        " persist scan set ttl type xack xadd xclaim xdel xgroup xinfo xpending xrange xread xreadgroup xrevrange"
        " xtrim",
        "archive calls calls:refused calls:wake:* call:{*}:* forgotten:* loads:* rewrite:* timeline wake:*",
    )
    | _role("hgetall", "voiceprints")
)
ARCHIVE = (
    _EVERYBODY
    | _SCRIPTS
    | _role(
        "bgrewriteaof del exists expire get hdel hget hgetall hmget hset info scan set slowlog ttl xrange xread"
        " xrevrange",
        "archive archive:* call:{*}:* rewrite:* timeline",
    )
)
ANNOUNCED = _role("del getdel set", "audiosocket:*")
CORRECTIONS = _role("exec multi", "")
"""What follows from one of an archived call is written at once."""
GATEWAY = PRODUCER | WATCHER | ERASURE | VOICES | ANNOUNCED | CORRECTIONS

ROLES = {"producer": PRODUCER, "watcher": WATCHER, "stage": STAGE, "gateway": GATEWAY, "archive": ARCHIVE}


ADMIN = "admin"


def new_passwords() -> dict[str, str]:
    """A password for each role, and for the administrator."""
    return {name: secrets.token_urlsafe(32) for name in (*ROLES, ADMIN)}


def acl_file(passwords: Mapping[str, str]) -> str:
    """For `aclfile` of redis.conf. It has digests of the passwords.

    Nobody can be the user `default`, which is off. But Redis itself is that user while it loads its append-only file,
    and would leave out whatever that user may not do: so it may do anything."""
    rules = {ADMIN: ("~*", "&*", "+@all"), **{name: role.rules for name, role in ROLES.items()}}
    users = []
    for name, of_user in rules.items():
        digest = hashlib.sha256(passwords[name].encode()).hexdigest()
        users.append(" ".join(("user", f"speakerline-{name}", "on", f"#{digest}", *of_user)))
    return "\n".join(["user default off resetpass ~* &* +@all", *users]) + "\n"


def write_users(folder: Path, url: str) -> None:
    """A folder for each who is told something. `redis` has users.acl, and the password of the administrator; the others
    have the URL for their role. Passwords that are there stay, so it may be done again, as when rights have changed.

    url: of Redis, without a user."""
    places = {ADMIN: folder / "redis" / "admin.password", **{name: folder / name / "url" for name in ROLES}}
    passwords = new_passwords() | {name: _password_in(path) for name, path in places.items() if path.exists()}
    for name, path in places.items():
        if name != ADMIN:
            _write(path, _with_user(url, f"speakerline-{name}", passwords[name]), 0o600)
    _write(places[ADMIN], passwords[ADMIN], 0o640)
    _write(folder / "redis" / "users.acl", acl_file(passwords), 0o640)


def _password_in(path: Path) -> str:
    text = path.read_text("utf-8").strip()
    return urlsplit(text).password or text


def _with_user(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.netloc.rpartition('@')[2]}"))


def _write(path: Path, text: str, mode: int) -> None:
    """All of it or nothing. Redis may be another user of the same group: its files are readable for the group."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(f"{text.strip()}\n")
    beside.replace(path)
