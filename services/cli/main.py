"""`speakerline`: reads the command line and hands over to the command."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from services.cli import call_commands, file_commands, lab_commands, system_commands
from services.cli.failure import is_told_in_full, one_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 it can't be done (one line says why), 2 the command line is wrong, 130 interrupted."""
    given = _parser().parse_args(arguments)
    try:
        with _signals_end():
            result = given.run(given)
            return int(asyncio.run(result) if asyncio.iscoroutine(result) else result)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _nobody_reads()
    except Exception as error:
        if not is_told_in_full(error):
            raise
        print(f"speakerline: {one_line(error)}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="speakerline", description="Live call audio in, a per-speaker timeline out.", allow_abbrev=False
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for family in (file_commands, call_commands, system_commands, lab_commands):
        family.add_to(commands)
    return parser


@contextmanager
def _signals_end() -> Iterator[None]:
    """SIGTERM, and SIGHUP when the terminal closes, end a command as Ctrl-C does: a private Redis ends with it."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nobody_reads() -> int:
    """`speakerline watch | head` is done when head is; what Python would still flush goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
