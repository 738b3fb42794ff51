"""How a command is added to the command line."""

import argparse
from typing import Any


def add_command(commands: Any, name: str, help: str) -> argparse.ArgumentParser:
    """The parser of a command. `help`: what it does, in the list of commands and on its own page of help."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
    return parser
