"""Transcripts through the aggregator: who said each word, told again when that changes."""

from dataclasses import replace
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from speakerline.services.aggregator.stage import AggregatorStage
from speakerline.shared.contract import v1
from speakerline.shared.pipeline import SPEECH, TURNS, WORDS
from speakerline.shared.runtime.stage import FOREVER, Event
from speakerline.shared.timeline.doubles import Doubles
from speakerline.shared.timeline.parts import read_snapshot
from speakerline.shared.timeline.timeline import Timeline
from tests.aggregator.test_stage import CALL
from tests.no_sound import NoSound
from tests.timeline.events import turn
from tests.timeline.strategies import transcripts, turn_bodies


def _all_of(transcripts: list[v1.Transcript], one: v1.Transcript) -> list[v1.Transcript]:
    return transcripts


class Aggregator:
    """One call, told bodies one by one; keeps the timeline that a subscriber would have."""

    def __init__(self) -> None:
        self.stage = AggregatorStage().open(CALL, {}, NoSound())
        self.timeline = Timeline("c1")

    def tell(self, stream, body, at_ms=0):
        """The transcripts that are published for it."""
        return self._push([Event(stream, at_ms, body)], at_ms)

    def end(self):
        self.tell(SPEECH, v1.AudioEnded(end_ms=200_000, reason=v1.EndReason.HANGUP))
        return self._push([], FOREVER)

    def _push(self, entries, through_ms):
        coroutine = self.stage.push(entries, through_ms)
        try:
            coroutine.send(None)  # it waits for nothing, and a loop for each would take most of the time
        except StopIteration as done:
            step = done.value
        for event in step.events:
            self.timeline.apply(event.body)
        return [event.body.transcript for event in step.events if event.body.transcript]

    def spoken(self, transcript_id="w1"):
        words = self.timeline.transcripts[transcript_id].words
        return [f"{word.speaker_id}:{word.text}" for word in words if not word.superseded]


def transcript(*words, transcript_id="w1", revision=1, final=True, source_id="", confidence=0.9):
    made = [v1.Word(text, start, end, confidence, source_id) for text, start, end in words]
    return v1.Transcript(transcript_id, revision, 0, made[0].start_ms, made[-1].end_ms, final, words=made)


HELLO = (("Hello", 1000, 1400), ("there.", 1450, 1900))


def test_words_come_with_their_speakers():
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 900, 2000))
    (published,) = call.tell(WORDS, transcript(*HELLO))
    assert [(word.speaker_id, word.speaker_confidence) for word in published.words] == [("S1", 0.9)] * 2


def test_words_that_come_before_their_turn_are_told_again_when_it_is_there():
    call = Aggregator()
    assert call.tell(WORDS, transcript(*HELLO))[0].words[0].speaker_id == ""
    (again,) = call.tell(TURNS, turn("t1", "S1", 900, 2000))
    assert (again.revision, call.spoken()) == (2, ["S1:Hello", "S1:there."])


def test_a_turn_that_moves_to_another_speaker_takes_its_words_along_and_others_stay_untold():
    call = Aggregator()
    for number in range(3):
        start = 20_000 * number
        call.tell(TURNS, turn(f"t{number}", "S1", start, start + 3000))
        call.tell(WORDS, transcript(("a", start + 100, start + 300), transcript_id=f"w{number}"))
    (again,) = call.tell(TURNS, turn("t1", "S2", 20_000, 23_000, revision=2))
    assert (again.transcript_id, again.words[0].speaker_id) == ("w1", "S2")
    assert call.tell(TURNS, turn("t1", "S2", 20_000, 24_000, revision=3, confidence=0.5)) == []


def test_a_turn_that_was_cut_short_gives_up_the_words_beyond():
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 0, 9000))
    call.tell(WORDS, transcript(("a", 1000, 1400), ("b", 6000, 6400)))
    (again,) = call.tell(TURNS, turn("t1", "S1", 0, 3000, revision=2))
    assert [word.speaker_id for word in again.words] == ["S1", ""]
    (again,) = call.tell(TURNS, v1.TurnWithdrawn(turn_id="t1", revision=3))
    assert [word.speaker_id for word in again.words] == ["", ""]


def test_a_merge_and_a_split_move_words():
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S2", 900, 2000))
    call.tell(WORDS, transcript(*HELLO))
    call.tell(TURNS, v1.SpeakerMerged(speaker_id="S2", into_speaker_id="S1"))
    assert call.spoken() == ["S1:Hello", "S1:there."]
    call.tell(TURNS, v1.SpeakerSplit(speaker_id="S2", from_speaker_id="S1"))
    assert call.spoken() == ["S2:Hello", "S2:there."]


def separated(speaker_id, revision=1):
    source = v1.SpeakerSource("p1-a", speaker_id, 0.8, 900, 2000)
    return v1.Separated("p1", revision, 0, 900, 2000, outcome=v1.SeparationOutcome.SEPARATED, sources=[source])


def test_words_of_a_source_follow_the_speaker_of_the_source():
    call = Aggregator()
    call.tell(WORDS, transcript(*HELLO, source_id="p1-a"))
    assert call.spoken() == [":Hello", ":there."]
    call.tell(TURNS, separated("S1"))
    assert call.spoken() == ["S1:Hello", "S1:there."]
    call.tell(TURNS, separated("S2", revision=2))
    assert call.spoken() == ["S2:Hello", "S2:there."]


def test_what_a_source_tells_better_is_marked_where_it_was_told_before():
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 0, 9000))
    call.tell(TURNS, separated("S1"))
    call.tell(WORDS, transcript(*HELLO, ("you", 5000, 5200)))
    first, again = call.tell(WORDS, transcript(("hello", 1050, 1450), transcript_id="w2", source_id="p1-a"))
    assert (first.transcript_id, again.transcript_id, again.revision) == ("w2", "w1", 2)
    assert (call.spoken("w1"), call.spoken("w2")) == (["S1:there.", "S1:you"], ["S1:hello"])


def test_an_interim_transcript_grows_and_a_final_one_keeps_its_text():
    call = Aggregator()
    call.tell(WORDS, transcript(HELLO[0], final=False))
    call.tell(TURNS, turn("t1", "S1", 900, 2000))
    (published,) = call.tell(WORDS, transcript(*HELLO, revision=2))
    assert (published.revision, published.final) == (3, True)
    assert call.tell(WORDS, transcript(("Other", 1000, 1400), revision=9)) == []
    assert call.spoken() == ["S1:Hello", "S1:there."]


def test_what_is_finalized_is_told_with_its_last_confidence():
    call = Aggregator()
    call.tell(TURNS, turn("t1", "S1", 900, 2000, confidence=0.4))
    call.tell(WORDS, transcript(*HELLO))
    assert call.tell(TURNS, turn("t1", "S1", 900, 2000, confidence=0.9, revision=2)) == []
    (again,) = call.tell(TURNS, v1.Finalized(through_ms=30_000))
    assert again.words[0].speaker_confidence == 0.9
    assert call.tell(TURNS, v1.Finalized(through_ms=60_000)) == []


def test_what_is_finalized_is_told_on_every_channel():
    call = Aggregator()
    heard = transcript(*HELLO, transcript_id="w2")
    call.tell(WORDS, replace(heard, channel=1, words=[replace(word, source_id="p1-a") for word in heard.words]))
    source = v1.SpeakerSource(source_id="p1-a", confidence=0.25)
    call.tell(TURNS, v1.Separated(separation_id="p1", revision=1, channel=0, sources=[source]))
    (again,) = call.tell(TURNS, v1.Finalized(through_ms=30_000))
    assert (again.channel, again.words[0].speaker_confidence) == (1, 0.25)


def test_at_the_end_every_word_is_final():
    call = Aggregator()
    call.tell(WORDS, transcript(HELLO[0], final=False))
    (last,) = call.end()
    assert (last.final, last.revision, call.timeline.ended) == (True, 2, True)


def test_words_do_not_move_the_clock_of_the_call():
    call = Aggregator()
    call.tell(WORDS, transcript(*HELLO), at_ms=9000)
    call.tell(WORDS, v1.Degraded(start_ms=1, end_ms=2, stage="asr", shed="interims"), at_ms=9000)
    assert call.timeline.at_ms == 0
    assert call.timeline.degraded


@st.composite
def stories(draw):
    """What asr says, as it may: interim transcripts first, the final one last."""
    told = []
    for one in draw(st.lists(transcripts(), max_size=6, unique_by=lambda one: one.transcript_id)):
        if draw(st.booleans()):
            told.append(replace(one, revision=1, final=False, words=one.words[:1]))
        told.append(replace(one, revision=2, final=True))
    return told


def interleaved(chance, bodies, words):
    """Each in its own order, among each other in any."""
    left = {"turns": list(bodies), "words": list(words)}
    while waiting := [stream for stream, entries in left.items() if entries]:
        stream = chance.choice(waiting)
        yield stream, left[stream].pop(0)


@given(
    st.lists(turn_bodies, max_size=25), stories(), st.lists(st.randoms(use_true_random=False), min_size=2, max_size=2)
)
def test_when_words_come_does_not_matter_in_the_end(bodies, words, chances):
    ends = []
    for chance in chances:
        call = Aggregator()
        for stream, body in interleaved(chance, bodies, words):
            call.tell(stream, body)
        call.end()
        ends.append({name: replace(one, revision=0) for name, one in call.timeline.transcripts.items()})
    assert ends[0] == ends[1]


@st.composite
def chains(draw):
    """Transcripts of a word or two each, most of which share time with the next, and turns around them."""
    words = []
    confidences = draw(st.lists(st.integers(30, 90), min_size=4, max_size=8, unique=True))
    if draw(st.booleans()):
        confidences.sort()
    for number, percent in enumerate(confidences):
        at_ms, source_id = 170 * number + draw(st.integers(-15, 15)) + 500, draw(st.sampled_from(["", "", "p1-a"]))
        told = [(draw(st.sampled_from(["yes", "yes", "yes", "no"])), at_ms, at_ms + 380)]
        if draw(st.integers(0, 3)) == 3:
            told.append(("yes", at_ms + 400, at_ms + 780))
        name = f"w{draw(st.permutations(range(10)))[0]}-{number}"
        words.append(transcript(*told, transcript_id=name, source_id=source_id, confidence=percent / 100))
    bodies = [turn("t1", "S1", 0, 1000), separated("S1"), turn("t2", "S2", 900, 4000), turn("t1", "S2", 0, 800)]
    return [replace(body, revision=number) for number, body in enumerate(bodies)], words


@given(chains(), st.lists(st.randoms(use_true_random=False), min_size=2, max_size=3))
def test_which_of_many_doubles_stay_does_not_depend_on_the_order_in_which_they_came(story, chances):
    bodies, words = story
    ends = []
    for chance in chances:
        call = Aggregator()
        for stream, body in interleaved(chance, bodies, chance.sample(words, len(words))):
            call.tell(stream, body)
        ends.append(
            {name: [one.superseded for one in known.words] for name, known in sorted(call.timeline.transcripts.items())}
        )
        everything = list(call.timeline.transcripts.values())
        whole = Doubles(partial(_all_of, everything))
        assert ends[-1] == {
            one.transcript_id: whole.superseded(one) for one in sorted(everything, key=lambda one: one.transcript_id)
        }
    assert all(end == ends[0] for end in ends)


@given(st.lists(turn_bodies, max_size=25), stories(), st.randoms(use_true_random=False))
def test_every_word_is_there_once_as_it_was_recognised(bodies, words, chance):
    call = Aggregator()
    for stream, body in interleaved(chance, bodies, words):
        call.tell(stream, body)
    call.end()
    said = {one.transcript_id: [(word.text, word.start_ms) for word in one.words] for one in words if one.final}
    published = call.timeline.transcripts.values()
    assert {one.transcript_id: [(word.text, word.start_ms) for word in one.words] for one in published} == said
    assert all(one.final for one in published)
    assert read_snapshot(call.stage.snapshot()) == call.timeline.snapshot()
