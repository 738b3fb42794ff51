"""The page on operations says what the code says."""

import re
from pathlib import Path

from speakerline.shared.pipeline import PIPELINE
from speakerline.tools.operation.access import ADMIN, ROLES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")


def test_calls_a_core_are_those_by_which_workers_share_calls() -> None:
    told = {name: int(calls) for name, calls in re.findall(r"^\| (\w+) \| (\d+) \| [\d. to]+ \|", PAGE, re.MULTILINE)}
    assert told == {stage.name: stage.calls_a_core for stage in PIPELINE}


def test_every_user_of_redis_is_told() -> None:
    assert {f"speakerline-{name}" for name in (*ROLES, ADMIN)} <= set(re.findall(r"`(speakerline-\w+)`", PAGE))


def test_every_variable_of_compose_is_told() -> None:
    """In full, or by its end after another one: `_TLS_PORT`, or `_GRAFANA_` for an image."""
    variables = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text("utf-8")))
    in_full, ends = set(re.findall(r"`([A-Z]\w+)`", PAGE)), tuple(re.findall(r"`(_[A-Z_]+)`", PAGE))
    assert variables
    assert not {one for one in variables - in_full if not one.removesuffix("IMAGE").endswith(ends)}
