"""The dashboards of Grafana. Their files are made by `python -m speakerline.tools.operation dashboards FOLDER`."""

from pathlib import Path

from speakerline.tools.operation.dashboards.archive import ARCHIVE
from speakerline.tools.operation.dashboards.calls import CALLS
from speakerline.tools.operation.dashboards.edges import EDGES
from speakerline.tools.operation.dashboards.redis import REDIS
from speakerline.tools.operation.dashboards.stages import STAGES
from speakerline.tools.operation.panels import as_json

DASHBOARDS = {"calls": CALLS, "stages": STAGES, "edges": EDGES, "redis": REDIS, "archive": ARCHIVE}
"""By the name of the file."""


def write_dashboards(folder: Path) -> None:
    """A file for each."""
    for name, dashboard in DASHBOARDS.items():
        (folder / f"{name}.json").write_text(as_json(dashboard), "utf-8")
