"""How many sockets and calls a tenant may have at once. Counts of this process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from speakerline.services.gateway.dialects.closing import TOO_MANY, Violation


class Limits:
    """Counts what is held."""

    def __init__(self, sockets: int, calls: int) -> None:
        self._most = {"sockets": sockets, "calls": calls}
        self._held: dict[str, Counter[str]] = {"sockets": Counter(), "calls": Counter()}

    @contextmanager
    def hold(self, what: str, tenant: str) -> Iterator[None]:
        """One more of `sockets` or `calls` while the block lasts. Raises Violation where that is one too many."""
        held, most = self._held[what], self._most[what]
        if held[tenant] >= most:
            raise Violation(TOO_MANY, f"too_many_{what}", f"{held[tenant]} {what} at once: expected at most {most}")
        held[tenant] += 1
        try:
            yield
        finally:
            held[tenant] -= 1
            if not held[tenant]:
                del held[tenant]
