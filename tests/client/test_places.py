"""A client that is given a wrong address says which, and what was expected."""

from collections.abc import Callable

import pytest

from speakerline import Producer, Subscriber
from speakerline.shared.client.forget import forget
from speakerline.shared.client.places import places_at
from speakerline.shared.client.voices import Voices


@pytest.mark.parametrize("client", [Producer, Subscriber, Voices])
def test_every_client_names_it(client: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match=r"^redis url 'foo': expected redis://host:port/db"):
        client("foo")


async def test_so_does_an_erasure() -> None:
    with pytest.raises(ValueError, match=r"^redis url 'foo': expected redis://host:port/db"):
        await forget("foo", "call")


def test_passwords_are_not_shown() -> None:
    with pytest.raises(ValueError, match=r"^redis url 'redis://user:\*\*\*@host:port': expected redis://host:port/db"):
        places_at("redis://user:secret@host:port")


def test_shards_come_in_order() -> None:
    assert [place.url for place in places_at("redis://a:1,redis://b:2")] == ["redis://a:1", "redis://b:2"]
