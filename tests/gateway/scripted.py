"""Helpers: what all connections share, on a real Redis, and a producer that says what a test wrote down."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from speakerline.services.gateway.dialects.audiosocket import AudioSocket
from speakerline.services.gateway.dialects.base import Dialect
from speakerline.services.gateway.dialects.table import DIALECTS
from speakerline.services.gateway.inbox import Take
from speakerline.services.gateway.intake.incoming import Incoming
from speakerline.services.gateway.intake.limits import Limits
from speakerline.services.gateway.intake.metrics import IntakeMetrics
from speakerline.services.gateway.intake.settings import IntakeSettings
from speakerline.services.gateway.metrics import GatewayMetrics
from speakerline.shared.client.producer import Producer
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.logs import Log


def dialect_of(name: str, **parameters: str) -> Dialect:
    return AudioSocket() if name == "audiosocket" else DIALECTS[name](parameters)


class ScriptedPeer:
    """Says its messages and is gone; remembers what it was told."""

    def __init__(self, messages: Sequence[str | bytes]) -> None:
        self._messages = list(messages)
        self.told: list[str] = []
        self.closed: list[tuple[int, str]] = []

    async def hear(self, take: Take) -> bool:
        while self._messages:
            if not take([self._messages.pop(0)]):
                return True
        return False

    async def send(self, text: str) -> None:
        self.told.append(text)

    async def close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))


@asynccontextmanager
async def taking(redis_url: str, **settings: Any) -> AsyncIterator[Incoming]:
    metrics = GatewayMetrics(CollectorRegistry())
    intake = IntakeMetrics(metrics.registry, metrics.refused)
    async with Producer(redis_url) as producer, Subscriber(redis_url) as subscriber:
        yield Incoming(IntakeSettings(**settings), producer, subscriber, Limits(9, 9), intake, Log(stage="gateway"))
