"""Where a client looks for calls: the shards at a URL, or an error that names it."""

from speakerline.shared.addresses import Address, addresses
from speakerline.shared.redaction import without_password
from speakerline.shared.runtime.connection import check_url


def places_at(url: str) -> list[Address]:
    """The shards, in order. Raises ValueError with the URL, but for its passwords, and what was expected."""
    try:
        return addresses(check_url(url))
    except ValueError as error:
        raise ValueError(f"redis url {without_password(url)!r}: {error}") from None
