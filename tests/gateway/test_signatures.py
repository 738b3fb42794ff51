"""Who may open a socket because a vendor signed the request."""

import base64
import hmac
from typing import Any

import pytest

from speakerline.services.gateway.auth.audiohook import SIGNED, Client, Nonces, signature_base, verify
from speakerline.services.gateway.auth.producers import Producers
from speakerline.services.gateway.auth.twilio import signature, tenant_that_signed
from speakerline.services.gateway.intake.settings import IntakeSettings
from speakerline.shared.environment import InvalidSettings

ADDRESS = "wss://calls.example.com/twilio"
OPENSSL = "KYJx6UwE4CTkBArlqaZlEvivWvM="
NOW = 1_700_000_000.0


def test_twilio_signs_the_address_with_the_token() -> None:
    """The value of openssl: printf %s ADDRESS | openssl dgst -sha1 -hmac 12345 -binary | base64."""
    assert signature("12345", ADDRESS) == OPENSSL
    tokens = {"67890": "", "12345": "acme"}
    assert tenant_that_signed(tokens, ADDRESS, OPENSSL) == "acme"


@pytest.mark.parametrize(
    ("address", "given"),
    [
        pytest.param(ADDRESS + "/", None, id="a trailing slash"),
        pytest.param(ADDRESS.replace("wss", "ws"), None, id="another scheme"),
        pytest.param(ADDRESS, "", id="nothing"),
        pytest.param(ADDRESS, "é", id="beyond ASCII"),
        pytest.param(ADDRESS, "AAAA", id="another signature"),
    ],
)
def test_anything_else_is_no_signature_of_twilio(address: str, given: str | None) -> None:
    assert tenant_that_signed({"12345": "acme"}, address, OPENSSL if given is None else given) is None


SECRET = b"a secret of thirty-two bytes...."
CLIENTS = {"key-1": Client("acme", SECRET), "open": Client("", b"")}
HEADERS = {
    "audiohook-organization-id": "o",
    "audiohook-session-id": "s",
    "audiohook-correlation-id": "c",
    "x-api-key": "key-1",
}


def signed(names: tuple[str, ...] = SIGNED, secret: bytes = SECRET, **changes: Any) -> dict[str, str]:
    """Headers as Genesys sends them."""
    told = {"keyid": "key-1", "nonce": "n" * 22, "alg": "hmac-sha256", "created": NOW, "expires": NOW + 10, **changes}
    parts = [f';{name}="{value}"' if isinstance(value, str) else f";{name}={value:.0f}" for name, value in told.items()]
    parameters = "(" + " ".join(f'"{name}"' for name in names) + ")" + "".join(parts)
    base = signature_base("/audiohook", "calls.example.com", HEADERS, list(names), parameters)
    digest = base64.b64encode(hmac.digest(secret, base, "sha256")).decode()
    return {**HEADERS, "signature-input": f"sig1={parameters}", "signature": f"sig1=:{digest}:"}


def check(
    headers: dict[str, str],
    now: float = NOW,
    nonces: Nonces | None = None,
    target: str = "/audiohook",
    authority: str = "calls.example.com",
) -> str:
    client, problem = verify(CLIENTS, target, authority, headers, nonces or Nonces(), now)
    assert (client is None) == bool(problem)
    return problem


def test_what_is_signed_is_the_text_of_the_vendors_page() -> None:
    names, parameters = ["@request-target", "@authority", "x-api-key"], '("@request-target" ...);keyid="key-1"'
    assert signature_base("/audiohook", "Calls.Example.com", HEADERS, names, parameters).decode() == (
        '"@request-target": /audiohook\n"@authority": calls.example.com\n"x-api-key": key-1\n'
        '"@signature-params": ("@request-target" ...);keyid="key-1"'
    )


def test_genesys_is_who_signs_with_the_secret_of_its_key() -> None:
    assert verify(CLIENTS, "/audiohook", "calls.example.com", signed(), Nonces(), NOW) == (CLIENTS["key-1"], "")


def test_a_key_without_a_secret_needs_no_signature() -> None:
    assert check({**HEADERS, "x-api-key": "open"}) == ""


@pytest.mark.parametrize("later_s", [-3, 0, 10, 13])
def test_a_clock_may_be_three_seconds_off(later_s: float) -> None:
    assert check(signed(), NOW + later_s) == ""


def test_a_nonce_counts_once_as_long_as_its_signature_would() -> None:
    nonces = Nonces()
    assert check(signed(), nonces=nonces) == ""
    assert "nonce" in check(signed(), nonces=nonces)
    assert "nonce" in check(signed(), NOW + 13, nonces=nonces)
    assert check(signed(created=NOW + 60, expires=NOW + 70), NOW + 60, nonces=nonces) == ""


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        pytest.param({**signed(), "x-api-key": "key-2"}, "key that is not known", id="an unknown key"),
        pytest.param({}, "key that is not known", id="no headers"),
        pytest.param(HEADERS, "no signature", id="no signature"),
        pytest.param(signed(secret=b"another"), "wrong signature", id="another secret"),
        pytest.param({**signed(), "audiohook-session-id": "t"}, "wrong signature", id="another session"),
        pytest.param({**signed(), "signature": "sig1=:AAAA:"}, "wrong signature", id="a short signature"),
        pytest.param({**signed(), "signature": "sig1=:A:"}, "can't be read", id="a signature that is no base64"),
        pytest.param({**signed(), "signature-input": "sig1=()"}, "something else", id="nothing is signed"),
        pytest.param(signed(SIGNED[:-1]), "something else", id="the key is not signed"),
        pytest.param(signed(alg="none"), "something else", id="no algorithm"),
        pytest.param(signed(keyid="key-2"), "something else", id="the key of another"),
        pytest.param(signed(nonce="short"), "nonce", id="a short nonce"),
        pytest.param(signed(created=NOW - 14), "another time", id="old"),
        pytest.param(signed(created=NOW + 4), "another time", id="of the future"),
        pytest.param(signed(expires=NOW - 4), "another time", id="expired"),
        pytest.param(signed(created="soon"), "can't be read", id="a time that is none"),
    ],
)
def test_anything_else_is_no_signature_of_genesys(headers: dict[str, str], problem: str) -> None:
    assert problem in check(headers)


def test_a_signature_counts_for_one_address() -> None:
    assert check(signed(), target="/audiohook?x=1") == "a wrong signature"
    assert check(signed(), authority="other.example.com") == "a wrong signature"


def test_secrets_are_read_with_their_tenants() -> None:
    key = base64.b64encode(SECRET).decode()
    settings = IntakeSettings(
        public_url="wss://calls.example.com/",
        twilio_tokens="12345, acme=67890",
        audiohook_keys=f"key-1:{key},acme=key-2:{key},open:",
    )
    producers = Producers.of(settings)
    assert producers.twilio == {"12345": "", "67890": "acme"}
    assert producers.audiohook == {
        "key-1": Client("", SECRET),
        "key-2": Client("acme", SECRET),
        "open": Client("", b""),
    }
    assert producers.public_url == "wss://calls.example.com"
    assert "67890" not in str(settings.printable()) and key not in str(settings.printable())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"twilio_tokens": "12345"}, "PUBLIC_URL"),
        ({"audiohook_keys": "key:not base64!"}, "expected base64"),
        ({"audiohook_keys": "a b=key:"}, "tenant 'a b'"),
    ],
)
def test_secrets_that_can_not_be_read_are_an_error_at_the_start(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSettings, match=said) as refused:
        Producers.of(IntakeSettings(**settings))
    assert "12345" not in str(refused.value) and "not base64" not in str(refused.value)
