"""Who may do what: keys, tokens and tickets, whose they are, and what each opens."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.datastructures import Headers
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed

from speakerline.services.gateway.auth import tokens
from speakerline.services.gateway.auth.authority import Authority
from speakerline.services.gateway.auth.keys import ApiKeys, InvalidKeys, key_line, make_key
from speakerline.services.gateway.auth.origins import check_origin
from speakerline.services.gateway.auth.principal import ALL_ROLES, Principal, Refused, Role
from speakerline.services.gateway.auth.settings import AuthSettings
from speakerline.services.gateway.auth.tickets import LIFE_S, Tickets
from speakerline.services.gateway.auth.tokens import Jwks, Tokens
from speakerline.shared.environment import InvalidSettings
from speakerline.tools.cli.main import main
from tests.gateway.running import Running, running

WATCHER = Principal("acme", frozenset({Role.WATCH}))
SHARED = "a key of at least thirty-two bytes, for tests"


def keys_in(folder: Path, *principals: Principal) -> tuple[Path, list[str]]:
    """A file with a key for each, and the keys."""
    file, keys = folder / "keys", [make_key() for _ in principals]
    file.write_text("".join(key_line(key, one, "a test") for key, one in zip(keys, principals, strict=True)))
    return file, keys


def test_a_key_is_found_and_the_file_does_not_hold_it(tmp_path: Path) -> None:
    file, (key, all_key) = keys_in(tmp_path, WATCHER, Principal("", ALL_ROLES))
    keys = ApiKeys(file)
    assert (keys.find(key), keys.find(all_key)) == (WATCHER, Principal("", ALL_ROLES))
    assert keys.find(make_key()) is None
    assert key[4:] not in file.read_text()


def test_a_key_is_withdrawn_by_deleting_its_line(tmp_path: Path) -> None:
    file, (one, other) = keys_in(tmp_path, WATCHER, WATCHER)
    keys = ApiKeys(file)
    file.write_text(file.read_text().splitlines()[1] + "\n")
    assert (keys.find(one), keys.find(other)) == (None, WATCHER)


def test_a_key_is_withdrawn_whatever_else_the_file_says(tmp_path: Path) -> None:
    file, (one, other) = keys_in(tmp_path, WATCHER, WATCHER)
    told: list[list[str]] = []
    keys = ApiKeys(file, lambda faults: told.append([*faults]))
    lines = file.read_text().splitlines()
    file.write_text(f"acme wach 00 typo\n{lines[1]}\n\xff half a li")
    assert (keys.find(one), keys.find(other), told) == (None, WATCHER, [["line 1", "line 3"]])
    file.write_text(lines[0])
    assert (keys.find(one), keys.find(other), told[1:]) == (WATCHER, None, [[]])
    file.unlink()
    assert [keys.find(one), keys.find(one), told[2:]] == [None, None, [["it is gone"]]]
    file.write_text(lines[1])
    assert (keys.find(other), told[3:]) == (WATCHER, [[]])


def test_of_a_file_that_can_not_be_read_the_last_keys_stay_until_it_can(tmp_path: Path) -> None:
    file, (key,) = keys_in(tmp_path, WATCHER)
    told: list[list[str]] = []
    keys, line = ApiKeys(file, lambda faults: told.append([*faults])), file.read_text()
    file.unlink()
    file.mkdir()
    assert (keys.find(key), keys.find(key), told) == (WATCHER, WATCHER, [["it can't be read (IsADirectoryError)"]])
    file.rmdir()
    file.write_text(f"# {line}")
    assert (keys.find(key), told[1:]) == (None, [[]])


async def test_a_fault_of_the_key_file_is_counted_and_logged_without_what_the_line_says(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, (key,) = keys_in(tmp_path, WATCHER)
    async with running(redis_url, key, auth=AuthSettings(keys=str(file))) as gateway:
        file.write_text(f"{file.read_text()}acme {key}\n")
        assert (await gateway.client.get("/calls")).status_code == 200
        assert gateway.counted("key_file_faults") == 1
    (record,) = [one for one in caplog.records if "API keys" in one.getMessage()]
    assert "line 2" in str(record.__dict__) and key not in str(record.__dict__)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("acme watch 12", "expected `<tenant or -> <roles> <SHA-256 of the key> <name>`"),
        (f"a/b watch {'0' * 64}", "tenant 'a/b': expected 1 to 40 letters"),
        (f"acme listen {'0' * 64}", "role 'listen': expected produce, watch, operate, erase"),
    ],
)
def test_a_file_with_a_wrong_line_is_refused_at_the_start(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "keys").write_text(f"# keys\n\n{line}\n")
    with pytest.raises(InvalidKeys, match="line 3: ") as raised:
        ApiKeys(tmp_path / "keys")
    assert said in str(raised.value)


def token(key: Any = SHARED, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **claims: Any) -> str:
    usual = {"exp": time.time() + 60, "iss": "us", "tenant": "acme", "roles": ["watch", "admin"]}
    given = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode(given, key, algorithm, headers)


STRICT = Tokens(AuthSettings(jwt_key=SHARED, jwt_issuer="us"))


@pytest.mark.parametrize("roles", [["watch", "admin"], "watch admin"])
async def test_a_token_tells_tenant_and_roles(roles: Any) -> None:
    assert await Tokens(AuthSettings(jwt_key=SHARED)).read(token(roles=roles)) == WATCHER


async def test_a_token_without_roles_may_do_nothing() -> None:
    assert await Tokens(AuthSettings(jwt_key=SHARED)).read(token(roles=None)) == Principal("acme", frozenset())


async def test_without_a_claim_for_it_every_token_is_of_the_default_tenant() -> None:
    settings = AuthSettings(jwt_key=SHARED, tenant_claim="")
    assert await Tokens(settings).read(token()) == Principal("", WATCHER.roles)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(token(exp=time.time() - 60), id="expired"),
        pytest.param(token(exp=None), id="without an end"),
        pytest.param(token(key="another key of at least thirty-two bytes"), id="signed by another"),
        pytest.param(token(key="", algorithm="none"), id="not signed"),
        pytest.param(token(aud="others"), id="for somebody else"),
        pytest.param(token(iss="others"), id="of another issuer"),
        pytest.param(token(iss=None), id="of no issuer"),
        pytest.param(token(tenant="a/b"), id="of an impossible tenant"),
        pytest.param(token(tenant=7), id="of a tenant that is no text"),
        pytest.param(token(tenant=None), id="of no tenant"),
        pytest.param("eyJ.eyJ.x", id="malformed"),
        pytest.param("", id="empty"),
    ],
)
async def test_a_token_is_refused_that_is(wrong: str) -> None:
    with pytest.raises(Refused) as raised:
        await STRICT.read(wrong)
    assert (raised.value.status, raised.value.reason) == (401, "token")


async def test_a_token_that_is_nothing_of_that_is_read() -> None:
    assert await STRICT.read(token()) == WATCHER


async def test_public_keys_are_fetched_once_and_a_shared_secret_does_not_pass_for_one(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    known = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key())) | {"kid": "k1", "alg": "RS256"}
    fetches = []

    async def fetch(jwks: Jwks) -> list[jwt.PyJWK]:
        fetches.append(1)
        return jwt.PyJWKSet.from_dict({"keys": [known]}).keys

    monkeypatch.setattr(Jwks, "_fetch", fetch)
    reader = Tokens(AuthSettings(jwks_url="https://login.example.com/keys"))
    assert await reader.read(token(private, "RS256", {"kid": "k1"})) == WATCHER
    for forged in (token(private, "RS256", {"kid": "k2"}), token(SHARED, "HS256", {"kid": "k1"})):
        with pytest.raises(Refused):
            await reader.read(forged)
    assert len(fetches) == 1


class Provider(Jwks):
    """An identity provider that answers when it may."""

    def __init__(self, *key_ids: str) -> None:
        super().__init__("")
        self.has, self.fetches = key_ids, 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def _fetch(self) -> list[jwt.PyJWK]:
        self.fetches += 1
        await self.answers.wait()
        if not self.has:
            raise jwt.InvalidKeyError("away")
        known = [{"kty": "oct", "k": "AAAA", "alg": "HS256", "kid": one} for one in self.has]
        return jwt.PyJWKSet.from_dict({"keys": known}).keys


async def test_nobody_with_a_known_key_waits_for_a_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "AGAIN_S", -1.0)
    keys = Provider("k1")
    await keys.find("k1")
    keys.answers.clear()
    stranger = asyncio.create_task(keys.find("?"))
    await asyncio.sleep(0)
    assert (await asyncio.wait_for(keys.find("k1"), 1)).key_id == "k1"
    keys.answers.set()
    with pytest.raises(jwt.InvalidKeyError, match="unknown key"):
        await stranger


async def test_a_key_that_its_provider_withdrew_is_soon_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Provider("k1", "k2")
    await keys.find("k1")
    monkeypatch.setattr(tokens, "AGAIN_S", -1.0)
    await keys.find("k1")
    assert keys.fetches == 1
    monkeypatch.setattr(tokens, "RENEW_S", -1.0)
    for has in ((), ("k2",)):
        keys.has = has
        assert (await keys.find("k1")).key_id == "k1", "it is read again beside this"
        await asyncio.sleep(0.01)
    with pytest.raises(jwt.InvalidKeyError, match="unknown key"):
        await keys.find("k1")
    assert keys.fetches == 4


def test_a_ticket_is_good_for_a_minute_and_for_sockets_only() -> None:
    tickets = Tickets(SHARED)
    everything = Principal("acme", ALL_ROLES)
    assert tickets.read(tickets.issue(everything)) == Principal("acme", frozenset({Role.WATCH, Role.PRODUCE}))
    for wrong in (tickets.issue(everything, time.time() - LIFE_S - 1), Tickets(SHARED[::-1]).issue(everything), "x"):
        with pytest.raises(Refused, match="not valid, or older than 60 s"):
            tickets.read(wrong)


@pytest.mark.parametrize(
    ("origin", "host", "fine"),
    [
        ("", "127.0.0.1:8080", True),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("https://desk.example.com", "gateway.example.com", True),
        ("https://evil.example.com", "gateway.example.com", False),
        ("http://127.0.0.1:9999", "127.0.0.1:8080", False),
        ("null", "127.0.0.1:8080", False),
    ],
)
def test_a_page_of(origin: str, host: str, fine: bool) -> None:
    headers = Headers({"host": host, **({"origin": origin} if origin else {})})
    try:
        check_origin(headers, frozenset({"https://desk.example.com"}))
    except Refused:
        assert not fine
    else:
        assert fine


def test_a_gateway_beyond_loopback_needs_authentication_or_is_told_that_it_does_not() -> None:
    with pytest.raises(InvalidSettings, match=r"SPEAKERLINE_GATEWAY_HOST='0\.0\.0\.0': expected SPEAKERLINE_AUTH_KEYS"):
        Authority(AuthSettings(), "0.0.0.0")
    with pytest.raises(InvalidSettings, match="at least 32 bytes"):
        Authority(AuthSettings(jwt_key="short"), "0.0.0.0")
    for host, settings in (
        ("127.0.0.1", AuthSettings()),
        ("::1", AuthSettings()),
        ("0.0.0.0", AuthSettings(open=True)),
        ("0.0.0.0", AuthSettings(jwt_key=SHARED)),
    ):
        Authority(settings, host)


@pytest.fixture
async def gateway(redis_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    file, (key,) = keys_in(tmp_path, WATCHER)
    async with running(redis_url, key, auth=AuthSettings(keys=str(file))) as started:
        yield started


async def test_each_role_opens_its_routes_only(gateway: Running) -> None:
    assert (await gateway.client.get("/calls")).status_code == 200
    for method, path in (("DELETE", "/calls/a"), ("GET", "/voices")):
        answer = await gateway.client.request(method, path)
        assert answer.status_code == 403, path
    assert gateway.counted("refused_total", reason="role") == 2


async def test_without_a_key_or_with_another_nothing_is_open_but_health(gateway: Running) -> None:
    for headers, said in (
        ({"Authorization": ""}, "expected an API key"),
        ({"Authorization": f"Bearer {make_key()}"}, "not known"),
    ):
        answer = await gateway.client.get("/calls", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert said in answer.json()["detail"]
        assert (await gateway.client.get("/healthz", headers=headers)).status_code == 200


async def test_a_ticket_opens_a_socket_and_no_ticket_gives_another(gateway: Running) -> None:
    ticket = (await gateway.client.post("/tickets")).json()["ticket"]
    async with open_socket(f"{gateway.socket_url}/calls/x/events?ticket={ticket}") as socket:
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 4404
    nothing = {"Authorization": ""}
    assert (await gateway.client.get("/calls", params={"ticket": ticket}, headers=nothing)).status_code == 200
    again = await gateway.client.post("/tickets", params={"ticket": ticket}, headers=nothing)
    assert again.status_code == 401


async def test_a_socket_of_another_site_is_refused(gateway: Running) -> None:
    ticket = (await gateway.client.post("/tickets")).json()["ticket"]
    url = f"{gateway.socket_url}/calls/x/events?ticket={ticket}"
    async with open_socket(url, origin="https://evil.example.com") as socket:  # type: ignore[arg-type]
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 4403


@pytest.mark.parametrize("listens_on", ["127.0.0.1", "0.0.0.0"])
async def test_an_open_gateway_answers_to_its_own_names_only(redis_url: str, listens_on: str) -> None:
    auth = AuthSettings(open=True, public_url="https://calls.lan:8443", origins="https://Desk.lan")
    async with running(redis_url, gateway_host=listens_on, auth=auth) as gateway:
        for host in ("evil.example", "evil.example:8080", "calls.lan.evil.example", "gateway", "", "[", "127.1"):
            answer = await gateway.client.get("/calls", headers={"Host": host})
            assert answer.status_code == 403, host
            assert "SPEAKERLINE_AUTH_PUBLIC_URL" in answer.json()["detail"]
        assert gateway.counted("refused_total", reason="host") == 7
        for host in ("localhost:8080", "127.0.0.1", "10.0.0.7:8080", "[::1]:8080", "CALLS.lan", "desk.lan"):
            assert (await gateway.client.get("/calls", headers={"Host": host})).status_code == 200, host


async def test_a_gateway_with_authentication_may_have_any_name(gateway: Running) -> None:
    assert (await gateway.client.get("/calls", headers={"Host": "gateway:8080"})).status_code == 200


def test_the_command_line_makes_a_key_that_opens_what_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys"
    assert main(["key", str(file), "--tenant", "acme", "--roles", "watch", "--name", "desk dashboards"]) == 0
    assert ApiKeys(file).find(capsys.readouterr().out.strip()) == WATCHER
    assert (file.stat().st_mode & 0o777, file.read_text().endswith(" desk dashboards\n")) == (0o600, True)
