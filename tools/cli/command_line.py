"""Parses the command line and runs the command."""

import argparse
import asyncio
import io
import logging
import os
import sys
from collections.abc import Coroutine, Sequence
from importlib.metadata import version
from typing import Any

from speakerline.tools.cli import (
    call_commands,
    correct_command,
    dial_command,
    export_command,
    file_commands,
    gateway_commands,
    lab_commands,
    score_command,
    separation_commands,
    system_commands,
)
from speakerline.tools.cli.signals import cancel_on_signal
from speakerline.tools.failure import is_told_in_full, one_line

INTERRUPTED = 130


def run_command(arguments: Sequence[str] | None) -> int:
    """Returns the exit status; wrong usage exits with 2."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, as by `>&-`
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # one that knows ASCII only shows the rest as escapes
            stream.reconfigure(errors="backslashreplace")
    logging.getLogger("speakerline").addHandler(logging.NullHandler())  # logs of stages are shown where it is asked for
    try:
        parser = command_line()
        given = parser.parse_args(arguments)
        if given.run is None:
            parser.print_help(sys.stderr)
            parser.exit(2)
        result = given.run(given)
        status = int(asyncio.run(_unless_signalled(result)) if asyncio.iscoroutine(result) else result)
        sys.stdout.flush()  # a full disk is told, instead of lost when Python ends
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _nobody_reads()
    except Exception as error:
        if not is_told_in_full(error):
            raise
        print(f"speakerline: {one_line(error)}", file=sys.stderr)
        return 1


def command_line() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="speakerline", description="Live call audio in, a per-speaker timeline out.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=version("speakerline"))
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for family in (
        file_commands,
        score_command,
        call_commands,
        export_command,
        correct_command,
        system_commands,
        gateway_commands,
        dial_command,
        lab_commands,
        separation_commands,
    ):
        family.add_to(commands)
    return parser


async def _unless_signalled(command: Coroutine[Any, Any, int]) -> int:
    """A signal cancels the command, so that a private Redis ends with it."""
    task = asyncio.current_task()
    assert task
    cancel_on_signal(task)
    try:
        return await command
    except asyncio.CancelledError:
        return INTERRUPTED


def _nobody_reads() -> int:
    """The reader of our output has exited, as in `speakerline watch | head`: discard what Python would still flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
