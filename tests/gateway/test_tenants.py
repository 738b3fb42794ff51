"""Two tenants of one gateway can't see, name, erase or disturb each other, on any route."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed

from speakerline.services.gateway.auth.principal import ALL_ROLES, Principal
from speakerline.services.gateway.auth.settings import AuthSettings
from speakerline.services.gateway.auth.tickets import Tickets
from speakerline.shared.archive.settings import ArchiveSettings
from speakerline.shared.client.voiceprints import StoredVoiceprint
from speakerline.shared.client.voices import Voices
from tests.archive.archived_calls import a_call, keep, store_of
from tests.archive.running import sqlite_url
from tests.client.spoken_call import SpokenCall, aggregating, spoken
from tests.gateway.plain_http import get
from tests.gateway.running import HANG_S, Running, listening, running
from tests.gateway.serving import gateway_process
from tests.gateway.test_auth import keys_in
from tests.gateway.test_events import rest, taken

TENANTS = ("acme", "bolt")
SECRET = "zanzibar"
"""Only acme's call, and the name of its voice, hold it."""
STREAMS = "text/event-stream"
NAMES = ["", "desk", "gone", "@acme/desk", SECRET, f"@acme/{SECRET}"]
"""What of acme's a stranger may guess."""


@dataclass(frozen=True, slots=True)
class Both:
    """One gateway, and the keys of two tenants; acme has a call, a voice, and archived calls."""

    gateway: Running
    acme: dict[str, str]
    bolt: dict[str, str]
    call: SpokenCall


@asynccontextmanager
async def owned_by_acme(redis_url: str) -> AsyncIterator[SpokenCall]:
    async with aggregating(redis_url), spoken(redis_url, "@acme/desk") as call, Voices(redis_url, "acme") as voices:
        await call.say("hello", SECRET)
        await voices.store(SECRET, StoredVoiceprint("campplus", "AAAA", 3.0))
        yield call


def archived_by_acme(folder: Path) -> str:
    """The URL of an archive that has an older call of the same id, and another one."""
    store = store_of(sqlite_url(folder))
    for call_id in ("@acme/desk", "@acme/gone"):
        keep(store, a_call(call_id, 1_700_000_000_000, f"hello {SECRET}", SECRET, queue=SECRET))
    store.engine.dispose()
    return sqlite_url(folder)


@pytest.fixture
async def both(redis_url: str, tmp_path: Path) -> AsyncIterator[Both]:
    file, keys = keys_in(tmp_path, *(Principal(tenant, ALL_ROLES) for tenant in TENANTS))
    acme, bolt = ({"Authorization": f"Bearer {key}"} for key in keys)
    auth = AuthSettings(keys=str(file))
    archive = ArchiveSettings(archived_by_acme(tmp_path))
    async with running(redis_url, auth=auth, archive=archive) as gateway, owned_by_acme(redis_url) as call:
        yield Both(gateway, acme, bolt, call)


async def test_a_tenant_sees_its_own_calls_by_the_ids_that_it_gave_them(both: Both) -> None:
    async def get(path: str) -> str:
        answer = await both.gateway.client.get(path, headers=both.acme)
        assert answer.status_code == 200, answer.text
        return answer.text

    assert json.loads(await get("/calls"))["calls"][0]["call_id"] == "desk"
    for path in ("/calls/desk", "/calls/desk/timeline", "/calls/desk/export/json", "/calls/desk/export/ctm"):
        text = await get(path)
        assert "desk" in text and "@acme" not in text, path
    async with listening(both.gateway.client, "/calls/desk/events", headers=both.acme) as blocks:
        events = [json.loads(block.data) for block in await taken(blocks, 3)]
    assert {event["call_id"] for event in events} == {"desk"}
    assert (events[0]["call_started"]["call_id"], events[0]["tenant"]) == ("desk", "acme")


async def test_the_same_id_is_another_call_for_each(both: Both, redis_url: str) -> None:
    async with spoken(redis_url, "@bolt/desk") as call:
        await call.say("other")
        for headers, word in ((both.acme, SECRET), (both.bolt, "other")):
            text = (await both.gateway.client.get("/calls/desk/export/txt", headers=headers)).text
            assert word in text and ("other" in text) == (word == "other")
        assert (await both.gateway.client.delete("/calls/desk", headers=both.bolt)).status_code == 200
        assert (await both.gateway.client.get("/calls/desk", headers=both.bolt)).status_code == 404
        assert SECRET in (await both.gateway.client.get("/calls/desk/export/txt", headers=both.acme)).text


async def test_archived_calls_are_found_and_read_by_their_owner_alone(both: Both) -> None:
    client = both.gateway.client
    for query in ("", f"?q={SECRET}", f"?queue={SECRET}", f"?speaker={SECRET}", f"?party={SECRET}"):
        mine = (await client.get(f"/archive/calls{query}", headers=both.acme)).json()["calls"]
        assert [one["call_id"] for one in mine] == ["gone", "desk"]
        assert (await client.get(f"/archive/calls{query}", headers=both.bolt)).json() == {"calls": [], "next": ""}
    for one in mine:
        path = f"/calls/{one['call_id']}/export/txt?archived={one['archived']}"
        assert SECRET in (await client.get(path, headers=both.acme)).text
        assert (await client.get(path, headers=both.bolt)).status_code == 404


@pytest.mark.parametrize("call_id", ["desk", "gone", "@acme/desk", "@bolt/../@acme/gone"])
async def test_on_no_route_can_the_other_reach_it_by(both: Both, call_id: str) -> None:
    document = (await both.gateway.client.get("/openapi.json")).json()
    routes = [
        (method, path) for path, methods in document["paths"].items() if "{call_id}" in path for method in methods
    ]
    assert len(routes) >= 5
    for method, path in routes:
        where = path.format(call_id=quote(call_id, safe=""), file="txt")
        asked = {"speaker_id": "S1", "name": "Ann"} if path.endswith("/voices") else None
        answer = await both.gateway.client.request(method, where, headers=both.bolt, json=asked)
        assert answer.status_code == 404, (method, path, answer.text)
    async with listening(both.gateway.client, "/calls/desk/events", headers=both.acme) as blocks:
        assert SECRET in (await taken(blocks, 3))[-1].data


async def test_who_waits_for_a_call_of_that_id_hears_nothing_of_the_others(both: Both, redis_url: str) -> None:
    waiting = listening(both.gateway.client, "/calls/desk/events", headers=both.bolt, params={"wait": "true"})
    async with waiting as blocks, spoken(redis_url, "@bolt/desk") as own:
        await both.call.say(SECRET)
        await own.say("mine")
        await own.end()
        assert SECRET not in "".join(block.data for block in await rest(blocks))


async def test_a_socket_with_the_others_ticket_finds_nothing(both: Both) -> None:
    ticket = (await both.gateway.client.post("/tickets", headers=both.bolt)).json()["ticket"]
    forged = Tickets(SECRET * 8).issue(Principal("acme", ALL_ROLES))
    for used, code in ((ticket, 4404), (forged, 4401)):
        async with open_socket(f"{both.gateway.socket_url}/calls/desk/events?ticket={used}") as socket:
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert socket.close_code == code


async def test_voices_are_the_tenants_own(both: Both) -> None:
    client, name = both.gateway.client, SECRET
    assert (await client.get("/voices", headers=both.bolt)).json() == {"voices": []}
    assert (await client.delete(f"/voices/{name}", headers=both.bolt)).status_code == 404
    assert [one["name"] for one in (await client.get("/voices", headers=both.acme)).json()["voices"]] == [name]
    assert (await client.delete(f"/voices/{name}", headers=both.acme)).status_code == 200


@pytest.fixture
def served(redis_url: str, tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    file, keys = keys_in(tmp_path, *(Principal(tenant, ALL_ROLES) for tenant in TENANTS))
    archive = archived_by_acme(tmp_path)
    with gateway_process(redis_url, tmp_path / "log", auth_keys=str(file), archive_url=archive) as gateway:
        yield gateway.url, keys


async def test_whatever_the_other_sends_it_learns_nothing_and_changes_nothing(
    redis_url: str, served: tuple[str, list[str]]
) -> None:
    """Requests of every kind that the OpenAPI document allows, made up by schemathesis; each answer is as it says."""
    url, keys = served
    acme, bolt = ({"Authorization": f"Bearer {key}"} for key in keys)
    async with owned_by_acme(redis_url):
        before = [get(url + path, headers=acme).json() for path in ("/calls/desk/timeline", "/voices")]
        await asyncio.to_thread(_attack, url, bolt)
        assert [get(url + path, headers=acme).json() for path in ("/calls/desk/timeline", "/voices")] == before


def _attack(url: str, headers: dict[str, str]) -> None:
    schema: Any = schemathesis.openapi.from_dict(get(f"{url}/openapi.json").json())
    operations = [found.ok() for found in schema.get_all_operations()]
    tried = [one for one in operations if STREAMS not in json.dumps(one.definition.raw)]
    assert len(tried) >= 10
    for operation in tried:

        @settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(
            case=operation.as_strategy(),
            name=st.sampled_from(["", "desk", "gone", "@acme/desk", SECRET, f"@acme/{SECRET}"]),
        )
        def send(case: Any, name: str) -> None:
            for parameter in ("call_id", "name"):
                if name and parameter in case.path_parameters:
                    case.path_parameters[parameter] = quote(name, safe="")
            answer = case.call(base_url=url, headers=headers, timeout=HANG_S)
            case.validate_response(answer, checks=CHECKS)
            assert SECRET not in (answer.text.replace(name, "") if name else answer.text)

        send()


CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
