"""The TCP server that Asterisk connects to."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from speakerline.services.gateway.audiosocket.announcements import Announcements, Leg
from speakerline.services.gateway.audiosocket.legs import LegsPeer
from speakerline.services.gateway.audiosocket.stream_peer import StreamPeer
from speakerline.services.gateway.dialects.audiosocket import FIRST_MESSAGE, AudioSocket
from speakerline.services.gateway.dialects.audiosocket_legs import AudioSocketLegs
from speakerline.services.gateway.dialects.closing import FAULT, NO_HELLO, POLICY, TRY_AGAIN, Violation
from speakerline.services.gateway.intake.incoming import Incoming
from speakerline.services.gateway.pacer import Pacer
from speakerline.services.gateway.settings import GatewaySettings
from speakerline.services.gateway.stopping import Stopping
from speakerline.shared.environment import InvalidSettings
from speakerline.shared.failures import told
from speakerline.shared.runtime.connection import is_outage
from speakerline.shared.tenants import DEFAULT

NAME = "audiosocket"
UUID_BYTES = 16

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks_of(settings: GatewaySettings) -> list[Network]:
    """From where connections are taken. Raises InvalidSettings."""
    try:
        return [ipaddress.ip_network(one.strip()) for one in settings.intake.audiosocket_networks.split(",")]
    except ValueError as error:
        raise InvalidSettings(f"SPEAKERLINE_INTAKE_AUDIOSOCKET_NETWORKS: {error}") from error


@asynccontextmanager
async def audiosocket_server(
    settings: GatewaySettings, incoming: Incoming, announcements: Announcements, stopping: Stopping
) -> AsyncIterator[None]:
    """Listen while the block lasts, unless the port is 0."""
    if not settings.intake.audiosocket_port:
        yield
        return
    networks, connections, pacer = networks_of(settings), _Connections(incoming, announcements), Pacer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = ipaddress.ip_address(writer.get_extra_info("peername")[0].partition("%")[0])
        reason = "stopping" if stopping.begun.is_set() else "" if _is_in(address, networks) else "network"
        if reason:
            incoming.metrics.refused.labels(reason).inc()
            writer.close()
            return
        # asyncio of Python 3.11 reports a task that was cancelled, when the process ends, as a fault.
        with suppress(asyncio.CancelledError), stopping.hold(), pacer.hold():
            await connections.serve(StreamPeer(reader, writer, pacer))

    server = await asyncio.start_server(serve, settings.gateway_host, settings.intake.audiosocket_port)
    try:
        yield
    finally:
        server.close()


class _Connections:
    """Brings each connection to its call."""

    def __init__(self, incoming: Incoming, announcements: Announcements) -> None:
        self._incoming = incoming
        self._announcements = announcements
        self._joined: dict[tuple[str, str, str], LegsPeer] = {}
        """Calls of announced legs that run, by tenant, id and announcement: another one may give the same id."""

    async def serve(self, peer: StreamPeer) -> None:
        """Returns when the connection is over."""
        try:
            leg = await self._leg_of(peer)
        except Violation as violation:
            self._incoming.metrics.refused.labels(violation.reason).inc()
            await peer.close(violation.code, str(violation))
            return
        if leg is None:
            await self._incoming.serve(NAME, AudioSocket(), peer, DEFAULT)
        else:
            await self._serve_leg(leg, peer)

    async def _leg_of(self, peer: StreamPeer) -> Leg | None:
        """What was announced of it. Raises Violation."""
        settings = self._incoming.settings
        try:
            uuid = await asyncio.wait_for(_uuid_of(peer), settings.hello_s)
        except asyncio.TimeoutError as error:
            raise Violation(NO_HELLO, "no_hello", f"no UUID came within {settings.hello_s:g} s") from error
        if not uuid:
            return None
        try:
            leg = await self._announcements.take(uuid)
        except Exception as error:
            if is_outage(error):
                raise Violation(TRY_AGAIN, "no_redis", "Redis is away") from error
            self._incoming.log.warning("announcements can't be read", error=told(error))
            raise Violation(FAULT, "fault", "a fault of the gateway") from error
        if leg is None and settings.audiosocket_announced:
            raise Violation(POLICY, "not_announced", "the UUID was not announced")
        return leg

    async def _serve_leg(self, leg: Leg, peer: StreamPeer) -> None:
        name = (leg.tenant, leg.call.call_id, leg.announcement)
        legs = self._joined.get(name)
        if legs and not legs.over.is_set():
            legs.join(leg.number, peer)
            await legs.over.wait()
            return
        legs = self._joined[name] = LegsPeer()
        legs.join(leg.number, peer)
        try:
            await self._incoming.serve(NAME, AudioSocketLegs(leg.call, leg.legs), legs, leg.tenant)
        finally:
            if self._joined.get(name) is legs:
                del self._joined[name]


async def _uuid_of(peer: StreamPeer) -> str:
    """What the connection begins with; empty where that is something else, of which the dialect says what is wrong."""
    if await peer.look(len(FIRST_MESSAGE)) != FIRST_MESSAGE:
        return ""
    first = await peer.look(len(FIRST_MESSAGE) + UUID_BYTES)
    uuid = first[len(FIRST_MESSAGE) :]
    return str(UUID(bytes=uuid)) if len(uuid) == UUID_BYTES else ""


def _is_in(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: list[Network]) -> bool:
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in network for network in networks if network.version == mapped.version)
