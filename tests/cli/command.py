"""Runs `speakerline` as its user does: a process of its own, whose output a person reads."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 280.0
"""Of a command that hangs."""


def start(*words: str, **environment: str) -> "subprocess.Popen[str]":
    """The running command, its output piped. It hears Ctrl-C also where the tests run in the background of a shell:
    there SIGINT is ignored, its children inherit that, and commands respect it."""
    return subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-m", "speakerline.tools.cli.main", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The finished command. Whatever it was given, a traceback is a fault."""
    process = start(*words, **environment)
    try:
        said, complained = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
    assert "Traceback" not in complained, complained
    return subprocess.CompletedProcess(words, process.returncode, said, complained)
