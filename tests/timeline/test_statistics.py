"""Talk statistics on conversations whose figures are counted by hand."""

import pytest

from speakerline.shared.contract import v1
from speakerline.shared.timeline.statistics import summarise
from tests.timeline.conversation import transcript, words_of
from tests.timeline.events import folded, talk, turn


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
        pytest.param((2700, 5000), 1, id="talks into the other for as long as an interruption takes"),
        pytest.param((2701, 5000), 0, id="a moment less is a hand-over"),
        pytest.param((2000, 4000), 1, id="goes on for a second after the other stops"),
        pytest.param((2000, 3999), 0, id="goes on for a moment less"),
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


def test_who_interrupts_two_at_once_interrupts_once():
    summary = summary_of(("S1", 0, 3000), ("S2", 100, 3000), ("S3", 1000, 6000))
    assert figures(summary, "interruptions") == {"S1": 0, "S2": 0, "S3": 1}


def test_one_monologue_does_not_go_on_within_that_of_another():
    """Each goes on after a pause of its own; the other has begun a contribution in it."""
    spans = [("S1", 0, 3000), ("S2", 3500, 6500), ("S1", 4000, 5500), ("S1", 5600, 9000)]
    assert figures(summary_of(*spans), "longest_monologue_ms") == {"S1": 5000, "S2": 3000}


def test_an_uh_huh_of_a_second_takes_the_floor_and_a_shorter_one_does_not():
    for length_ms, expected in ((1000, 3000), (999, 7000)):
        spans = [("S1", 0, 3000), ("S2", 3000, 3000 + length_ms), ("S1", 4000, 7000)]
        assert figures(summary_of(*spans), "longest_monologue_ms")["S1"] == expected


def test_a_speaker_on_two_channels_is_one_voice_and_nobody_known_is_one_on_each():
    def together(speaker_id):
        turns = [turn(f"t{channel}", speaker_id, 0, 3000, channel=channel) for channel in (0, 1)]
        return summarise(folded([(3000, one) for one in turns]), 5000)

    known, unknown = together("S1"), together("")
    assert (known.overlap_ms, figures(known, "talk_ms"), figures(known, "turns")) == (0, {"S1": 3000}, {"S1": 2})
    assert (unknown.overlap_ms, unknown.speakers) == (3000, [])


def test_speakers_come_in_the_order_in_which_they_were_found_and_only_those_who_talked():
    people = [(0, v1.SpeakerCreated(speaker_id=one)) for one in ("S2", "S3", "S1")]
    names = [(0, v1.SpeakerNamed(speaker_id="S1", name="Ann", confidence=0.9))]
    summary = summary_of(("S1", 0, 3000), ("S2", 3000, 3001), more=[*people, *names])
    assert [(one.speaker_id, one.name) for one in summary.speakers] == [("S2", ""), ("S1", "Ann")]
    assert [one.talk_ratio for one in summary.speakers] == [0.0003, 0.9997]
    assert [one.name for one in summary_of(("S9", 0, 1000)).speakers] == [""]


def test_words_count_for_their_speaker_up_to_the_end():
    told = [
        (9000, turn("t1", "S1", 0, 4000)),
        (9000, transcript("w1", *words_of("S1", "one two", 0), *words_of("S1", "two", 300, superseded=True))),
        (9000, transcript("w2", *words_of("S2", "three", 3999), *words_of("S1", "four", 4000))),
        (9000, v1.SpeakerMerged(speaker_id="S2", into_speaker_id="S1")),
    ]
    summary = summarise(folded(told), 4000)
    assert (summary.words, figures(summary, "words"), figures(summary, "words_per_min")) == (3, {"S1": 3}, {"S1": 45})


def test_figures_of_a_speaker_without_words_overlaps_or_interruptions_are_none():
    (one,) = summary_of(("S1", 0, 3000)).speakers
    assert (one.words, one.words_per_min, one.overlap_ms, one.interruptions) == (0, 0, 0, 0)


def test_an_empty_call_is_silence():
    summary = summary_of(duration_ms=5000)
    assert (summary.silence_ms, summary.speakers) == (5000, [])
