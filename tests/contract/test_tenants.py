"""What belongs to a tenant carries its name, and nothing of one tenant can be named by another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakerline.shared import codec
from speakerline.shared.contract.v1 import CallEnded, CallStarted, Encoding
from speakerline.shared.event_kinds import timeline_event
from speakerline.shared.tenants import InvalidTenant, check_tenant, owned, split, tenant_of

TENANTS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", fullmatch=True)


@given(st.just("") | TENANTS, st.text(min_size=1, max_size=50))
def test_a_name_in_redis_tells_the_tenant_and_the_name_given(tenant: str, name: str) -> None:
    try:
        assert split(owned(tenant, name)) == (tenant, name)
    except InvalidTenant:
        assert tenant == "" and tenant_of(name)


@given(TENANTS, st.text(min_size=1, max_size=50))
def test_the_default_tenant_cannot_name_what_is_anothers(tenant: str, name: str) -> None:
    with pytest.raises(InvalidTenant, match="does not begin with @"):
        owned("", owned(tenant, name))


@pytest.mark.parametrize("call_id", ["desk-7", "sip:ann@example.com/1", "@", "@acme", "@acme/", "@-/x", "a@acme/x"])
def test_ids_of_calls_without_a_tenant_stay_as_they_are(call_id: str) -> None:
    assert owned("", call_id) == call_id


@pytest.mark.parametrize("tenant", ["a/b", "@a", "a b", "-a", "grün", "x" * 41, "a\n"])
def test_other_names_of_tenants_are_refused(tenant: str) -> None:
    with pytest.raises(InvalidTenant, match="expected 1 to 40 letters"):
        check_tenant(tenant)


@pytest.mark.parametrize(("call_id", "tenant"), [("@acme/c", ""), ("c", "acme"), ("@acme/c", "bolt")])
def test_an_announcement_whose_id_is_not_of_its_tenant_is_no_call(call_id: str, tenant: str) -> None:
    call = CallStarted(call_id, 8000, Encoding.MULAW, tenant=tenant)
    with pytest.raises(codec.InvalidEvent, match="expected call_id to begin with @<tenant>/"):
        codec.check_call(call)
    json = b'{"call_id":"%s","sample_rate":8000,"encoding":"ENCODING_MULAW","tenant":"%s"}'
    with pytest.raises(codec.InvalidEvent, match="expected call_id to begin with @<tenant>/") as raised:
        codec.read_call(json % (call_id.encode(), tenant.encode()))
    assert not any(word in str(raised.value) for word in ("acme", "bolt"))


def test_every_event_of_a_timeline_has_the_tenant_of_its_call() -> None:
    assert timeline_event("@acme/c", 2, 0, CallEnded()).tenant == "acme"
    assert timeline_event("c", 2, 0, CallEnded()).tenant == ""
