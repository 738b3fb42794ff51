"""What operators see of a gateway. Labels are few and have few values, never a call's id or a tenant."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from speakerline.shared.client.subscriber import RawEvent
from speakerline.shared.environment import InvalidSettings
from speakerline.shared.runtime.metrics import SECONDS, VERSION


class GatewayMetrics:
    """The series of this process."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.registry = registry

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"speakerline_gateway_{name}", text, labels, registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"speakerline_gateway_{name}", text, labels, registry=registry)

        self.refused = counter("refused_total", "Requests and sockets that were turned away.", "reason")
        self.key_faults = gauge("key_file_faults", "What is wrong with the file of API keys: lines that are left out.")
        self.watchers = gauge("watchers", "Streams of events that are open.", "kind")
        self.slow = counter("slow_watchers_total", "Watchers that were cut off because they took events too slowly.")
        self.lag = Histogram(
            "speakerline_gateway_lag_seconds",
            "From the writing of an event to its being sent to a watcher, by the clocks of Redis and of the gateway.",
            buckets=SECONDS,
            registry=registry,
        )
        gauge("build_info", "1, with the version that runs.", "version").labels(VERSION).set(1)

    @contextmanager
    def watching(self, kind: str) -> Iterator[None]:
        """One watcher more, while it lasts."""
        with self.watchers.labels(kind).track_inprogress():
            yield

    def told(self, event: RawEvent) -> None:
        """An event was sent to a watcher. One of a call as it stands has no time, nor has what was there before."""
        if event.sent_at:
            self.lag.observe(max(0.0, time.time() - event.sent_at))


@contextmanager
def serving_metrics(host: str, port: int, registry: CollectorRegistry) -> Iterator[None]:
    """While the block lasts, /metrics for Prometheus, by a thread of its own; with port 0 nowhere.

    Raises InvalidSettings where the port can't be had."""
    if not port:
        yield
        return
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise InvalidSettings(
            f"SPEAKERLINE_GATEWAY_METRICS_PORT='{port}': {error.strerror} on {host}, expected a free one"
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
