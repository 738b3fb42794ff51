"""`python -m speakerline.tools.operation`: writes dashboards of Grafana, users of Redis, or docs/settings.md."""

import argparse
from pathlib import Path

from speakerline.tools.operation.access import write_users
from speakerline.tools.operation.dashboards import write_dashboards
from speakerline.tools.operation.settings_page import write_settings_page


def main() -> None:
    """As the command line says."""
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.operation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    dashboards = commands.add_parser("dashboards", help="dashboards of Grafana, a file each")
    users = commands.add_parser("users", help="users of Redis, and for each the URL with its password")
    users.add_argument("--redis", default="redis://127.0.0.1:6379/0", metavar="URL", help="default: %(default)s")
    for command in (dashboards, users):
        command.add_argument("folder", type=Path)
    commands.add_parser("settings", help="the page of all options, docs/settings.md")
    given = parser.parse_args()
    if given.command == "settings":
        write_settings_page()
    elif given.command == "users":
        write_users(given.folder, given.redis)
    else:
        write_dashboards(given.folder)


if __name__ == "__main__":
    main()
