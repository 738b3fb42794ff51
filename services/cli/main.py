"""`speakerline`: reads the command line and hands over to the command."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from services.cli import call_commands, file_commands, lab_commands, system_commands
from services.cli.failure import EXPECTED, Failure


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 it can't be done (one line says why), 2 the command line is wrong, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="speakerline", description="Live call audio in, a per-speaker timeline out.", allow_abbrev=False
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for family in (file_commands, call_commands, system_commands, lab_commands):
        family.add_to(commands)
    given = parser.parse_args(arguments)
    try:
        result = given.run(given)
        return int(asyncio.run(result) if asyncio.iscoroutine(result) else result)
    except KeyboardInterrupt:
        return 130
    except (Failure, *EXPECTED) as error:
        print(f"speakerline: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
