"""What one gateway process holds, and how a route gets at it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi.requests import HTTPConnection

from speakerline.services.gateway.archived import ArchivedCalls
from speakerline.services.gateway.audiosocket.announcements import Announcements
from speakerline.services.gateway.audiosocket.server import audiosocket_server
from speakerline.services.gateway.auth.authority import Authority
from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.auth.producers import Producers
from speakerline.services.gateway.enrolling import Enrolling
from speakerline.services.gateway.erasing import Erasing
from speakerline.services.gateway.intake.incoming import Incoming
from speakerline.services.gateway.intake.intake import LONGEST_FRAME_MS
from speakerline.services.gateway.intake.limits import Limits
from speakerline.services.gateway.intake.metrics import IntakeMetrics
from speakerline.services.gateway.metrics import GatewayMetrics
from speakerline.services.gateway.places import Places
from speakerline.services.gateway.reach import Reach
from speakerline.services.gateway.settings import GatewaySettings
from speakerline.services.gateway.stopping import Stopping
from speakerline.services.gateway.wallboard.board import Board
from speakerline.shared.addresses import addresses
from speakerline.shared.client.producer import Producer
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.keys import shard_of
from speakerline.shared.logs import Log
from speakerline.shared.runtime.connection import Shard, connect

UPLOADS = 4


@dataclass(frozen=True, slots=True)
class Gateway:
    """One for the process. `shards` are for short commands; whatever blocks has connections of its own."""

    settings: GatewaySettings
    authority: Authority
    metrics: GatewayMetrics
    stopping: Stopping
    shards: Sequence[Shard]
    reach: Reach
    subscriber: Subscriber
    archive: ArchivedCalls
    producers: Producers
    incoming: Incoming
    announcements: Announcements
    board: Board
    log: Log
    watchers: Places
    separations: Places
    erasing: Erasing
    uploading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UPLOADS))
    """The recordings of voices that memory holds."""
    enrolling: Enrolling = field(default_factory=Enrolling)

    def shard_with(self, call_id: str) -> Shard:
        """Where the call is."""
        return self.shards[shard_of(call_id, len(self.shards))]

    def refuse(self, refused: Refused) -> None:
        """Count a request or a socket that is turned away; log it, without secrets or ids, where more than the name of
        a call was wrong."""
        self.metrics.refused.labels(refused.reason).inc()
        if refused.status != 404:
            self.log.warning("refused", reason=refused.reason, status=refused.status)


@asynccontextmanager
async def open_gateway(
    settings: GatewaySettings, authority: Authority, stopping: Stopping, metrics: GatewayMetrics
) -> AsyncIterator[Gateway]:
    """All that the routes need, connected lazily; closed afterwards."""
    producers, log = Producers.of(settings.intake), Log(stage="gateway")
    intake = IntakeMetrics(metrics.registry, metrics.refused)
    limits = Limits(settings.intake.sockets_per_tenant, settings.intake.calls_per_tenant)
    archive = ArchivedCalls(settings.archive)
    shards = [connect(address) for address in addresses(settings.redis_url)]
    reach = Reach(shards)
    try:
        async with (
            Subscriber(settings.redis_url) as subscriber,
            Producer(
                settings.redis_url,
                linger_s=0.015,  # what sockets bring at one tick or two goes together
                on_accepted=intake.to_redis.observe,
                gather_ms=LONGEST_FRAME_MS,
            ) as producer,
        ):
            incoming = Incoming(settings.intake, producer, subscriber, limits, intake, log)
            announcements = Announcements(shards)
            async with audiosocket_server(settings, incoming, announcements, stopping):
                gateway = Gateway(
                    settings,
                    authority,
                    metrics,
                    stopping,
                    shards,
                    reach,
                    subscriber,
                    archive,
                    producers,
                    incoming,
                    announcements,
                    Board(subscriber, reach, log),
                    log,
                    watchers=Places(settings.gateway_watchers, "watchers"),
                    separations=Places(settings.gateway_separations, "separations"),
                    erasing=Erasing(settings.redis_url, len(shards)),
                )
                try:
                    yield gateway
                finally:
                    await gateway.enrolling.aclose()
    finally:
        for shard in shards:
            await shard.aclose()
        archive.close()


def gateway_of(connection: HTTPConnection) -> Gateway:
    """For `Depends`, and for sockets: the gateway that serves this request."""
    gateway: Gateway = connection.app.state.gateway
    return gateway
