"""A gateway within a test's own loop, on a free port, and what clients of it do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from speakerline.services.gateway.metrics import GatewayMetrics
from speakerline.services.gateway.serving import serving
from speakerline.services.gateway.settings import GatewaySettings
from speakerline.services.gateway.stopping import Stopping
from tests.gateway.plain_http import http_client

HANG_S = 30.0


@dataclass(frozen=True, slots=True)
class Running:
    port: int
    client: httpx.AsyncClient
    stopping: Stopping
    registry: CollectorRegistry

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def counted(self, name: str, **labels: str) -> float:
        """The value of a series of metrics."""
        return self.registry.get_sample_value(f"speakerline_gateway_{name}", labels) or 0.0

    async def json(self, path: str, **parameters: Any) -> Any:
        answer = await self.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def running(redis_url: str, key: str = "", **settings: Any) -> AsyncIterator[Running]:
    """A gateway with these settings, until the end of the block. `key`: what its client sends."""
    stopping, registry = Stopping(), CollectorRegistry()
    options = GatewaySettings(redis_url=redis_url, gateway_port=0, **settings)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        serving(options, stopping, GatewayMetrics(registry)) as port,
        http_client(base_url=f"http://127.0.0.1:{port}", timeout=HANG_S, headers=headers) as client,
    ):
        yield Running(port, client, stopping, registry)


@dataclass(slots=True)
class Block:
    """One block of an event stream: its fields, and its comment."""

    id: str = ""
    data: str = ""
    retry: str = ""
    comment: str = ""


@dataclass(slots=True)
class Blocks:
    """Parses an event stream, as a browser does (WHATWG HTML, 9.2.6)."""

    blocks: list[Block] = field(default_factory=list)
    _open: Block = field(default_factory=Block)

    def take(self, line: str) -> Block | None:
        """The block that the line ends, if any."""
        if not line:
            ended, self._open = self._open, Block()
            return ended
        name, _, value = line.partition(":")
        setattr(self._open, name or "comment", value.removeprefix(" "))
        return None


@asynccontextmanager
async def listening(client: httpx.AsyncClient, path: str, **request: Any) -> AsyncIterator[AsyncIterator[Block]]:
    """The blocks of an event stream, as they come."""
    async with client.stream("GET", path, **request) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        parser = Blocks()

        async def blocks() -> AsyncIterator[Block]:
            async for line in answer.aiter_lines():
                if block := parser.take(line):
                    yield block

        yield blocks()
