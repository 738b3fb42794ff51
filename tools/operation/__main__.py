"""`python -m speakerline.tools.operation`: writes the dashboards of Grafana, or users of Redis, into a folder."""

import argparse
from pathlib import Path

from speakerline.tools.operation.access import write_users
from speakerline.tools.operation.dashboards import write_dashboards

COMMANDS = {"dashboards": write_dashboards, "users": write_users}


def main() -> None:
    """As the command line says."""
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.operation", description=__doc__)
    parser.add_argument("what", choices=COMMANDS)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    COMMANDS[given.what](given.folder)


if __name__ == "__main__":
    main()
