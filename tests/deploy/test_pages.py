"""The page on operations says what the code says."""

import re
from pathlib import Path

from speakerline.shared.pipeline import PIPELINE
from speakerline.tools.operation.access import ADMIN, ROLES

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")


def test_calls_a_core_are_those_by_which_workers_share_calls() -> None:
    told = {name: int(calls) for name, calls in re.findall(r"^\| (\w+) \| (\d+) \| [\d. to]+ \|", PAGE, re.MULTILINE)}
    assert told == {stage.name: stage.calls_a_core for stage in PIPELINE}


def test_every_user_of_redis_is_told() -> None:
    assert {f"speakerline-{name}" for name in (*ROLES, ADMIN)} <= set(re.findall(r"`(speakerline-\w+)`", PAGE))
