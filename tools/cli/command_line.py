"""Parses the command line and runs the command."""

import argparse
import asyncio
import io
import logging
import os
import sys
from collections.abc import Coroutine, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

from speakerline.tools.cli.signals import cancel_on_signal
from speakerline.tools.failure import is_told_in_full, one_line

INTERRUPTED = 130

FAMILIES = {
    "file_commands": ("process", "run"),
    "score_command": ("score",),
    "call_commands": ("publish", "watch", "forget"),
    "export_command": ("export",),
    "correct_command": ("correct",),
    "system_commands": ("up", "down"),
    "gateway_commands": ("key",),
    "dial_command": ("dial",),
    "lab_commands": ("enroll", "simulate", "calibrate"),
    "separation_commands": ("score-separation",),
}
"""The modules beside this one and the commands of each, as the help lists them."""


def run_command(parser: argparse.ArgumentParser, words: Sequence[str]) -> int:
    """Returns the exit status; wrong usage exits with 2."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, as by `>&-`
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # one that knows ASCII only shows the rest as escapes
            stream.reconfigure(errors="backslashreplace")
    logging.getLogger("speakerline").addHandler(logging.NullHandler())  # logs of stages are shown where it is asked for
    try:
        given = parser.parse_args(words)
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


def command_line(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of all commands. `words`: the arguments; where they begin with a command, only its module is imported,
    and with `--version` none, because all of them take a second."""
    parser = argparse.ArgumentParser(
        prog="speakerline", description="Live call audio in, a per-speaker timeline out.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=version("speakerline"))
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    first = words[0] if words else ""
    named = [family for family, names in FAMILIES.items() if first in names]
    for family in named or (() if first == "--version" else FAMILIES):
        import_module(f"speakerline.tools.cli.{family}").add_to(commands)
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
