"""What operators see of the archive; no label has a call's id or a tenant."""

import time
from collections.abc import Callable

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from speakerline.shared.runtime.metrics import SECONDS, VERSION


class ArchiveMetrics:
    """The series of this process."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.registry = registry

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"speakerline_archive_{name}", text, labels, registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"speakerline_archive_{name}", text, labels, registry=registry)

        self.lag = gauge("lag_seconds", "Age of the oldest event that is not in the database; 0 for one that waits.")
        self.writes = gauge("writes", "Whether this process writes; one does, the others wait to take its place.")
        self.calls = gauge("calls_in_hand", "Calls in memory.")
        self.events = counter("events_total", "Events read from the firehose.")
        self.rows = counter("rows_total", "Rows written.")
        self.errors = counter("errors_total", "What failed and is tried again.", "kind")
        self.snapshots = counter("snapshots_total", "Calls that went on from a snapshot, because events were missing.")
        self.lost = counter("lost_calls_total", "Calls of which something will never come.")
        self.erased = counter("erased_calls_total", "Calls erased on request.")
        self.expired = counter("expired_calls_total", "Calls whose time was over.", "what")
        self.recorded = counter("recorded_seconds_total", "Sound that was recorded, a channel each.")
        self.lost_sound = counter("lost_sound_seconds_total", "Sound of recorded calls that came to no file.")
        self.write = Histogram(
            "speakerline_archive_write_seconds", "One transaction.", buckets=SECONDS, registry=registry
        )
        gauge("build_info", "1, with the version that runs.", "version").labels(VERSION).set(1)
        gauge("start_time_seconds", "When the process started; every change is a restart.").set(time.time())

    def watch_lag(self, lag_s: Callable[[], float]) -> None:
        self.lag.set_function(lag_s)

    def watch_calls(self, calls: Callable[[], float]) -> None:
        self.calls.set_function(calls)
