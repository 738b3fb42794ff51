"""Ids of archived calls, whose order is that of time: the millisecond at which a call began, and a number within it.

So the newest calls are read backwards by any index that ends in the id, that of the full text included, and a span of
time is a span of ids. Snowflake ids of Twitter, 2010, are made so.
"""

NUMBERS = 1 << 20
"""Calls that may begin in one millisecond; an id stays below 2^62 until the year 2109."""

LAST = (1 << 62) - 1


def first_id(at_ms: int) -> int:
    """The lowest id of calls that begin then, in ms since 1970."""
    return max(0, min(at_ms * NUMBERS, LAST))


def began_at_ms(archive_id: int) -> int:
    """When a call with this id began, in ms since 1970."""
    return archive_id // NUMBERS
