"""`import speakerline`: loads nothing that is not asked for, and its names have their types."""

import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from typing_extensions import assert_type

import speakerline
from speakerline import Producer, Subscriber, Timeline
from speakerline.events import TimelineEvent, Turn


def typed(event: TimelineEvent, producer: Producer, subscriber: Subscriber, timeline: Timeline) -> None:
    """Checked by mypy, not run."""
    assert_type(event.turn, Turn | None)
    assert_type(event.turn, speakerline.events.Turn | None)
    assert_type(subscriber.follow("c"), AsyncIterator[TimelineEvent])
    assert_type(timeline.turns, dict[str, Turn])
    assert_type(speakerline.export(timeline, "srt"), str)
    assert_type(speakerline.utterances(timeline), list[speakerline.Utterance])
    assert_type(producer.producer_id, str)


@pytest.mark.parametrize("name", speakerline.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(speakerline, name).__doc__
    assert name in dir(speakerline)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'speakerline' has no attribute 'Nothing'"):
        speakerline.Nothing  # type: ignore[attr-defined]  # noqa: B018


def test_importing_it_loads_no_other_module_of_ours() -> None:
    program = (
        "import sys, speakerline; print(*sorted(name for name in sys.modules if name.split('.')[0] == 'speakerline'))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == ["speakerline"]
