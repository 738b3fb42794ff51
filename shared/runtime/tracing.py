"""One OpenTelemetry trace a call, across all stages; off unless an endpoint is given.

The trace id is derived from the call id (or taken from the producer's `traceparent`), so stages that never talk to each
other put their spans into the same trace.
"""

import hashlib
import re

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.util.types import Attributes

from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.redaction import call_digest

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


class Tracer:
    """Spans of one service. `exporter` is OTLP over HTTP in production, and a list in tests."""

    def __init__(self, service: str, exporter: SpanExporter) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": f"speakerline-{service}"}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("speakerline")

    @classmethod
    def to_endpoint(cls, service: str, endpoint: str) -> "Tracer":
        """`endpoint` is an OTLP/HTTP traces URL, such as http://collector:4318/v1/traces."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return cls(service, OTLPSpanExporter(endpoint=endpoint))

    def step(self, call: CallStarted, stage: str, start_s: float, end_s: float, entries: int, events: int) -> None:
        """One step of one call: wall-clock seconds, entries taken, events given."""
        context = trace.set_span_in_context(trace.NonRecordingSpan(parent_of(call)))
        attributes: Attributes = {
            "speakerline.call_id": call.call_id,
            "speakerline.entries": entries,
            "speakerline.events": events,
        }
        span = self._tracer.start_span(stage, context, attributes=attributes, start_time=int(start_s * 1e9))
        span.end(int(end_s * 1e9))

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def exemplar_of(call: CallStarted, traced: bool) -> dict[str, str]:
    """What leads from a point of a histogram to the call: its digest, and where calls have traces the id of its own."""
    found = {"call": call_digest(call.call_id)}
    return {**found, "trace_id": f"{parent_of(call).trace_id:032x}"} if traced else found


def parent_of(call: CallStarted) -> trace.SpanContext:
    """The remote parent of every span of the call (W3C trace context)."""
    given = _TRACEPARENT.fullmatch(call.traceparent)
    if given:
        trace_id, span_id = int(given[1], 16), int(given[2], 16)
    else:
        digest = hashlib.sha256(call.call_id.encode()).digest()
        trace_id, span_id = int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big")
    return trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED))
