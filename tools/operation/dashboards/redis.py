"""*Redis*: memory and silence of each shard, and commits."""

from speakerline.tools.operation.dashboards.queries import increase
from speakerline.tools.operation.panels import Dashboard, Panel, Query

REDIS = Dashboard(
    "speakerline-redis",
    "Speakerline: Redis",
    (
        (
            Panel(
                "Memory",
                "When it reaches the limit, new calls and new sound wait.",
                (
                    Query("max by (shard) (speakerline_redis_used_memory_bytes)", "used {{shard}}"),
                    Query("max by (shard) (speakerline_redis_max_memory_bytes)", "limit {{shard}}"),
                ),
                unit="bytes",
            ),
            Panel(
                "Silence",
                "The longest that a worker of a stage has had no answer of a shard.",
                (Query("max by (stage, shard) (speakerline_redis_silent_seconds)", "{{stage}} {{shard}}"),),
                unit="s",
                warn_at=10,
            ),
            Panel(
                "Outages",
                "Times that Redis could not be reached, or could not write, in five minutes.",
                (increase("speakerline_outages_total"),),
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
                (Query("max by (shard) (speakerline_redis_write_errors)", "kinds {{shard}}"),),
                kind="stat",
                warn_at=1,
            ),
            Panel(
                "Evicted keys",
                "None should be: the policy must be noeviction.",
                (Query("max by (shard) (speakerline_redis_evicted_keys)", "keys {{shard}}"),),
                kind="stat",
                warn_at=1,
            ),
        ),
    ),
)
