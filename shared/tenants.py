"""Whose a call is. Tenants share one system, and none can see, name, erase or disturb what is another's.

    given by a producer     tenant      in Redis
    desk-7                  acme        @acme/desk-7
    desk-7                  (default)   desk-7

Names of calls and of enrolled voices carry their tenant, so that two tenants may use the same ones. Those of the
default tenant are as they are given; none of them may have the form that a tenant's has.
"""

import re

from speakerline.shared.errors import SpeakerlineError

DEFAULT = ""
"""The tenant of whoever names none."""

_TENANT = r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}"
_OWNED = re.compile(rf"@({_TENANT})/(.+)", re.DOTALL)


class InvalidTenant(SpeakerlineError, ValueError):
    """A name that no tenant can have, or one that is kept for a tenant."""


def check_tenant(tenant: str) -> str:
    """The name itself. Raises InvalidTenant unless it is empty or 1 to 40 letters, digits, `.`, `_`, `-`."""
    if tenant and not re.fullmatch(_TENANT, tenant):
        raise InvalidTenant(f"tenant {tenant[:40]!r}: expected 1 to 40 letters, digits, `.`, `_` or `-`")
    return tenant


def owned(tenant: str, name: str) -> str:
    """The name in Redis of what a tenant calls `name`. Raises InvalidTenant for a name of the default tenant that has
    the form of another's."""
    if check_tenant(tenant):
        return f"@{tenant}/{name}"
    if tenant_of(name):
        raise InvalidTenant(f"{name[:40]!r}: expected a name that does not begin with @ and a tenant's name")
    return name


def tenant_of(name: str) -> str:
    """Whose it is, of a name in Redis."""
    return split(name)[0]


def split(name: str) -> tuple[str, str]:
    """The tenant, and what that one calls it, of a name in Redis."""
    found = _OWNED.fullmatch(name)
    return (found[1], found[2]) if found else (DEFAULT, name)
