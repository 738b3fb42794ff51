"""Which transcripts are told again, and when: by turns, sources and people that change after the words came."""

from dataclasses import replace

import pytest

from speakerline.services.aggregator.stage import AggregatorStage
from speakerline.shared.contract import v1
from speakerline.shared.pipeline import TURNS, WORDS
from tests.aggregator.test_stage import CALL
from tests.aggregator.test_words import HELLO, Aggregator, separated, transcript
from tests.no_sound import NoSound
from tests.timeline.events import turn


def restarted(call: Aggregator) -> Aggregator:
    call.stage = AggregatorStage().open(CALL, call.stage.snapshot(), NoSound())
    return call


def unsure(outcome: v1.SeparationOutcome, start_ms: int = 900, end_ms: int = 2000) -> v1.Separated:
    return v1.Separated("p1", 1, 0, start_ms, end_ms, outcome=outcome)


def confidences(found: v1.Transcript) -> list[float]:
    return [word.speaker_confidence for word in found.words]


def test_a_restart_forgets_neither_turns_nor_words_nor_sources() -> None:
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 900, 2000))
    call.tell(TURNS, separated("S1"))
    call.tell(WORDS, transcript(*HELLO))
    (ours,) = restarted(call).tell(WORDS, transcript(("no", 4000, 4300), transcript_id="w2", source_id="p1-a"))
    assert ours.words[0].speaker_id == "S1"
    moved = restarted(call).tell(TURNS, turn("t1", "S2", 900, 2000, revision=2))
    assert [one.transcript_id for one in moved] == ["w1"]
    moved = restarted(call).tell(TURNS, separated("S3", revision=2))
    assert [(one.transcript_id, one.words[0].speaker_id) for one in moved] == [("w2", "S3")]


@pytest.mark.parametrize(("told", "published"), [(0, 1), (1, 1), (7, 7)])
def test_a_transcript_keeps_its_revision_where_nothing_was_told_of_it(told: int, published: int) -> None:
    (first,) = Aggregator().tell(WORDS, transcript(*HELLO, revision=told))
    assert first.revision == published


@pytest.mark.parametrize(
    ("word_ms", "whose"),
    [
        pytest.param((200, 400), "S1", id="before the turn"),
        pytest.param((2500, 2700), "S1", id="behind the turn"),
        pytest.param((-400, -200), "", id="too far before"),
        pytest.param((3200, 3400), "", id="too far behind"),
    ],
)
def test_words_near_a_turn_that_comes_later_are_its_words(word_ms: tuple[int, int], whose: str) -> None:
    call = Aggregator()
    start_ms, end_ms = (ms + 20_000 for ms in word_ms)
    call.tell(WORDS, transcript(("so", start_ms, end_ms)))
    told = call.tell(TURNS, turn("t1", "S1", 20_900, 22_000))
    assert [one.words[0].speaker_id for one in told] == [whose] * bool(whose)


@pytest.mark.parametrize(("turn_ms", "word_ms"), [((5000, 9900), (10_100, 10_300)), ((10_100, 15_000), (9700, 9900))])
def test_a_turn_and_a_word_near_it_find_each_other_across_a_border_of_the_index(
    turn_ms: tuple[int, int], word_ms: tuple[int, int]
) -> None:
    first, last = Aggregator(), Aggregator()
    first.tell(TURNS, turn("t1", "S1", *turn_ms))
    (told,) = first.tell(WORDS, transcript(("so", *word_ms)))
    last.tell(WORDS, transcript(("so", *word_ms)))
    (again,) = last.tell(TURNS, turn("t1", "S1", *turn_ms))
    assert told.words == again.words
    assert told.words[0].speaker_id == "S1"


@pytest.mark.parametrize(
    ("now_ms", "lost"), [((0, 3000), ["w2", "w3"]), ((4000, 9900), ["w1"]), ((0, 9900), [])], ids=str
)
def test_a_turn_that_shrinks_gives_up_all_words_that_it_leaves(now_ms: tuple[int, int], lost: list[str]) -> None:
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 0, 9900))
    for number, at in enumerate((1000, 6500, 8500), 1):
        call.tell(WORDS, transcript(("so", at, at + 200), transcript_id=f"w{number}"))
    told = call.tell(TURNS, turn("t1", "S1", *now_ms, revision=2))
    assert [(one.transcript_id, one.words[0].speaker_id) for one in told] == [(name, "") for name in lost]


def test_a_source_that_is_no_more_leaves_its_words_to_nobody() -> None:
    call = Aggregator()
    call.tell(TURNS, separated("S1"))
    call.tell(WORDS, transcript(*HELLO, source_id="p1-a"))
    (again,) = call.tell(TURNS, replace(separated("S1", revision=2), sources=[]))
    assert [word.speaker_id for word in again.words] == ["", ""]


def test_the_confidence_of_a_word_of_a_source_is_told_in_hundredths() -> None:
    call = Aggregator()
    one = replace(separated("S1"), sources=[v1.SpeakerSource("p1-a", "S1", 0.876, 900, 2000)])
    call.tell(TURNS, one)
    (told,) = call.tell(WORDS, transcript(*HELLO, source_id="p1-a"))
    assert confidences(told) == [0.88, 0.88]


def test_a_merge_and_a_split_move_the_words_of_sources_however_far_from_what_was_separated() -> None:
    call = Aggregator()
    other = v1.SpeakerSource("p1-b", "S7", 0.8, 900, 2000)
    call.tell(TURNS, replace(separated("S2"), sources=[*separated("S2").sources, other]))
    call.tell(WORDS, transcript(("so", 90_000, 90_300), source_id="p1-a"))
    call.tell(WORDS, transcript(("no", 95_000, 95_300), transcript_id="w2"))
    for body, speaker_id in (
        (v1.SpeakerMerged(speaker_id="S2", into_speaker_id="S1"), "S1"),
        (v1.SpeakerSplit(speaker_id="S2", from_speaker_id="S1"), "S2"),
    ):
        (again,) = call.tell(TURNS, body)
        assert (again.transcript_id, again.words[0].speaker_id) == ("w1", speaker_id)


@pytest.mark.parametrize(
    ("outcome", "confidence"),
    [(v1.SeparationOutcome.FAILED, 0.45), (v1.SeparationOutcome.SHED, 0.45), (v1.SeparationOutcome.ONE_VOICE, 0.9)],
)
def test_words_where_several_speak_are_half_as_sure(outcome: v1.SeparationOutcome, confidence: float) -> None:
    """The stretch lies on both sides of a border of the index by which it is found."""
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 0, 20_000))
    call.tell(TURNS, unsure(outcome, 9000, 11_000))
    for name, at, expected in (("w1", 8000, 0.9), ("w2", 9300, confidence), ("w3", 10_300, confidence)):
        (told,) = call.tell(WORDS, transcript(("so", at, at + 400), transcript_id=name))
        assert confidences(told) == [expected]


@pytest.mark.parametrize(
    ("outcome", "start_ms", "mixed"),
    [
        (v1.SeparationOutcome.FAILED, 1500, True),
        (v1.SeparationOutcome.OFF, 1500, True),
        (v1.SeparationOutcome.ONE_VOICE, 1500, False),
        (v1.SeparationOutcome.FAILED, 2001, False),
    ],
)
def test_a_transcript_in_which_voices_overlap_that_were_not_separated_is_mixed(
    outcome: v1.SeparationOutcome, start_ms: int, mixed: bool
) -> None:
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 0, 20_000))
    call.tell(TURNS, unsure(outcome, start_ms, start_ms + 500))
    (told,) = call.tell(WORDS, transcript(("so", 1000, 1400), ("we", 1500, 2000)))
    assert told.mixed is mixed


@pytest.mark.parametrize(("through_ms", "told"), [(3899, 0), (3900, 1)])
def test_words_are_settled_two_seconds_before_what_is_final(through_ms: int, told: int) -> None:
    """HELLO ends at 1900 ms. That voices overlap there is told with what is settled."""
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 900, 9000))
    call.tell(WORDS, transcript(*HELLO))
    assert call.tell(TURNS, unsure(v1.SeparationOutcome.FAILED)) == []
    assert len(call.tell(TURNS, v1.Finalized(through_ms=through_ms))) == told
    assert len(call.tell(TURNS, v1.Finalized(through_ms=9000))) == 1 - told


@pytest.mark.parametrize(("start_ms", "told"), [(5999, 1), (6000, 0)])
def test_the_confidence_of_a_turn_that_had_begun_is_told_of_settled_words(start_ms: int, told: int) -> None:
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", start_ms, 9000))
    call.tell(WORDS, transcript(("so", 3600, 4000)))
    call.tell(WORDS, transcript(("we", 5600, 5900), transcript_id="w2"))
    call.tell(TURNS, v1.Finalized(through_ms=6000))
    call.tell(TURNS, v1.Finalized(through_ms=7950) if told else v1.Finalized(through_ms=6000))
    again = call.tell(TURNS, turn("t1", "S1", start_ms, 9000, revision=2, confidence=0.5))
    assert [one.transcript_id for one in again] == ["w2"] * told


def test_the_end_tells_what_was_not_settled_in_the_order_of_time_and_makes_all_final() -> None:
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 0, 20_000))
    unfinished = transcript(("so", 5000, 5400), transcript_id="w9", final=False)
    for said in (
        transcript(("late", 8000, 8400), transcript_id="w1"),
        unfinished,
        transcript(("early", 1000, 1400), transcript_id="w3"),
        replace(transcript(("other", 8000, 8400), transcript_id="w0"), channel=1),
    ):
        call.tell(WORDS, said)
    call.tell(TURNS, unsure(v1.SeparationOutcome.FAILED, 7900, 9000))
    last = call.end()
    assert [(one.transcript_id, one.revision, one.final) for one in last] == [("w9", 2, True), ("w1", 2, True)]
    assert confidences(last[1]) == [0.45]
    assert confidences(last[0]) == [0.9]


def test_an_unfinished_transcript_that_changes_at_the_end_is_told_once() -> None:
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 0, 20_000))
    said = transcript(("so", 5000, 5400), ("far", 5400, 5800), final=False)
    (told,) = call.tell(WORDS, replace(said, words=[said.words[0], replace(said.words[1], tentative=True)]))
    assert [word.tentative for word in told.words] == [False, True]
    call.tell(TURNS, unsure(v1.SeparationOutcome.FAILED, 4000, 6000))
    (last,) = call.end()
    assert (last.revision, last.final, confidences(last)) == (2, True, [0.45, 0.45])
    assert [word.tentative for word in last.words] == [False, False]


def test_what_is_settled_and_final_is_not_told_at_the_end() -> None:
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 0, 20_000))
    call.tell(WORDS, transcript(*HELLO))
    call.tell(TURNS, v1.Finalized(through_ms=20_000))
    assert call.end() == []


def test_a_word_that_is_beaten_across_a_border_of_the_index_is_marked_where_it_was_told() -> None:
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 0, 20_000))
    call.tell(WORDS, transcript(("well", 9500, 9900), ("yes", 9950, 10_400)))
    first, again = call.tell(WORDS, transcript(("Yes.", 10_000, 10_400), transcript_id="w2", confidence=0.95))
    assert (first.transcript_id, again.transcript_id, again.revision) == ("w2", "w1", 2)
    assert [word.superseded for word in again.words] == [False, True]


def test_when_the_better_word_goes_the_other_stands_again() -> None:
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 0, 9000))
    call.tell(WORDS, transcript(("yes", 1000, 1400), confidence=0.8))
    call.tell(WORDS, transcript(("yes", 1000, 1400), transcript_id="w2", final=False))
    assert (call.spoken("w1"), call.spoken("w2")) == ([], ["S1:yes"])
    told = call.tell(WORDS, transcript(("no", 1000, 1400), transcript_id="w2", revision=2))
    assert [one.transcript_id for one in told] == ["w2", "w1"]
    assert (call.spoken("w1"), call.spoken("w2")) == (["S1:yes"], ["S1:no"])


def test_after_a_restart_a_long_turn_is_found_from_all_of_its_words() -> None:
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 5000, 25_000))
    restarted(call)
    for name, at in (("w1", 6000), ("w2", 15_000), ("w3", 24_000)):
        (told,) = call.tell(WORDS, transcript(("so", at, at + 400), transcript_id=name))
        assert told.words[0].speaker_id == "S1"


def test_words_are_settled_though_they_lie_far_before_what_was_final_last() -> None:
    """A border of the index lies between."""
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 5000, 25_000))
    call.tell(WORDS, transcript(("so", 9600, 9950)))
    call.tell(TURNS, v1.Finalized(through_ms=11_900))
    call.tell(TURNS, unsure(v1.SeparationOutcome.FAILED, 9000, 9990))
    (told,) = call.tell(TURNS, v1.Finalized(through_ms=12_500))
    assert confidences(told) == [0.45]
