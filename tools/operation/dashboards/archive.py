"""*Archive*: how far it is behind, what it writes, and what it will never get."""

from speakerline.tools.operation.panels import Dashboard, Panel, Query

ARCHIVE = Dashboard(
    "speakerline-archive",
    "Speakerline: archive",
    (
        (
            Panel(
                "Behind",
                "Age of the oldest event that is not in the database.",
                (Query("max(speakerline_archive_lag_seconds)", "archive"),),
                unit="s",
                warn_at=300,
            ),
            Panel(
                "Writers",
                "One of the processes writes; the others wait.",
                (
                    Query("sum(speakerline_archive_writes)", "writes"),
                    Query("count(speakerline_archive_writes)", "processes"),
                ),
                kind="stat",
            ),
            Panel(
                "Calls in hand",
                "In memory, of all that run.",
                (Query("sum(speakerline_archive_calls_in_hand)", "calls"),),
                kind="stat",
            ),
        ),
        (
            Panel(
                "Events and rows",
                "Read from the firehose, and written to the database, a second.",
                (
                    Query("sum(rate(speakerline_archive_events_total[1m]))", "events"),
                    Query("sum(rate(speakerline_archive_rows_total[1m]))", "rows"),
                ),
            ),
            Panel(
                "Write",
                "One transaction.",
                (
                    Query(
                        "histogram_quantile(0.99, sum by (le) (rate(speakerline_archive_write_seconds_bucket[1m])))",
                        "p99",
                    ),
                ),
                unit="s",
            ),
            Panel(
                "What went wrong",
                "Tried again, and lost for good, in five minutes.",
                (
                    Query("sum(increase(speakerline_archive_errors_total[5m])) or vector(0)", "tried again"),
                    Query("sum(increase(speakerline_archive_lost_calls_total[5m]))", "lost calls"),
                ),
                warn_at=1,
            ),
        ),
    ),
)
