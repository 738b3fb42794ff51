"""*Stages*: what the workers of each stage do, and how full they are."""

from speakerline.tools.operation.dashboards.queries import STAGE, increase, quantiles
from speakerline.tools.operation.panels import Dashboard, Panel, Query

STAGES = Dashboard(
    "speakerline-stages",
    "Speakerline: stages",
    (
        (
            Panel(
                "Queue",
                "From the writing of an entry to its being handled.",
                quantiles("speakerline_queue_seconds", where=STAGE),
                unit="s",
            ),
            Panel(
                "Work",
                "One step of one call, models included.",
                quantiles("speakerline_work_seconds", where=STAGE),
                unit="s",
            ),
            Panel(
                "Lag",
                "From the arrival of sound to the publication of an event.",
                quantiles("speakerline_lag_seconds", where=STAGE),
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
                quantiles("speakerline_model_seconds", "model", STAGE),
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
                (increase("speakerline_failures_total"),),
                warn_at=1,
            ),
            Panel(
                "Lost models",
                "Model processes that hung, crashed or took too much memory, in ten minutes.",
                (increase("speakerline_lost_models_total", "10m"),),
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
