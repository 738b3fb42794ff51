"""Enrolled voices of two tenants in one Redis: the same name twice, and each sees, replaces and erases its own."""

import pytest

from speakerline.shared.client.voiceprints import InvalidName, StoredVoiceprint
from speakerline.shared.client.voices import Voices
from speakerline.shared.tenants import InvalidTenant

ONE, OTHER = StoredVoiceprint("e", "AAAA", 3.0), StoredVoiceprint("e", "BBBB", 4.0)


async def test_tenants_use_the_same_name_without_disturbing_each_other(redis_url: str) -> None:
    async with Voices(redis_url) as default, Voices(redis_url, "acme") as acme, Voices(redis_url, "bolt") as bolt:
        await default.store("Ann", ONE)
        await acme.store("Ann", OTHER)
        assert (await default.read(), await acme.read(), await bolt.read()) == ({"Ann": ONE}, {"Ann": OTHER}, {})
        assert not await bolt.erase("Ann")
        assert await acme.erase("Ann")
        assert (await default.read(), await acme.read()) == ({"Ann": ONE}, {})


async def test_a_name_cannot_reach_into_another_tenant(redis_url: str) -> None:
    async with Voices(redis_url) as default, Voices(redis_url, "acme") as acme:
        await acme.store("Ann", ONE)
        with pytest.raises(InvalidName, match="does not begin with @"):
            await default.store("@acme/Ann", OTHER)
        with pytest.raises(InvalidTenant, match="does not begin with @"):
            await default.erase("@acme/Ann")
        assert await acme.read() == {"Ann": ONE}


def test_a_tenant_with_an_impossible_name_is_refused(redis_url: str) -> None:
    with pytest.raises(InvalidTenant):
        Voices(redis_url, "a/b")
