"""TLS to Sentinel and in a cluster, with an authority of one's own and certificates of clients."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from speakerline.shared.runtime.connection import connect
from speakerline.tools.cli.redis_option import check_redis
from tests.cli.certificates import Authority
from tests.ports import free_port
from tests.redis_cluster import SLOTS, ask, port_with_bus, state
from tests.redis_sentinel import NAME, Sentinel
from tests.redis_server import RedisServer
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, until, working
from tests.runtime.reference import numbered, timeline_of

FRAMES = frames_of(1, 20)


class Secured:
    """An authority, and servers that want certificates of it from their clients."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder, "ours")
        for name in ("server", "client"):
            authority.sign(name, "127.0.0.1", 1)
        self.settings = {
            "tls_cert_file": str(folder / "server.crt"),
            "tls_key_file": str(folder / "server.key"),
            "tls_ca_cert_file": str(folder / "ours.crt"),
            "tls_auth_clients": "yes",
        }
        files = {"ca_certs": "ours.crt", "certfile": "client.crt", "keyfile": "client.key"}
        self.options = "&".join(f"ssl_{name}={folder / file}" for name, file in files.items())
        """Of a URL."""


@pytest.fixture
def secured(tmp_path: Path) -> Secured:
    return Secured(tmp_path)


@pytest.fixture
def port(secured: Secured, new_redis_server: Callable[..., RedisServer]) -> int:
    """Where a server speaks TLS."""
    port = free_port()
    new_redis_server(tls_port=str(port), **secured.settings)
    return port


async def is_worked_on(url: str) -> None:
    """A call, from its announcement to its end."""
    await check_redis(url)
    async with working(url), producing(url) as producer:
        await play(producer, a_call("c"), FRAMES)
        assert await timeline(url, "c") == await asyncio.to_thread(timeline_of, a_call("c"), numbered(FRAMES))


async def test_sentinel_is_asked_over_tls_too(secured: Secured, port: int) -> None:
    asked = str(free_port())
    with Sentinel(port, quorum=1, tls_port=asked, tls_replication="yes", **secured.settings):
        url = f"rediss+sentinel://127.0.0.1:{asked}/{NAME}/0?{secured.options}"
        await until(lambda: _found(url))
        await is_worked_on(url)


async def _found(url: str) -> bool:
    redis = connect(url)
    try:
        return bool(await redis.ping())
    except RedisError:
        return False
    finally:
        await redis.aclose()


async def test_a_cluster_tells_where_its_nodes_speak_tls(
    secured: Secured, new_redis_server: Callable[..., RedisServer]
) -> None:
    asked = str(port_with_bus())
    node = new_redis_server(
        port=str(port_with_bus()), cluster_enabled="yes", tls_port=asked, tls_cluster="yes", **secured.settings
    )
    ask(node, "CLUSTER", "ADDSLOTS", *range(SLOTS))
    await until(lambda: state(node)["cluster_state"] == "ok")
    await is_worked_on(f"rediss+cluster://127.0.0.1:{asked}?shards=2&{secured.options}")
