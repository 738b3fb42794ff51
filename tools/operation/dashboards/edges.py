"""*Edges*: how sound comes in at the gateway, and how events go out."""

from speakerline.tools.operation.dashboards.queries import of_gateway
from speakerline.tools.operation.panels import Dashboard, Panel, Query

EDGES = Dashboard(
    "speakerline-edges",
    "Speakerline: edges",
    (
        (
            Panel(
                "Sockets of producers",
                "Open ones, by what they speak.",
                (Query("sum by (dialect) (speakerline_gateway_sockets) or vector(0)", "{{dialect}}"),),
            ),
            Panel(
                "Watchers",
                "Streams of events that are open.",
                (Query("sum by (kind) (speakerline_gateway_watchers) or vector(0)", "{{kind}}"),),
            ),
            Panel(
                "Turned away",
                "Requests and sockets a second, by reason.",
                (of_gateway("speakerline_gateway_refused_total", "reason"),),
            ),
        ),
        (
            Panel(
                "Late frames",
                "Frames a second that came after their time, or twice.",
                (of_gateway("speakerline_gateway_late_frames_total", "dialect"),),
            ),
            Panel(
                "Lost sound",
                "Seconds a second that never came, over channels.",
                (of_gateway("speakerline_gateway_lost_seconds_total", "dialect"),),
                unit="s",
            ),
            Panel(
                "Sockets that closed",
                "A second, by close code.",
                (of_gateway("speakerline_gateway_closed_sockets_total", "code"),),
            ),
        ),
        (
            Panel(
                "Frame to Redis",
                "From the arrival of a frame to the answer of Redis.",
                (
                    Query(
                        "histogram_quantile(0.99, sum by (le) (rate(speakerline_gateway_frame_seconds_bucket[1m])))",
                        "p99",
                    ),
                ),
                unit="s",
            ),
            Panel(
                "Event to watcher",
                "From the writing of an event to its being sent.",
                (
                    Query(
                        "histogram_quantile(0.99, sum by (le) (rate(speakerline_gateway_lag_seconds_bucket[1m])))",
                        "p99",
                    ),
                ),
                unit="s",
            ),
            Panel(
                "Slow watchers",
                "Cut off because they took events too slowly, in five minutes.",
                (Query("sum(increase(speakerline_gateway_slow_watchers_total[5m])) or vector(0)", "watchers"),),
            ),
        ),
    ),
)
