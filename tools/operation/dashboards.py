"""The dashboards: *Calls*, *Stages*, *Edges* and *Redis*. Files of them are made by
`python -m speakerline.tools.operation dashboards FOLDER`.

Counters of what should never happen start at their first event, so they are added to a series that is always there:
a panel then shows 0 instead of nothing."""

from pathlib import Path

from speakerline.tools.operation.panels import Dashboard, Panel, Query, as_json

STAGE = 'stage=~"$stage"'
ALWAYS = "0 * sum by (stage) (speakerline_owned_calls)"
"""0 for every stage that runs."""


def _quantiles(series: str, by: str = "stage", where: str = "") -> tuple[Query, ...]:
    buckets = f"sum by (le, {by}) (rate({series}_bucket{{{where}}}[1m]))"
    return tuple(
        Query(f"histogram_quantile({share}, {buckets})", f"{{{{{by}}}}} p{share * 100:.0f}")
        for share in (0.5, 0.95, 0.99)
    )


def _increase(series: str, span: str = "5m") -> Query:
    return Query(f"sum by (stage) (increase({series}[{span}])) or {ALWAYS}", "{{stage}}")


def _of_gateway(series: str, by: str) -> Query:
    """A rate that is 0 where nothing has happened yet."""
    return Query(f"sum by ({by}) (rate({series}[1m])) or vector(0)", f"{{{{{by}}}}}")


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
                _quantiles("speakerline_lag_seconds", where='stage="clustering"'),
                unit="s",
                warn_at=0.5,
            ),
            Panel(
                "Word lag",
                "From the arrival of sound to its words.",
                _quantiles("speakerline_lag_seconds", where='stage="asr"'),
                unit="s",
                warn_at=3,
            ),
            Panel(
                "Timeline lag",
                "From the arrival of sound to what stands on the timeline.",
                _quantiles("speakerline_lag_seconds", where='stage="aggregator"'),
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
                (_increase("speakerline_dead_letters_total"),),
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

STAGES = Dashboard(
    "speakerline-stages",
    "Speakerline: stages",
    (
        (
            Panel(
                "Queue",
                "From the writing of an entry to its being handled.",
                _quantiles("speakerline_queue_seconds", where=STAGE),
                unit="s",
            ),
            Panel(
                "Work",
                "One step of one call, models included.",
                _quantiles("speakerline_work_seconds", where=STAGE),
                unit="s",
            ),
            Panel(
                "Lag",
                "From the arrival of sound to the publication of an event.",
                _quantiles("speakerline_lag_seconds", where=STAGE),
                unit="s",
            ),
        ),
        (
            Panel(
                "Calls of each worker",
                "Even among the workers of a stage, by what each keeps up with.",
                (Query(f"speakerline_owned_calls{{{STAGE}}}", "{{stage}} {{instance}}"),),
            ),
            Panel(
                "Full",
                "Calls, held and waiting, over those that the workers of a stage keep up with: beyond 1, add workers.",
                (
                    Query(
                        f"(sum by (stage) (speakerline_owned_calls{{{STAGE}}})"
                        f" + max by (stage) (speakerline_group_lag_calls{{{STAGE}}}))"
                        f" / sum by (stage) (speakerline_comfortable_calls{{{STAGE}}})",
                        "{{stage}}",
                    ),
                ),
                unit="percentunit",
                warn_at=1,
            ),
            Panel(
                "Taken up and handed over",
                "New calls, calls taken over from other workers, and calls given to workers with less to do, a minute.",
                (
                    Query(
                        f"60 * sum by (stage, kind) (rate(speakerline_takes_total{{{STAGE}}}[1m]))",
                        "{{stage}} {{kind}}",
                    ),
                    Query(
                        f"60 * sum by (stage) (rate(speakerline_handed_over_calls_total{{{STAGE}}}[1m]))",
                        "{{stage}} handed over",
                    ),
                ),
            ),
        ),
        (
            Panel(
                "Behind",
                "How late the steps of live calls begin; from 3 s on a worker does less.",
                (Query(f"max by (stage) (speakerline_behind_seconds{{{STAGE}}})", "{{stage}}"),),
                unit="s",
                warn_at=3,
            ),
            Panel(
                "Model time",
                "One run of a model, whatever the batch.",
                _quantiles("speakerline_model_seconds", "model", STAGE),
                unit="s",
            ),
            Panel(
                "Batch size",
                "Inputs of a run, on average.",
                (
                    Query(
                        f"sum by (stage, model) (rate(speakerline_batch_size_sum{{{STAGE}}}[1m]))"
                        f" / sum by (stage, model) (rate(speakerline_batch_size_count{{{STAGE}}}[1m]))",
                        "{{stage}} {{model}}",
                    ),
                ),
            ),
        ),
        (
            Panel(
                "Steps that failed",
                "They are tried again, in five minutes.",
                (_increase("speakerline_failures_total"),),
                warn_at=1,
            ),
            Panel(
                "Lost models",
                "Model processes that hung, crashed or took too much memory, in ten minutes.",
                (_increase("speakerline_lost_models_total", "10m"),),
                warn_at=1,
            ),
            Panel(
                "Workers and versions",
                "How many processes of each stage run which version.",
                (Query("count by (stage, version) (speakerline_build_info)", "{{stage}} {{version}}"),),
                kind="table",
            ),
        ),
    ),
    {"stage": "speakerline_owned_calls"},
)

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
                (_of_gateway("speakerline_gateway_refused_total", "reason"),),
            ),
        ),
        (
            Panel(
                "Late frames",
                "Frames a second that came after their time, or twice.",
                (_of_gateway("speakerline_gateway_late_frames_total", "dialect"),),
            ),
            Panel(
                "Lost sound",
                "Seconds a second that never came, over channels.",
                (_of_gateway("speakerline_gateway_lost_seconds_total", "dialect"),),
                unit="s",
            ),
            Panel(
                "Sockets that closed",
                "A second, by close code.",
                (_of_gateway("speakerline_gateway_closed_sockets_total", "code"),),
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

REDIS = Dashboard(
    "speakerline-redis",
    "Speakerline: Redis",
    (
        (
            Panel(
                "Memory",
                "When it reaches the limit, new calls and new sound wait.",
                (
                    Query("max(speakerline_redis_used_memory_bytes)", "used"),
                    Query("max(speakerline_redis_max_memory_bytes)", "limit"),
                ),
                unit="bytes",
            ),
            Panel(
                "Silence",
                "The longest that a worker of a stage has had no answer.",
                (Query("max by (stage) (speakerline_redis_silent_seconds)", "{{stage}}"),),
                unit="s",
                warn_at=10,
            ),
            Panel(
                "Outages",
                "Times that Redis could not be reached, or could not write, in five minutes.",
                (_increase("speakerline_outages_total"),),
                warn_at=1,
            ),
        ),
        (
            Panel(
                "Commits",
                "A second, by outcome.",
                (Query("sum by (outcome) (rate(speakerline_commits_total[1m]))", "{{outcome}}"),),
            ),
            Panel(
                "Failed writes to disk",
                "Kinds of writing that failed the last time.",
                (Query("max(speakerline_redis_write_errors)", "kinds"),),
                kind="stat",
                warn_at=1,
            ),
            Panel(
                "Evicted keys",
                "None should be: the policy must be noeviction.",
                (Query("max(speakerline_redis_evicted_keys)", "keys"),),
                kind="stat",
                warn_at=1,
            ),
        ),
    ),
)

DASHBOARDS = {"calls": CALLS, "stages": STAGES, "edges": EDGES, "redis": REDIS}
"""By the name of the file."""


def write_dashboards(folder: Path) -> None:
    """A file for each."""
    for name, dashboard in DASHBOARDS.items():
        (folder / f"{name}.json").write_text(as_json(dashboard), "utf-8")
