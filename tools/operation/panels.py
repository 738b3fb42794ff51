"""A dashboard of Grafana as plain data: rows of panels, each with a few queries. `as_json` gives what Grafana reads.

The format is https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/, of
schema 39; no Grafana was there to try it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

SOURCE = {"type": "prometheus", "uid": "prometheus"}
WIDTH, HEIGHT = 24, 8
"""Of a row, and of a panel, in units of Grafana's grid."""

Kind = Literal["timeseries", "stat", "table"]


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and what its series are called; `{{label}}` stands for the value of a label."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """`unit`: as Grafana names it, such as s, bytes, percentunit. `told`: what to make of it."""

    title: str
    told: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Kind = "timeseries"
    warn_at: float | None = None
    """From here on it is red."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`rows`: of panels, side by side. `variables`: names of labels that a reader chooses from, with a series of it."""

    uid: str
    title: str
    rows: tuple[tuple[Panel, ...], ...]
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def panels(self) -> Iterator[Panel]:
        for row in self.rows:
            yield from row


def as_json(dashboard: Dashboard) -> str:
    """The file that Grafana is given."""
    panels = [
        _panel(panel, 1 + at * 100 + place, place * (WIDTH // len(row)), at * HEIGHT, WIDTH // len(row))
        for at, row in enumerate(dashboard.rows)
        for place, panel in enumerate(row)
    ]
    model = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["speakerline"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser",
        "links": [{"type": "dashboards", "tags": ["speakerline"], "title": "Speakerline", "includeVars": True}],
        "templating": {"list": [_variable(*one) for one in dashboard.variables.items()]},
        "panels": panels,
    }
    return json.dumps(model, indent=2) + "\n"


def _variable(label: str, series: str) -> dict[str, Any]:
    query = f"label_values({series}, {label})"
    return {
        "type": "query",
        "name": label,
        "label": label,
        "datasource": SOURCE,
        "query": {"query": query, "refId": "variable"},
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panel(panel: Panel, number: int, x: int, y: int, width: int) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.warn_at is not None:
        steps.append({"color": "red", "value": panel.warn_at})
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.told,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": width, "h": HEIGHT},
        "targets": _targets(panel.queries, panel.kind == "table"),
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "options": {"tooltip": {"mode": "multi", "sort": "desc"}} if panel.kind == "timeseries" else {},
    }


def _targets(queries: Sequence[Query], table: bool) -> list[dict[str, Any]]:
    return [
        {
            "refId": chr(ord("A") + number),
            "datasource": SOURCE,
            "expr": query.expression,
            "legendFormat": query.legend or "__auto",
            "exemplar": not table,
            "instant": table,
            "format": "table" if table else "time_series",
        }
        for number, query in enumerate(queries)
    ]
