"""How much of something a tenant may have at a time."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from speakerline.services.gateway.auth.principal import Refused


class Places:
    """`most` for each tenant. `what`: one word, for the metric and for whoever gets no place."""

    def __init__(self, most: int, what: str) -> None:
        self._most, self._what = most, what
        self._held: Counter[str] = Counter()

    def check(self, tenant: str) -> None:
        """Raises Refused with status 429 where none is free."""
        if self._held[tenant] >= self._most:
            raise Refused(429, self._what, f"{self._most} {self._what} are open: expected fewer at a time")

    @contextmanager
    def hold(self, tenant: str) -> Iterator[None]:
        """Take one for the block. Raises Refused with status 429 where none is free."""
        self.check(tenant)
        self._held[tenant] += 1
        try:
            yield
        finally:
            self._held[tenant] -= 1
            if not self._held[tenant]:
                del self._held[tenant]
