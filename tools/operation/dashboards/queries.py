"""What several dashboards ask Prometheus.

Counters of what should never happen start at their first event, so they are added to a series that is always there: a
panel then shows 0 instead of nothing."""

from speakerline.tools.operation.panels import Query

STAGE = 'stage=~"$stage"'
ALWAYS = "0 * sum by (stage) (speakerline_owned_calls)"
"""0 for every stage that runs."""


def quantiles(series: str, by: str = "stage", where: str = "") -> tuple[Query, ...]:
    buckets = f"sum by (le, {by}) (rate({series}_bucket{{{where}}}[1m]))"
    return tuple(
        Query(f"histogram_quantile({share}, {buckets})", f"{{{{{by}}}}} p{share * 100:.0f}")
        for share in (0.5, 0.95, 0.99)
    )


def increase(series: str, span: str = "5m") -> Query:
    return Query(f"sum by (stage) (increase({series}[{span}])) or {ALWAYS}", "{{stage}}")


def of_gateway(series: str, by: str) -> Query:
    """A rate that is 0 where nothing has happened yet."""
    return Query(f"sum by ({by}) (rate({series}[1m])) or vector(0)", f"{{{{{by}}}}}")
