"""What may be shown, on a screen, in a log, in a metric: addresses without their passwords, calls without their ids."""

import hashlib
import re

from speakerline.shared.addresses import urls_in

_BEFORE_HOST = re.compile(r"^([\w+]+://)?([^:@/]*:)?.*@", re.DOTALL)
_IN_QUERY = re.compile(r"(?i)(password=)[^&\s]*")


def without_password(url: str) -> str:
    """The URL, or URLs with commas, with `***` for passwords. Of one that is malformed too, everything before the last
    `@` is hidden."""
    return ",".join(_IN_QUERY.sub(r"\1***", _BEFORE_HOST.sub(r"\1\2***@", one)) for one in urls_in(url))


def call_digest(call_id: str) -> str:
    """What names a call where its id must not stay behind: an id may name a person, and logs outlive an erasure."""
    return hashlib.sha256(call_id.encode()).hexdigest()[:12]
