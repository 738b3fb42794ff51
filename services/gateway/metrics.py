"""What operators see of a gateway. Labels are few and have few values, never a call's id or a tenant."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

from speakerline.shared.runtime.metrics import VERSION


class GatewayMetrics:
    """The series of this process."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.registry = registry
        self.refused = Counter(
            "speakerline_gateway_refused_total",
            "Requests and sockets that were turned away.",
            ("reason",),
            registry=registry,
        )
        build = Gauge(
            "speakerline_gateway_build_info", "1, with the version that runs.", ("version",), registry=registry
        )
        build.labels(VERSION).set(1)
