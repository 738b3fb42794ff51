"""Who asks, and what that one may do."""

from dataclasses import dataclass, field
from enum import Enum

from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.tenants import DEFAULT


class Role(str, Enum):
    """PRODUCE: send calls. WATCH: read calls. OPERATE: correct calls, enrol and list voices. ERASE: erase calls and
    voices."""

    PRODUCE = "produce"
    WATCH = "watch"
    OPERATE = "operate"
    ERASE = "erase"


ALL_ROLES = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who was authenticated. `tenant`: whose calls and voices these are; empty = the default tenant."""

    tenant: str
    roles: frozenset[Role]
    name: str = field(default="", compare=False)
    """For people, of a person or a key; empty where nobody told it."""


OPEN = Principal(DEFAULT, ALL_ROLES)
"""Everybody, where the gateway has no authentication."""


class Refused(SpeakerlineError):
    """A request that is turned away. `reason`: one word for the metric. The message is for the client, and holds no
    secret."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
