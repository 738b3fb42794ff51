"""What a URL of Redis names: one, several, whatever Sentinel watches, or a cluster; and how wrong ones are told."""

import pytest

from speakerline.shared.addresses import Address, address_of, addresses, with_shards
from speakerline.shared.runtime.connection import check_url, connect


def test_one_redis_is_one_shard_whose_keys_have_no_prefix() -> None:
    assert addresses("rediss://u:p@host:1/3?ssl_ca_certs=/ca.pem") == [
        Address("rediss://u:p@host:1/3?ssl_ca_certs=/ca.pem", 0, 1)
    ]


def test_several_are_a_shard_each() -> None:
    found = addresses("redis://a:1/2,unix:///run/b.sock?db=1,rediss+sentinel://u:p@c,d:5/main/4")
    assert [(one.url, one.prefix) for one in found] == [
        ("redis://a:1/2", "{calls_0}:"),
        ("unix:///run/b.sock?db=1", "{calls_1}:"),
        ("rediss://u:p@c/4", "{calls_2}:"),
    ]


def test_sentinel_has_nodes_and_a_name_and_may_have_a_user_of_its_own() -> None:
    (found,) = addresses("redis+sentinel://u:p@h1,[::1]:5/my%20main/2?sentinel_password=s%26&ssl_ca_certs=/ca.pem")
    assert found.nodes == (("h1", 26379), ("::1", 5)) and found.service == "my main"
    assert found.sentinel_user == ("", "s&")
    assert found.url == "redis://u:p@h1/2?ssl_ca_certs=/ca.pem"


def test_all_shards_of_a_cluster_ask_the_same_nodes() -> None:
    found = addresses("redis+cluster://:p@h1:7000,h2:7001?shards=3")
    assert {one.nodes for one in found} == {(("h1", 7000), ("h2", 7001))}
    assert [one.prefix for one in found] == ["{calls_0}:", "{calls_1}:", "{calls_2}:"]
    assert found[0].at("::1", 9) == "redis://:p@[::1]:9/0"


def test_a_single_redis_may_have_several_shards() -> None:
    assert [one.url for one in addresses("redis://h/1?shards=2&ssl_ca_certs=/a")] == ["redis://h/1?ssl_ca_certs=/a"] * 2


@pytest.mark.parametrize(
    ("url", "with_eight"),
    [
        pytest.param("redis://h", "redis://h?shards=8", id="it is added"),
        pytest.param("unix:///s?db=1", "unix:///s?db=1&shards=8", id="to other options, too"),
        pytest.param("redis://h?shards=2", "redis://h?shards=2", id="what the URL says goes first"),
    ],
)
def test_the_number_of_shards_can_be_told_apart_from_the_url(url: str, with_eight: str) -> None:
    assert with_shards(url, 8) == with_eight and with_shards(url, 1) == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://host", "expected redis://host:port/db"),
        ("redis+proxy://host", "expected redis://host:port/db"),
        ("redis:/host", "expected redis://host:port/db"),
        ("unix:/run/redis.sock", "expected redis://host:port/db"),
        ("redis+cluster://h:7000", "one shard on a cluster: expected shards=N of 2 to 1024"),
        ("redis+cluster://h:7000/1?shards=2", "database '1': expected 0"),
        ("redis+cluster://?shards=2", "expected redis://host:port/db"),
        ("redis+sentinel://h:26379", "no name of a primary after the hosts"),
        ("redis+sentinel://h:26379/main/x", "database 'x': expected a number"),
        ("redis://h?shards=0", "shards=0: expected 1 to 1024"),
        ("redis://h?shards=many", "shards=many: expected 1 to 1024"),
        ("redis://a,redis://b?shards=3", "2 addresses for 3 shards: expected one, or one for each"),
        ("redis://host:0", "port 0: expected 1 to 65535"),
        ("rediss://u:p@[::1]:00/3", "port 0: expected 1 to 65535"),
        ("redis+sentinel://h:26379,i:0/main", "port 0: expected 1 to 65535"),
        ("redis+cluster://h:0,i:7000?shards=2", "port 0: expected 1 to 65535"),
        ("redis://host:port", "expected redis://host:port/db"),
        ("redis://host?colour=red", "option 'colour': expected one that redis-py knows"),
    ],
)
def test_a_wrong_url_is_told(url: str, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message.replace("+", r"\+")):
        check_url(url)


def test_a_call_is_at_the_address_of_its_shard() -> None:
    assert address_of("redis://a", "123456789").url == "redis://a"
    assert address_of("redis://a,redis://b", "123456789").url == "redis://b", "its CRC, 0x31C3, is odd"


def test_a_client_is_of_one_shard() -> None:
    with pytest.raises(ValueError, match="2 shards: expected one"):
        connect("redis://a,redis://b")
