"""Structured logs: one JSON object a line, one line a decision.

A log outlives the erasure of a call, and an id may name a person. So lines show `call`, a digest of the id, unless the
operator wants the ids; and so do the messages of errors, which name the call for whoever made it.
"""

import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any

from speakerline.shared.failures import told
from speakerline.shared.redaction import call_digest

_NAMED = re.compile(r"""\bcall ('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
"""The id of a call in the message of an error, as Python quotes it."""


class Log:
    """`log.info("call taken", call_id=..., token=...)`. What is given at construction is on every line."""

    def __init__(self, **context: Any) -> None:
        self._context = context
        self._logger = logging.getLogger("speakerline")

    def info(self, event: str, **fields: Any) -> None:
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._write(logging.WARNING, event, fields)

    def of(self, **fields: Any) -> "Log":
        """A log whose lines have these fields, too."""
        return Log(**self._context, **fields)

    def error(self, event: str, **fields: Any) -> None:
        self._write(logging.ERROR, event, fields)

    def _write(self, level: int, event: str, fields: dict[str, Any]) -> None:
        self._logger.log(level, event, extra={"fields": {**self._context, **fields}})


class JsonLines(logging.Formatter):
    """`call_ids`: whether lines show ids of calls, and not only what `printf %s ID | sha256sum | cut -c1-12` gives."""

    def __init__(self, call_ids: bool = False) -> None:
        super().__init__()
        self._call_ids = call_ids

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["error"] = told(record.exc_info[1])
            line["traceback"] = "".join(traceback.format_tb(record.exc_info[2]))
        return json.dumps(line if self._call_ids else _without_ids(line), default=str)


def _without_ids(line: Mapping[str, Any]) -> dict[str, Any]:
    """The line, with digests of ids instead of them."""
    shown: dict[str, Any] = {}
    for name, value in line.items():
        if name == "call_id":
            shown["call"] = call_digest(value)
        else:
            shown[name] = _NAMED.sub(_digested, value) if isinstance(value, str) else value
    return shown


def _digested(named: re.Match[str]) -> str:
    return "call " + call_digest(re.sub(r"\\(.)", r"\1", named[1][1:-1]))


def to_stderr(level: int = logging.INFO, call_ids: bool = False) -> None:
    """Send the logs of this process to standard error. `call_ids`: as JsonLines takes it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(call_ids))
    logging.basicConfig(level=level, handlers=[handler], force=True)
