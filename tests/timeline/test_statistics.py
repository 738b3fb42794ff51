"""Talk statistics on conversations whose figures are counted by hand."""

import pytest

from speakerline.shared.contract import v1
from speakerline.shared.timeline.statistics import summarise
from tests.timeline.events import folded, talk


def summary_of(*spans, duration_ms=60_000, more=()):
    return summarise(folded([*more, *talk(*spans)]), duration_ms)


def figures(summary, name):
    return {one.speaker_id: getattr(one, name) for one in summary.speakers}


def test_talk_time_and_ratio():
    summary = summary_of(("S1", 0, 6000), ("S2", 7000, 8000), ("S1", 9000, 12_000))
    assert figures(summary, "talk_ms") == {"S1": 9000, "S2": 1000}
    assert figures(summary, "talk_ratio") == {"S1": 0.9, "S2": 0.1}
    assert figures(summary, "turns") == {"S1": 2, "S2": 1}
    assert (summary.speech_ms, summary.overlap_ms, summary.silence_ms) == (10_000, 0, 50_000)


def test_time_together_counts_once_as_speech_and_for_each_as_overlap():
    summary = summary_of(("S1", 0, 6000), ("S2", 4000, 9000), ("S3", 5000, 7000))
    assert (summary.speech_ms, summary.overlap_ms) == (9000, 3000)
    assert figures(summary, "overlap_ms") == {"S1": 2000, "S2": 3000, "S3": 2000}


def test_overlapping_turns_of_one_speaker_are_no_overlap():
    merged = (0, v1.SpeakerMerged(speaker_id="S2", into_speaker_id="S1"))
    summary = summary_of(("S1", 0, 6000), ("S2", 4000, 9000), more=[merged])
    assert (summary.speech_ms, summary.overlap_ms) == (9000, 0)
    assert figures(summary, "talk_ms") == {"S1": 9000}


def test_speech_of_nobody_is_a_voice_but_no_speaker():
    summary = summary_of(("S1", 0, 1000), ("", 500, 3000))
    assert (summary.speech_ms, summary.overlap_ms) == (3000, 500)
    assert figures(summary, "talk_ratio") == {"S1": 1.0}


def test_gaps_are_neither_speech_nor_silence():
    gaps = [(0, v1.Gap(channel=channel, start_ms=2000, end_ms=5000)) for channel in (0, 1)]
    summary = summary_of(("S1", 0, 3000), duration_ms=10_000, more=gaps)
    assert (summary.speech_ms, summary.gap_ms, summary.silence_ms) == (3000, 3000, 5000)


def test_what_lies_beyond_the_end_does_not_count():
    assert summary_of(("S1", 0, 3000), duration_ms=1000).speech_ms == 1000


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param((2000, 5000), 1, id="begins amid, talks on, and the other stops"),
        pytest.param((2000, 3500), 0, id="stops soon after the other: the floor is not taken"),
        pytest.param((2000, 2600), 0, id="a backchannel inside the other's turn"),
        pytest.param((2800, 5000), 0, id="a hand-over with a short overlap"),
        pytest.param((3000, 5000), 0, id="begins when the other stops"),
        pytest.param((0, 5000), 0, id="both begin at once"),
    ],
)
def test_an_interruption(second, expected):
    summary = summary_of(("S1", 0, 3000), ("S2", *second))
    assert summary.interruptions == expected
    assert figures(summary, "interruptions") == {"S1": 0, "S2": expected}


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param([("S1", 0, 3000), ("S1", 5000, 6000)], 6000, id="goes on after a pause of two seconds"),
        pytest.param([("S1", 0, 3000), ("S1", 5001, 6000)], 3000, id="ends with a longer pause"),
        pytest.param([("S1", 0, 3000), ("S2", 3000, 3900), ("S1", 4000, 6000)], 6000, id="survives an uh-huh"),
        pytest.param([("S1", 0, 3000), ("S2", 3000, 4000), ("S1", 4000, 6000)], 3000, id="ends where another talks"),
        pytest.param([("S1", 0, 400)], 400, id="may be a single short span"),
    ],
)
def test_the_longest_monologue(spans, expected):
    assert figures(summary_of(*spans), "longest_monologue_ms")["S1"] == expected


def test_an_empty_call_is_silence():
    summary = summary_of(duration_ms=5000)
    assert (summary.silence_ms, summary.speakers) == (5000, [])
