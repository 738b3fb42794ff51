"""Whether Genesys opened a socket: an HTTP message signature over the request and its headers.

RFC 9421 in the form of https://developer.genesys.cloud/devapps/audiohook/security: `hmac-sha256`, label `sig1`.

    Signature-Input: sig1=("@request-target" "@authority" ...);keyid="..";nonce="..";alg="..";created=..;expires=..
    Signature: sig1=:<base64>:
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

SIGNED = (
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    "x-api-key",
)
"""What must be signed; more may be."""

LONGEST_S = 10
SKEW_S = 3
SHORTEST_NONCE = 22
FAILURE_TAKES_S = 0.5
"""A failure is answered no sooner, so that guessing is slow."""

_INPUT = re.compile(r"\s*sig1=(\(([^()]*)\)((?:;[a-z]+=(?:\"[^\"]*\"|\d+))*))\s*")
_PARAMETER = re.compile(r";([a-z]+)=(?:\"([^\"]*)\"|(\d+))")
_SIGNATURE = re.compile(r"\s*sig1=:([A-Za-z0-9+/=]+):\s*")


@dataclass(frozen=True, slots=True)
class Client:
    """Who has an API key. `secret`: what it signs with; empty where it signs nothing."""

    tenant: str
    secret: bytes


class Nonces:
    """The nonces of the last seconds: each may be used once."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def take(self, nonce: str, now: float) -> bool:
        """Whether it is new; it is used from now on."""
        self._until = {one: until for one, until in self._until.items() if until > now}
        if nonce in self._until:
            return False
        self._until[nonce] = now + LONGEST_S + 2 * SKEW_S
        return True


def verify(
    clients: Mapping[str, Client], target: str, authority: str, headers: Mapping[str, str], nonces: Nonces, now: float
) -> tuple[Client | None, str]:
    """The client that opened the socket, or None and why not.

    `clients`: by API key; `target`: path and query of the request; `headers`: names in lower case; `now`: in seconds
    since 1970."""
    client = clients.get(headers.get("x-api-key", ""))
    if client is None:
        return None, "an API key that is not known"
    if not client.secret and "signature" not in headers:
        return client, ""
    problem = _problem(client, target, authority, headers, nonces, now)
    return (None, problem) if problem else (client, "")


def signature_base(target: str, authority: str, headers: Mapping[str, str], names: list[str], parameters: str) -> bytes:
    """What is signed, a line for each component."""
    values = {**headers, "@request-target": target, "@authority": authority.lower()}
    lines = [f'"{name}": {values.get(name, "").strip()}' for name in names]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode()


def _problem(
    client: Client, target: str, authority: str, headers: Mapping[str, str], nonces: Nonces, now: float
) -> str:
    described = _INPUT.fullmatch(headers.get("signature-input", ""))
    given = _SIGNATURE.fullmatch(headers.get("signature", ""))
    if not described or not given:
        return "no signature"
    names = [name.strip('"') for name in described[2].split()]
    told = {name: text or number for name, text, number in _PARAMETER.findall(described[3])}
    if set(SIGNED) - set(names) or told.get("alg") != "hmac-sha256" or told.get("keyid") != headers["x-api-key"]:
        return "a signature of something else"
    try:
        signed = base64.b64decode(given[1], validate=True)
        created, expires = int(told["created"]), int(told["expires"])
    except (binascii.Error, KeyError, ValueError):
        return "a signature that can't be read"
    expected = hmac.digest(client.secret, signature_base(target, authority, headers, names, described[1]), "sha256")
    if not client.secret or not hmac.compare_digest(expected, signed):
        return "a wrong signature"
    if not created - SKEW_S <= now <= min(expires, created + LONGEST_S) + SKEW_S:
        return "a signature of another time"
    if len(told.get("nonce", "")) < SHORTEST_NONCE or not nonces.take(told["nonce"], now):
        return "a nonce that was used, or is too short"
    return ""
