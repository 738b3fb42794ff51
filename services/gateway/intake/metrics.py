"""What operators see of the calls that come in. Labels are few and have few values, never the id of a call."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class IntakeMetrics:
    """The series of this process."""

    def __init__(self, registry: CollectorRegistry, refused: Counter) -> None:
        """`refused`: counts what is turned away, by reason."""

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"speakerline_gateway_{name}", text, ("dialect", *labels), registry=registry)

        self.refused = refused
        self.sockets = Gauge(
            "speakerline_gateway_sockets", "Open sockets of producers.", ("dialect",), registry=registry
        )
        self.calls = counter("calls_total", "Calls that began.")
        self.closed = counter(
            "closed_sockets_total", "Sockets that are over, by the close code that the gateway gave.", "code"
        )
        self.frames = counter("frames_total", "Frames of sound as their producers sent them, late ones included.")
        self.late = counter("late_frames_total", "Frames that came after their time, or twice: they were left out.")
        self.lost = counter("lost_seconds_total", "Sound that never came, summed over channels.")
        self.to_redis = Histogram(
            "speakerline_gateway_frame_seconds",
            "From the arrival of a frame to the answer of Redis; of those that are sent together the oldest counts.",
            buckets=SECONDS,
            registry=registry,
        )
