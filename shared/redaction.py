"""Addresses as they may be shown, on a screen or in a log: without their passwords."""

import re

_BEFORE_HOST = re.compile(r"^(\w+://)?([^:@/]*:)?.*@", re.DOTALL)
_IN_QUERY = re.compile(r"(?i)(password=)[^&\s]*")


def without_password(url: str) -> str:
    """The URL with `***` for its password. Of one that is malformed too, everything before the last `@` is hidden."""
    return _IN_QUERY.sub(r"\1***", _BEFORE_HOST.sub(r"\1\2***@", url))
