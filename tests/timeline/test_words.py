"""Words to speakers, by hand-made conversations."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakerline.shared.contract import v1
from speakerline.shared.timeline.doubles import Doubles
from speakerline.shared.timeline.words import REACH_MS, Attribution, Scene, attribute
from tests.timeline.events import turn


def said(*words, source_id="", confidence=0.9):
    """Words of (text, start, end)."""
    return [v1.Word(text, start, end, confidence, source_id) for text, start, end in words]


def speakers(words, *turns, **more):
    made = [turn(f"t{number}", *one) for number, one in enumerate(turns)]
    return [found.speaker_id for found in attribute(words, Scene(made, **more))]


def sure(words, *turns, **more):
    made = [turn(f"t{number}", *one) for number, one in enumerate(turns)]
    return [found.confidence for found in attribute(words, Scene(made, **more))]


A_THEN_B = (("A", 0, 10_000), ("B", 10_000, 20_000))


def test_words_go_to_the_turn_that_covers_them():
    words = said(("one", 1000, 1400), ("two", 9000, 9600), ("three", 10_500, 11_000))
    assert speakers(words, *A_THEN_B) == ["A", "A", "B"]
    assert sure(words, *A_THEN_B)[0] == 0.9


def test_the_times_of_a_word_that_is_hardly_recognised_count_less():
    words = [("so", 9000, 9300), ("then", 9760, 10_180), ("I", 10_190, 10_210), ("said", 10_220, 10_500)]
    assert speakers(said(*words), *A_THEN_B) == ["A", "A", "B", "B"]
    assert speakers(said(*words, confidence=0.1), *A_THEN_B) == ["A", "B", "B", "B"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(
            [("so", 9000, 9300), ("then", 9790, 10_180), ("I", 10_190, 10_210), ("said", 10_220, 10_500)],
            ["A", "B", "B", "B"],
            id="the pause before it: it begins what the next one says",
        ),
        pytest.param(
            [("and", 9500, 9750), ("that", 9780, 9830), ("is", 9840, 10_190), ("Yes", 10_600, 11_000)],
            ["A", "A", "A", "B"],
            id="the pause after it: it ends what was said before",
        ),
        pytest.param(
            [("you", 9600, 9790), ("know.", 9800, 10_140), ("Well", 10_150, 10_400), ("no", 10_420, 10_700)],
            ["A", "A", "B", "B"],
            id="the end of a sentence",
        ),
    ],
)
def test_a_word_at_the_edge_goes_where_its_neighbours_go(words, expected):
    assert speakers(said(*words), *A_THEN_B) == expected


def test_neighbours_do_not_pull_a_word_whose_times_are_clear():
    """A short "yes" of its own turn, without a pause around it."""
    words = said(("we", 3600, 3790), ("go", 3800, 3990), ("yes", 4050, 4450), ("to", 4510, 4700), ("town", 4700, 5000))
    turns = [("A", 0, 4000), ("B", 4000, 4500), ("A", 4500, 9000)]
    assert speakers(words, *turns) == ["A", "A", "B", "A", "A"]


def test_where_two_talk_the_turn_that_reaches_farther_around_the_word_is_dominant_and_the_word_less_sure():
    turns = [("A", 0, 10_000), ("B", 8000, 16_000)]
    words = said(("early", 8200, 8500), ("late", 9600, 9900))
    assert speakers(words, *turns) == ["A", "B"]
    assert max(sure(words, *turns)) <= 0.45
    backchannel = [("A", 0, 10_000), ("B", 4000, 4500)]
    assert speakers(said(("go", 4100, 4400)), *backchannel) == ["A"]


def test_a_word_near_a_turn_is_of_it_and_one_far_from_all_is_nobodys():
    words = said(("near", 10_200, 10_500), ("far", 10_000 + REACH_MS, 10_600 + REACH_MS))
    assert speakers(words, ("A", 0, 10_000)) == ["A", ""]
    assert sure(words, ("A", 0, 10_000)) == [0.45, 0.0]


def test_a_word_in_a_turn_of_nobody_known_is_nobodys():
    assert speakers(said(("hm", 1000, 1200)), ("", 0, 3000), ("A", 3000, 9000)) == [""]


def test_turns_of_one_speaker_that_touch_have_no_edge_between_them():
    joined = [("A", 0, 5000), ("A", 5000, 10_000), ("B", 5100, 5300)]
    assert speakers(said(("on", 5050, 5350)), *joined) == ["A"]


def test_a_word_of_a_source_is_of_the_speaker_that_the_source_was_given_to():
    words = said(("no", 1000, 1300), source_id="s1") + said(("way", 1300, 1500), source_id="s2")
    sources = {"s1": Attribution("B", 0.8)}
    assert attribute(words, Scene([turn("t", "A", 0, 9000)], sources)) == [Attribution("B", 0.8), Attribution("", 0.0)]


def test_a_word_where_voices_overlap_is_less_sure():
    word = said(("so", 1000, 1300))
    assert sure(word, ("A", 0, 9000), mixed=[(900, 2000)]) == [0.45]


def test_no_words_no_attributions():
    assert attribute([], Scene([turn("t", "A", 0, 9000)])) == []


@st.composite
def conversations(draw):
    """Turns of a few people with pauses beyond REACH_MS between them, and words inside of each."""
    turns, words, owners, at_ms = [], [], [], 0
    for number, who in enumerate(draw(st.lists(st.sampled_from(["A", "B", "C"]), min_size=1, max_size=6))):
        start_ms = at_ms
        for gap, length in draw(st.lists(st.tuples(st.integers(0, 900), st.integers(1, 600)), min_size=1, max_size=6)):
            words.append(v1.Word("w", at_ms + gap, at_ms + gap + length, draw(st.sampled_from([0.2, 0.9]))))
            owners.append(number)
            at_ms += gap + length
        turns.append(turn(f"t{number}", who, start_ms, at_ms + 1))
        at_ms += 2 * REACH_MS + draw(st.integers(601, 3000))
    return turns, words, owners


@given(conversations(), st.data())
def test_moving_a_turn_to_another_speaker_moves_exactly_its_words(conversation, data):
    turns, words, owners = conversation
    before = [found.speaker_id for found in attribute(words, Scene(turns))]
    assert before == [turns[owner].speaker_id for owner in owners]
    moved = data.draw(st.integers(0, len(turns) - 1))
    turns[moved] = turn("t", "Z", turns[moved].start_ms, turns[moved].end_ms)
    after = [found.speaker_id for found in attribute(words, Scene(turns))]
    assert after == ["Z" if owner == moved else who for who, owner in zip(before, owners, strict=True)]


@given(conversations(), st.randoms(use_true_random=False))
def test_the_order_in_which_turns_came_does_not_matter(conversation, chance):
    turns, words, _ = conversation
    shuffled = chance.sample(turns, len(turns))
    assert attribute(words, Scene(shuffled)) == attribute(words, Scene(turns))


def lost(*transcripts):
    """For each word of each transcript, whether a better one is in another."""
    doubles = Doubles(lambda one: transcripts)
    return [doubles.superseded(one) for one in transcripts]


def transcript(name, words, speaker_id="A", channel=0):
    for word in words:
        word.speaker_id = speaker_id
    return v1.Transcript(name, 1, channel, words[0].start_ms, words[-1].end_ms, True, words=words)


@pytest.mark.parametrize(
    ("in_source", "in_call", "left"),
    [
        pytest.param(("yes", 50, 350, 0.9), ("Yes,", 0, 300, 0.9), ["source"], id="the same, as sure: of the source"),
        pytest.param(("yes", 50, 350, 0.4), ("Yes,", 0, 300, 0.9), ["call"], id="the same, much surer in the call"),
        pytest.param(("yes", 0, 300, 0.9), ("guess", 0, 300, 0.9), ["source"], id="nobody says two words at once"),
        pytest.param(("yes", 0, 300, 0.9), ("yes", 200, 500, 0.9), ["source", "call"], id="one after the other"),
    ],
)
def test_of_a_word_that_was_heard_in_the_call_and_in_a_source_the_better_stays(in_source, in_call, left):
    source = transcript("s", said(in_source[:3], source_id="s1", confidence=in_source[3]))
    call = transcript("c", said(in_call[:3], confidence=in_call[3]))
    assert [name for name, (gone,) in zip(("source", "call"), lost(source, call), strict=True) if not gone] == left


@pytest.mark.parametrize(
    ("speakers", "sources", "texts", "gone"),
    [
        pytest.param("AB", ("s1", "s2"), ("yes", "yes"), 0, id="two people say the same at once"),
        pytest.param("AA", ("s1", "s2"), ("yes", "no"), 1, id="one person in two sources"),
        pytest.param("AB", ("s1", ""), ("yes", "yes"), 1, id="the other's word in the sound of both"),
        pytest.param("AB", ("s1", ""), ("yes", "no"), 0, id="two people say two words"),
        pytest.param("AB", ("", ""), ("yes", "yes"), 1, id="the seam of two stretches"),
        pytest.param("AA", ("", ""), ("yes", "no"), 0, id="two words at a seam"),
    ],
)
def test_which_words_compete(speakers, sources, texts, gone):
    made = [
        transcript(name, said((text, 0, 300), source_id=source), speaker)
        for name, text, source, speaker in zip("mo", texts, sources, speakers, strict=True)
    ]
    assert sum(map(sum, lost(*made))) == gone


def test_channels_do_not_compete():
    left, right = (transcript(str(channel), said(("yes", 0, 300)), channel=channel) for channel in (0, 1))
    assert lost(left, right) == [[False], [False]]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_word_that_is_beaten_beats_nobody(order):
    """Four in a chain, each better than the next, and only neighbours share time."""
    chain = [
        transcript(name, said(("yes", 170 * number, 170 * number + 380), confidence=0.9 - number / 10))
        for number, name in enumerate("dbca")
    ]
    found = dict(zip(order, lost(*(chain[number] for number in order)), strict=True))
    assert [found[number] for number in range(4)] == [[False], [True], [False], [True]]
