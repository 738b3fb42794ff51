"""A Redis that speaks TLS is used over `rediss://`, and what is wrong with that is told in one line."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from speakerline.shared.client.producer import Producer
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.shared.keys import audio_key
from speakerline.shared.runtime.connection import connect
from speakerline.tools.cli.redis_option import check_redis
from speakerline.tools.failure import Failure
from tests.cli.certificates import Authority
from tests.ports import free_port
from tests.redis_server import RedisServer, RedisServerFailed


@dataclass(frozen=True, slots=True)
class Place:
    """Files, and the addresses of a Redis that wants certificates of its clients and of one that does not."""

    folder: Path
    ports: dict[bool, int]
    plain_port: int

    def url(self, clients: bool = False, host: str = "127.0.0.1", **options: str) -> str:
        told = "&".join(f"ssl_{name}={value}" for name, value in options.items())
        return f"rediss://{host}:{self.ports[clients]}/0?{told}"

    def file(self, name: str) -> str:
        return str(self.folder / name)


def server(folder: Path, port: int, certificate: str, clients: bool) -> RedisServer:
    told = {"file": folder / f"{certificate}.crt", "key_file": folder / f"{certificate}.key"}
    return RedisServer(
        tls_port=str(port),
        tls_cert_file=str(told["file"]),
        tls_key_file=str(told["key_file"]),
        tls_ca_cert_file=str(folder / "ours.crt"),
        tls_auth_clients="yes" if clients else "no",
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("certificates")
    ours, theirs = Authority(folder, "ours"), Authority(folder, "theirs")
    for authority, name, address, days in (
        (ours, "server", "127.0.0.1", 1),
        (ours, "client", "127.0.0.1", 1),
        (theirs, "stranger", "127.0.0.1", 1),
    ):
        authority.sign(name, address, days)
    ports = {clients: free_port() for clients in (False, True)}
    try:
        with (
            server(folder, ports[False], "server", False) as one,
            server(folder, ports[True], "server", True),
        ):
            yield Place(folder, ports, one.port)
    except RedisServerFailed as error:
        if "tls" in str(error):
            pytest.skip("this redis-server is built without TLS")
        raise


async def test_a_trusted_redis_is_used(place: Place) -> None:
    await check_redis(place.url(ca_certs=place.file("ours.crt")))


async def test_a_certificate_is_shown_to_a_redis_that_wants_one(place: Place) -> None:
    mine = {"certfile": place.file("client.crt"), "keyfile": place.file("client.key")}
    await check_redis(place.url(True, ca_certs=place.file("ours.crt"), **mine))


async def test_a_producer_sends_over_tls(place: Place) -> None:
    url = place.url(ca_certs=place.file("ours.crt"))
    redis = connect(url)
    async with Producer(url) as producer:
        call = await producer.start(CallStarted("c1", 8000, Encoding.MULAW))
        call.send(bytes(1600))
        await call.drain()
        assert await redis.xlen(audio_key("c1", 0)) == 2
    await redis.aclose()


@pytest.mark.parametrize(
    ("clients", "options", "message"),
    [
        pytest.param(False, {}, "is not trusted", id="an authority that nobody knows"),
        pytest.param(False, {"ca_certs": "theirs.crt"}, "is not trusted", id="another authority"),
        pytest.param(True, {"ca_certs": "ours.crt"}, "a certificate", id="no certificate of the client"),
        pytest.param(
            True,
            {"ca_certs": "ours.crt", "certfile": "stranger.crt", "keyfile": "stranger.key"},
            "a certificate",
            id="a client of another authority",
        ),
        pytest.param(False, {"ca_certs": "gone.crt"}, "gone.crt: no such file", id="a file that is not there"),
        pytest.param(
            True,
            {"ca_certs": "ours.crt", "certfile": "client.crt", "keyfile": "server.key"},
            "does not belong to the certificate",
            id="a key of another certificate",
        ),
    ],
)
async def test_what_is_wrong_is_told_in_a_line(
    place: Place, clients: bool, options: dict[str, str], message: str
) -> None:
    files = {name: place.file(file) for name, file in options.items()}
    with pytest.raises(Failure) as told:
        await check_redis(place.url(clients, **files))
    assert message in str(told.value) and "\n" not in str(told.value)


async def test_a_certificate_for_another_host_is_told(place: Place) -> None:
    with pytest.raises(Failure, match=r"is not trusted .*not valid for 'localhost'"):
        await check_redis(place.url(host="localhost", ca_certs=place.file("ours.crt")))


async def test_a_port_that_speaks_tls_is_told_where_no_tls_was_asked_for(place: Place) -> None:
    with pytest.raises(Failure, match=r"ends the connection: .*does it want TLS"):
        await check_redis(f"redis://127.0.0.1:{place.ports[False]}")


async def test_a_port_without_tls_is_told(place: Place) -> None:
    with pytest.raises(Failure, match="speaks no TLS"):
        await check_redis(f"rediss://127.0.0.1:{place.plain_port}")
