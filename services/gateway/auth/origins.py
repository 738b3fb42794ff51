"""Which pages may use the gateway: its own, and those of sites that are allowed.

A browser sends `Origin` with every WebSocket and every request that changes something, and no page can forge it. So
what runs on loopback, or is used with a cookie, can't be used by other sites that are open (CWE-1385, CWE-352).
Nor can a site give its own name the gateway's address: on an open gateway only names of this machine are answered.
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


def check_local_name(headers: Headers) -> None:
    """Raises Refused unless the gateway was asked by a name of this machine."""
    host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    if not is_loopback(host):
        raise Refused(403, "host", "a gateway without authentication answers on localhost only")


def is_loopback(host: str) -> bool:
    """Whether the name or address is of this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
