"""Asterisk's AudioSocket over TCP: one connection is one call of one channel."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from speakerline.services.gateway.auth.principal import DEFAULT_TENANT
from speakerline.services.gateway.dialects.audiosocket import HANG_UP, AudioSocket
from speakerline.services.gateway.dialects.closing import ENDED
from speakerline.services.gateway.intake.incoming import Incoming
from speakerline.services.gateway.settings import GatewaySettings
from speakerline.services.gateway.stopping import Stopping
from speakerline.shared.environment import InvalidSettings

NAME = "audiosocket"
PIECE_BYTES = 65_536

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class StreamPeer:
    """Peer over TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> bytes | None:
        try:
            return await self._reader.read(PIECE_BYTES) or None
        except OSError:
            return None

    async def send(self, text: str) -> None:
        """The protocol has no messages to Asterisk but the one that `close` sends."""

    async def close(self, code: int, reason: str) -> None:
        """With a request to hang up where the gateway ends the call."""
        try:
            if code != ENDED:
                self._writer.write(bytes((HANG_UP, 0, 0)))
            self._writer.close()
            await self._writer.wait_closed()
        except OSError:
            pass  # the other end is gone


def networks_of(settings: GatewaySettings) -> list[Network]:
    """From where connections are taken. Raises InvalidSettings."""
    try:
        return [ipaddress.ip_network(one.strip()) for one in settings.intake.audiosocket_networks.split(",")]
    except ValueError as error:
        raise InvalidSettings(f"SPEAKERLINE_INTAKE_AUDIOSOCKET_NETWORKS: {error}") from error


@asynccontextmanager
async def audiosocket_server(settings: GatewaySettings, incoming: Incoming, stopping: Stopping) -> AsyncIterator[None]:
    """Listen while the block lasts, unless the port is 0."""
    if not settings.intake.audiosocket_port:
        yield
        return
    networks = networks_of(settings)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = StreamPeer(reader, writer)
        address = ipaddress.ip_address(writer.get_extra_info("peername")[0].partition("%")[0])
        reason = "stopping" if stopping.begun.is_set() else "" if _is_in(address, networks) else "network"
        if reason:
            incoming.metrics.refused.labels(reason).inc()
            writer.close()
            return
        with stopping.hold():
            await incoming.serve(NAME, AudioSocket(), peer, DEFAULT_TENANT)

    server = await asyncio.start_server(serve, settings.gateway_host, settings.intake.audiosocket_port)
    try:
        yield
    finally:
        server.close()


def _is_in(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: list[Network]) -> bool:
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in network for network in networks if network.version == mapped.version)
