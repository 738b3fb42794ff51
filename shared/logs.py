"""Structured logs: one JSON object a line, one line a decision.

A log outlives the erasure of a call, and an id may name a person. So lines show `call`, a digest of the id, unless the
operator wants the ids.
"""

import json
import logging
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any

from speakerline.shared.failures import told
from speakerline.shared.redaction import call_digest


class Log:
    """`log.info("call taken", call_id=..., token=...)`. What is given at construction is on every line."""

    def __init__(self, **context: Any) -> None:
        self._context = context
        self._logger = logging.getLogger("speakerline")

    def info(self, event: str, **fields: Any) -> None:
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._write(logging.WARNING, event, fields)

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
            **self._shown(getattr(record, "fields", {})),
        }
        if record.exc_info and record.exc_info[1]:
            line["error"] = told(record.exc_info[1])
            line["traceback"] = "".join(traceback.format_tb(record.exc_info[2]))
        return json.dumps(line, default=str)

    def _shown(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        if self._call_ids or "call_id" not in fields:
            return dict(fields)
        digest = call_digest(fields["call_id"])
        return {"call": digest, **{name: value for name, value in fields.items() if name != "call_id"}}


def to_stderr(level: int = logging.INFO, call_ids: bool = False) -> None:
    """Send the logs of this process to standard error. `call_ids`: as JsonLines takes it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(call_ids))
    logging.basicConfig(level=level, handlers=[handler], force=True)
