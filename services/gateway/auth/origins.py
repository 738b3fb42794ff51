"""Which pages may use the gateway: its own, and those of sites that are allowed.

A browser sends `Origin` with every WebSocket and every request that changes something, and no page can forge it. So
what runs on loopback, or is used with a cookie, can't be used by other sites that are open (CWE-1385, CWE-352).
Nor can a site give its own name the gateway's address and read what is open (DNS rebinding, CWE-350): an open gateway
answers to addresses, to localhost, and to names that it was told are its own.
"""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from speakerline.services.gateway.auth.principal import Refused


def check_origin(headers: Headers, allowed: frozenset[str]) -> None:
    """Raises Refused for a page of another site."""
    origin = headers.get("origin", "").lower()
    own = urlsplit(origin).netloc == headers.get("host", "").lower()
    if origin and not own and origin not in allowed:
        raise Refused(403, "origin", "the request comes from a page of another site")


def check_host(headers: Headers, names: frozenset[str]) -> None:
    """Raises Refused unless an open gateway was asked by an address, as localhost, or by one of these names."""
    host = name_in(f"//{headers.get('host', '')}")
    if host != "localhost" and host not in names and not _is_address(host):
        raise Refused(
            403,
            "host",
            f"asked as {host[:60]!r}: without authentication, expected localhost, an address, or a name in "
            "SPEAKERLINE_AUTH_PUBLIC_URL or SPEAKERLINE_AUTH_ORIGINS",
        )


def name_in(url: str) -> str:
    """The name or address of the host, in lower case; empty where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether the name or address is of this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
