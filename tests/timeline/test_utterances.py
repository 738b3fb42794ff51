"""Where what one person says ends, by words of a few milliseconds' difference."""

import pytest

from speakerline.shared.contract import v1
from speakerline.shared.timeline.utterances import paragraphs, spoken_words, utterances
from tests.timeline.conversation import transcript
from tests.timeline.events import folded

Told = tuple[str, int, int]


def told(*words: Told, channel: int = 0, name: str = "w") -> list[tuple[int, v1.Transcript]]:
    """(speaker, start, end), each a transcript of its own."""
    made = [v1.Word(str(start), start, end, 0.9, speaker_id=speaker_id) for speaker_id, start, end in words]
    return [(0, transcript(f"{name}{number}", word, channel=channel)) for number, word in enumerate(made)]


def spans(made) -> list[tuple[str, int, int]]:
    return [(one.label, one.start_ms, one.end_ms) for one in made]


@pytest.mark.parametrize(("pause_ms", "count"), [(1500, 1), (1501, 2)])
def test_a_pause_of_more_than_a_second_and_a_half_ends_it(pause_ms: int, count: int) -> None:
    assert len(utterances(folded(told(("S1", 0, 500), ("S1", 500 + pause_ms, 3000))))) == count


@pytest.mark.parametrize(
    ("pause_ms", "other", "count"),
    [
        pytest.param(250, ("S2", 550, 650), 2, id="a word of another in a pause"),
        pytest.param(249, ("S2", 550, 650), 1, id="a breath is no pause"),
        pytest.param(400, ("S2", 400, 600), 2, id="its middle is where the pause begins"),
        pytest.param(400, ("S2", 398, 600), 1, id="its middle is before the pause"),
        pytest.param(400, ("S2", 800, 998), 2, id="its middle is just before the pause ends"),
        pytest.param(400, ("S2", 800, 1000), 1, id="its middle is where the pause ends"),
        pytest.param(400, ("", 550, 650), 2, id="a word of nobody known"),
    ],
)
def test_in_a_shorter_pause_a_word_of_another_ends_it(pause_ms: int, other: Told, count: int) -> None:
    made = utterances(folded(told(("S1", 0, 500), other, ("S1", 500 + pause_ms, 2000))))
    assert sum(one.speaker_id == "S1" for one in made) == count


def test_a_word_of_the_same_speaker_on_another_channel_ends_it_too() -> None:
    both = [*told(("S1", 0, 500), ("S1", 900, 1200)), *told(("S1", 600, 800), channel=1, name="x")]
    assert [(one.channel, one.start_ms) for one in utterances(folded(both))] == [(0, 0), (1, 600), (0, 900)]


@pytest.mark.parametrize(("start_ms", "count"), [(29_999, 1), (30_000, 2)])
def test_a_paragraph_takes_up_what_begins_within_half_a_minute(start_ms: int, count: int) -> None:
    assert len(paragraphs(folded(told(("S1", 0, 500), ("S1", start_ms, 31_000))))) == count


def test_a_paragraph_goes_on_behind_what_another_has_ended_before_it() -> None:
    assert spans(paragraphs(folded(told(("S1", 0, 2000), ("S2", 1000, 2000), ("S2", 5000, 6000))))) == [
        ("S1", 0, 2000),
        ("S2", 1000, 6000),
    ]


def test_a_paragraph_does_not_go_on_behind_what_another_says_meanwhile() -> None:
    said = told(("S1", 0, 2001), ("S2", 1000, 2000), ("S2", 5000, 6000), ("S2", 9000, 9500))
    assert spans(paragraphs(folded(said))) == [("S1", 0, 2001), ("S2", 1000, 2000), ("S2", 5000, 9500)]


def test_of_two_who_spoke_before_the_later_end_counts() -> None:
    said = told(("S1", 0, 9000), ("S2", 1000, 1500), ("S3", 2000, 3000), ("S3", 6000, 7000))
    assert len(paragraphs(folded(said))) == 4


def test_an_utterance_ends_with_its_longest_word_and_is_final_when_all_words_are() -> None:
    said = [
        (0, transcript("w1", v1.Word("one", 0, 900, 0.9, speaker_id="S1"))),
        (0, transcript("w2", v1.Word("two", 100, 300, 0.9, speaker_id="S1"), final=False)),
    ]
    (one,) = utterances(folded(said))
    assert (one.text, one.start_ms, one.end_ms, one.final) == ("one two", 0, 900, False)


def test_words_that_count_come_in_the_order_of_their_times() -> None:
    words = [
        v1.Word(" so\n much ", 100, 300, 0.5, speaker_id="S2"),
        v1.Word("beaten", 100, 200, 0.9, speaker_id="S1", superseded=True),
        v1.Word(" ", 100, 200, 0.9, speaker_id="S1"),
        v1.Word("and", 100, 300, 0.9, speaker_id="S1"),
        v1.Word("well", 100, 200, 0.9, speaker_id="S3"),
    ]
    left = transcript("w2", v1.Word("left", 100, 300, 0.9, speaker_id="S0"), channel=1, final=False)
    found = spoken_words(folded([(0, left), (0, transcript("w1", *words))]))
    assert [word.text for word in found] == ["well", "and", "so much", "left"]
    assert [(word.channel, word.final, word.confidence) for word in found[2:]] == [(0, True, 0.5), (1, False, 0.9)]


def test_words_of_transcripts_that_ended_before_can_be_left_out() -> None:
    timeline = folded(told(("S1", 0, 500), ("S1", 600, 1000), ("S1", 1100, 1500)))
    assert [word.start_ms for word in spoken_words(timeline, 1000)] == [600, 1100]
    assert [word.start_ms for word in spoken_words(timeline, 1001)] == [1100]
    assert len(spoken_words(timeline)) == 3


def test_paragraphs_late_in_a_call_are_joined_and_others_follow_them() -> None:
    named = (0, v1.SpeakerNamed(speaker_id="S1", name="Ann", confidence=0.9))
    said = told(("S1", 40_000, 41_000), ("S1", 45_000, 46_000), ("S2", 47_000, 48_000))
    made = paragraphs(folded([named, *said]))
    assert [(one.speaker_id, *span) for one, span in zip(made, spans(made), strict=True)] == [
        ("S1", "Ann", 40_000, 46_000),
        ("S2", "S2", 47_000, 48_000),
    ]
