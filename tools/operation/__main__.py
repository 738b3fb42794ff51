"""`python -m speakerline.tools.operation FOLDER`: writes the dashboards of Grafana as files."""

import sys
from pathlib import Path

from speakerline.tools.operation.dashboards import DASHBOARDS
from speakerline.tools.operation.panels import as_json

if __name__ == "__main__":
    for name, dashboard in DASHBOARDS.items():
        (Path(sys.argv[1]) / f"{name}.json").write_text(as_json(dashboard), "utf-8")
