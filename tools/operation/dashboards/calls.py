"""*Calls*: who waits, how late labels and words are, and what calls did not get."""

from speakerline.tools.operation.dashboards.queries import ALWAYS, increase, quantiles
from speakerline.tools.operation.panels import Dashboard, Panel, Query

CALLS = Dashboard(
    "speakerline-calls",
    "Speakerline: calls",
    (
        (
            Panel(
                "Live calls",
                "Calls in the hands of vad: those whose sound comes in.",
                (Query('sum(speakerline_owned_calls{stage="vad"})', "calls"),),
                kind="stat",
            ),
            Panel(
                "Waiting calls",
                "Announced calls that no worker of a stage has taken.",
                (Query("max by (stage) (speakerline_group_lag_calls)", "{{stage}}"),),
                kind="stat",
                warn_at=1,
            ),
            Panel(
                "Oldest waiting call",
                "How long one has waited for a worker.",
                (Query("max(speakerline_oldest_waiting_call_seconds)", "oldest"),),
                unit="s",
                kind="stat",
                warn_at=10,
            ),
            Panel(
                "Workers that do less",
                "Those that shed because they are behind.",
                (Query("sum by (stage) (speakerline_sheds)", "{{stage}}"),),
                kind="stat",
                warn_at=1,
            ),
        ),
        (
            Panel(
                "Label lag",
                "From the arrival of sound to the label that is made of it.",
                quantiles("speakerline_lag_seconds", where='stage="clustering"'),
                unit="s",
                warn_at=0.5,
            ),
            Panel(
                "Word lag",
                "From the arrival of sound to its words.",
                quantiles("speakerline_lag_seconds", where='stage="asr"'),
                unit="s",
                warn_at=3,
            ),
            Panel(
                "Timeline lag",
                "From the arrival of sound to what stands on the timeline.",
                quantiles("speakerline_lag_seconds", where='stage="aggregator"'),
                unit="s",
                warn_at=3,
            ),
        ),
        (
            Panel(
                "What calls did not get",
                "Seconds of calls a second: left out by a stage under load, or without usable sound or result.",
                (
                    Query(
                        f"sum by (stage) (rate(speakerline_degraded_seconds_total[1m])) or {ALWAYS}",
                        "{{stage}} left out",
                    ),
                    Query(f"sum by (stage) (rate(speakerline_gap_seconds_total[1m])) or {ALWAYS}", "{{stage}} gap"),
                ),
                unit="s",
            ),
            Panel(
                "Dead letters",
                "Entries that a stage gave up on, in five minutes.",
                (increase("speakerline_dead_letters_total"),),
                warn_at=1,
            ),
            Panel(
                "Calls closed or refused",
                "Closed because no sound came, and announcements that are no calls, in five minutes.",
                (
                    Query(f"sum by (why) (increase(speakerline_closed_calls_total[5m])) or {ALWAYS}", "closed {{why}}"),
                    Query(f"sum(increase(speakerline_refused_calls_total[5m])) or {ALWAYS}", "refused"),
                ),
            ),
        ),
    ),
)
