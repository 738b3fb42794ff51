"""Where calls are kept, by URL: on one Redis or on several, each alone, watched by Sentinel, or in a Cluster. Pure.

    redis://host:6379/0                              one Redis; rediss:// speaks TLS, unix:///path?db=0 is a socket
    redis+sentinel://host:26379,host:26379/name/0    the primary that Sentinel watches under this name
    redis+cluster://host:7000,host:7001?shards=8     a Redis Cluster
    redis://one:6379,redis://other:6379              several, of whatever kind: a shard on each

`rediss+sentinel` and `rediss+cluster` speak TLS, to Sentinel, too. Options of TLS follow the `?`: `ssl_ca_certs`,
`ssl_certfile`, `ssl_keyfile` are paths. `sentinel_username` and `sentinel_password` are for Sentinel, which has none of
the user in front of the hosts. Calls are spread over `shards` by their id, as shared/keys.py has it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from speakerline.shared.keys import shard_of, shard_prefix

EXPECTED = (
    "expected redis://host:port/db, rediss://..., unix:///path?db=0, redis+sentinel://host:port,.../name/db or"
    " redis+cluster://host:port,...?shards=N"
)
SENTINEL, CLUSTER = "sentinel", "cluster"
MOST_SHARDS = 1024

_NEXT_URL = re.compile(r",(?=(?:rediss?(?:\+\w+)?|unix)://)")
_SCHEME = re.compile(r"(rediss?)\+(sentinel|cluster)")
_PORTS = {SENTINEL: 26379, CLUSTER: 6379}


@dataclass(frozen=True, slots=True)
class Address:
    """Of one shard.

    url: of the Redis, as redis-py takes it; where a primary is to be found first, the host in it is no Redis.
    number, shards: which of how many.
    kind: '', SENTINEL or CLUSTER.
    nodes: host and port of Sentinels, or of some nodes of the cluster.
    service, sentinel_user: how Sentinel calls the Redis, and as whom it is asked: name and password, '' for none."""

    url: str
    number: int = 0
    shards: int = 1
    kind: str = ""
    nodes: tuple[tuple[str, int], ...] = ()
    service: str = ""
    sentinel_user: tuple[str, str] = ("", "")

    @property
    def prefix(self) -> str:
        """What the names of its keys begin with."""
        return shard_prefix(self.number, self.shards)

    def at(self, host: str, port: int) -> str:
        """The URL of a Redis elsewhere, with the same user and options."""
        parts = urlsplit(self.url)
        user, sign, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{user}{sign}{f'[{host}]' if ':' in host else host}:{port}").geturl()


def urls_in(text: str) -> list[str]:
    """The URLs of a list with commas; those between the hosts of one URL separate none."""
    return _NEXT_URL.split(text)


def with_shards(text: str, shards: int) -> str:
    """The same, on so many shards where it names no number itself."""
    if shards < 2 or any(_shards(url) for url in urls_in(text)):
        return text
    return f"{text}{'&' if '?' in urls_in(text)[-1] else '?'}shards={shards}"


def addresses(text: str) -> list[Address]:
    """The shards, in order. Raises ValueError with what was expected."""
    urls = urls_in(text)
    told = {number for url in urls if (number := _shards(url))}
    shards = told.pop() if told else len(urls)
    if told or len(urls) not in (1, shards):
        raise ValueError(f"{len(urls)} addresses for {shards} shards: expected one, or one for each")
    places = [_address(url) for url in urls] * (shards // len(urls))
    if shards == 1 and places[0].kind == CLUSTER:
        raise ValueError("one shard on a cluster: expected shards=N of 2 to 1024, in the URL or as SPEAKERLINE_SHARDS")
    return [replace(place, number=number, shards=shards) for number, place in enumerate(places)]


def address_of(text: str, call_id: str) -> Address:
    """The shard with a call. Raises ValueError as `addresses` does."""
    places = addresses(text)
    return places[shard_of(call_id, len(places))]


def _shards(url: str) -> int:
    """What the URL says; 0 = nothing."""
    found = dict(parse_qsl(urlsplit(url).query)).get("shards")
    if found is None:
        return 0
    if not found.isdecimal() or not 1 <= int(found) <= MOST_SHARDS:
        raise ValueError(f"shards={found[:20]}: expected 1 to {MOST_SHARDS}")
    return int(found)


def _address(url: str) -> Address:
    parts = urlsplit(url)
    known = parts.scheme in ("redis", "rediss", "unix") or _SCHEME.fullmatch(parts.scheme)
    if not known or not url.lower().startswith(f"{parts.scheme}://"):  # redis-py takes `redis:/host` for localhost
        raise ValueError(EXPECTED)
    _check_port(parts.netloc.rpartition("@")[2])
    ours = dict(parse_qsl(parts.query))
    query = urlencode([(name, value) for name, value in ours.items() if name not in _OURS], safe="/")
    if not (found := _SCHEME.fullmatch(parts.scheme)):
        return Address(parts._replace(query=query).geturl() if ours.keys() & _OURS else url)
    user, sign, hosts = parts.netloc.rpartition("@")
    scheme, kind = found.groups()
    nodes = tuple(_nodes(hosts.split(","), _PORTS[kind]))
    service, database = _service(parts.path) if kind == SENTINEL else ("", _database(parts.path.strip("/"), kind))
    base = f"{scheme}://{user}{sign}{hosts.split(',')[0].rpartition('@')[2]}/{database}{'?' if query else ''}{query}"
    asked_as = (ours.get("sentinel_username", ""), ours.get("sentinel_password", ""))
    return Address(base, kind=kind, nodes=nodes, service=service, sentinel_user=asked_as)


_OURS = frozenset(("shards", "sentinel_username", "sentinel_password"))


def _check_port(hosts: str) -> None:
    """Raises ValueError for port 0, which redis-py takes for none: it uses the usual one."""
    if re.search(r":0+(,|$)", hosts):
        raise ValueError("port 0: expected 1 to 65535")


def _nodes(hosts: Iterable[str], port: int) -> Iterable[tuple[str, int]]:
    for host in hosts:
        parts = urlsplit(f"//{host}")
        if not parts.hostname:
            raise ValueError(EXPECTED)
        yield parts.hostname, parts.port or port


def _service(path: str) -> tuple[str, int]:
    name, _, database = path.strip("/").partition("/")
    if not name:
        raise ValueError("no name of a primary after the hosts: expected redis+sentinel://host:port,.../name/db")
    return unquote(name), _database(database, SENTINEL)


def _database(text: str, kind: str) -> int:
    if text and (not text.isdecimal() or (kind == CLUSTER and int(text))):
        raise ValueError(f"database {text[:20]!r}: expected {'0' if kind == CLUSTER else 'a number'}")
    return int(text or 0)
