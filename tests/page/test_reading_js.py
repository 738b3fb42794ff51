"""What the page shows of a timeline is what the command line writes of it: utterances, lanes, shares of talk."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speakerline.shared.codec import write
from speakerline.shared.contract import v1
from speakerline.shared.pipeline import TIMELINE
from speakerline.shared.timeline.statistics import summarise
from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.utterances import utterances
from speakerline.tools.render.lanes import lanes
from tests.page.node import node
from tests.timeline.conversation import bodies, transcript, words_of
from tests.timeline.events import folded, numbered
from tests.timeline.strategies import timeline_bodies

FOREVER_MS = 10_000_000
SAID = Path(__file__).with_name("said.js")


Said = list[tuple[int, Any]]
"""What the timeline of a call says, with its times."""


def read_by_the_page(*calls: Said) -> list[Any]:
    """What the page makes of each."""
    told = b"\n".join(write(TIMELINE, event) for said in calls for event in numbered(said))
    done = subprocess.run([node(), SAID], input=told, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_reads_the_same(*calls: Said) -> None:
    for said, page in zip(calls, read_by_the_page(*calls), strict=True):
        check_one(folded(said), page)


def check_one(timeline: Timeline, page: Any) -> None:
    assert page["utterances"] == [
        [one.label, one.channel, one.start_ms, one.end_ms, one.text] for one in utterances(timeline)
    ]
    assert page["lanes"] == [list(one) for one in drawn(timeline)]
    summary = summarise(timeline, FOREVER_MS)
    known = [one for one in summary.speakers if one.talk_ms]
    assert [one[:2] for one in page["talk"] if one[1]] == [[one.speaker_id, one.talk_ms] for one in known]
    assert [one[2] for one in page["talk"] if one[1]] == pytest.approx([one.talk_ratio for one in known], abs=6e-5)


def drawn(timeline: Timeline) -> list[tuple[str, str, str, list[list[Any]]]]:
    return [
        (
            one.speaker_id,
            _with_role(timeline, one.speaker_id, one.label),
            one.colour,
            [[span.start_ms, span.end_ms, span.settled] for span in sorted(one.spans, key=lambda span: span.start_ms)],
        )
        for one in lanes(timeline, timeline.at_ms)
    ]


def _with_role(timeline: Timeline, speaker_id: str, label: str) -> str:
    """The page shows what operators said of roles, too."""
    role = {one.speaker_id: one.role for one in timeline.speakers.people()}.get(speaker_id)
    return f"{label} ({role})" if role else label


def test_a_conversation_reads_the_same() -> None:
    check_reads_the_same(bodies())


def test_scripts_without_blanks_are_written_without_them() -> None:
    said = [(5000, transcript("w", *words_of("S1", "こんにちは 、 hello ok สวัสดี", 1000)))]
    check_reads_the_same(said)
    assert read_by_the_page(said)[0]["utterances"][0][4] == "こんにちは、hello okสวัสดี"


def test_pauses_end_utterances_to_the_millisecond() -> None:
    calls: list[Said] = []
    for pause_ms in (249, 250, 251, 1499, 1500, 1501):
        first, second = words_of("S1", "one", 0), words_of("S1", "two", 250 + pause_ms)
        between = words_of("S2", "hm", 250 + pause_ms // 2, each_ms=60)
        calls.append([(9000, transcript("w", *first, *second))])
        calls.append([(9000, transcript("w", *first, *second)), (9000, transcript("x", *between))])
    check_reads_the_same(*calls)


def test_speech_without_a_turn_is_unknown_until_it_is_final() -> None:
    opened = (5000, v1.Speech(segment_id="a", state=v1.SpeechState.OPENED, start_ms=1000))
    said = [(0, v1.SpeakerCreated(speaker_id="S1")), opened, (6000, v1.Turn("t", 1, "S1", 0, 2000, 3000))]
    check_reads_the_same(said, [*said, (6000, v1.Finalized(through_ms=4000))])


def test_two_talk_at_once() -> None:
    said = [
        (0, v1.SpeakerCreated(speaker_id="S1")),
        (0, v1.SpeakerCreated(speaker_id="S2")),
        (9000, v1.Turn(turn_id="a", revision=1, speaker_id="S1", start_ms=0, end_ms=4000)),
        (9000, v1.Turn(turn_id="b", revision=1, speaker_id="S2", start_ms=3000, end_ms=5000)),
        (9000, v1.Turn(turn_id="c", revision=1, speaker_id="S2", start_ms=3500, end_ms=3800)),
    ]
    (page,) = read_by_the_page(said)
    assert page["overlap_ms"] == 1000
    assert page["talk"] == [["S1", 4000, 4000 / 6000], ["S2", 2000, 2000 / 6000]]


@settings(deadline=None, max_examples=5, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(timeline_bodies(), min_size=5, max_size=10))
def test_any_calls_read_the_same(calls) -> None:
    check_reads_the_same(*calls)
