"""`speakerline export`: a call as a file while it runs, from what the aggregator has committed."""

from pathlib import Path

import pytest
from redis import Redis

from speakerline.shared.keys import stage_key
from speakerline.shared.pipeline import AGGREGATOR
from speakerline.shared.timeline.formats import FORMATS
from speakerline.shared.timeline.parts import TimelineParts
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.cli.main import main
from tests.timeline.conversation import bodies, conversation
from tests.timeline.events import numbered

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def running(redis_url: str) -> str:
    """A Redis that holds a call in its middle; its URL."""
    timeline, parts = Timeline("c1"), TimelineParts({})
    for event in numbered(bodies()):
        timeline.apply(event)
        parts.note(event, timeline)
    with Redis.from_url(redis_url) as redis:
        fields = {f"part:{name}": json for name, json in parts.write(timeline).items()}
        redis.hset(stage_key("c1", AGGREGATOR.name), mapping=fields)
    return redis_url


@pytest.mark.parametrize("name", FORMATS)
def test_every_form_can_be_had_in_the_middle_of_a_call(running: str, capsys: Capture, name: str) -> None:
    assert main(["export", "c1", "--format", name, "--redis", running]) == 0
    assert capsys.readouterr().out == FORMATS[name].write(conversation())


def test_a_file_is_written(running: str, capsys: Capture, tmp_path: Path) -> None:
    assert main(["export", "c1", "--format", "vtt", "--out", str(tmp_path / "c1.vtt"), "--redis", running]) == 0
    assert "<v Ann Miller>We could meet</v>" in (tmp_path / "c1.vtt").read_text()
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("gone",), "unknown call 'gone'", id="no such call"),
        pytest.param(("c1", "--out", "/"), "--out /: Is a directory, expected a writable file", id="a folder as file"),
    ],
)
def test_what_can_not_be_exported(running: str, capsys: Capture, words: tuple[str, ...], message: str) -> None:
    assert main(["export", *words, "--redis", running]) == 1
    assert message in capsys.readouterr().err
