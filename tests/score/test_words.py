"""Word scores of transcripts whose errors are counted by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from speakerline.shared import codec
from speakerline.shared.contract import v1
from speakerline.shared.pipeline import TIMELINE
from speakerline.shared.timeline.export import to_json, to_rttm
from speakerline.shared.timeline.transcripts import to_ctm, to_seglst, to_stm
from speakerline.tools.sample_call import sample_call
from speakerline.tools.score.files import InvalidFile
from speakerline.tools.score.normalise import normalise, normalise_reference
from speakerline.tools.score.score import WordFiles, score_files
from speakerline.tools.score.transcripts import Said, Words, read_transcripts, with_speakers
from speakerline.tools.score.word_errors import WordErrors, speaker_word_errors, word_errors
from speakerline.tools.score.word_speakers import WordAttribution, word_attribution
from speakerline.tools.score.words import score_words, words_of
from tests.timeline.conversation import transcript
from tests.timeline.conversation import words_of as made_words
from tests.timeline.events import folded, numbered, turn


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Oh, hello. I didn't KNOW!", "oh hello i didn't know", id="casing and punctuation"),
        pytest.param("Don’t 'quote' me", "don't quote me", id="apostrophes within a word stay"),
        pytest.param("well-known and/or", "well known and or", id="compounds come apart"),
        pytest.param("Um, I uh think, hmm", "i think", id="hesitations go"),
        pytest.param("Uh-huh. mm-hm", "uhhuh mmhm", id="answers stay, as one word"),
        pytest.param("Ça va, Zoë?", "ça va zoë", id="other letters stay"),
        pytest.param("नमस्ते, जी।", "नमस्ते जी", id="marks on letters stay"),
        pytest.param("我用AI写。100円", "我 用 ai 写 100 円", id="characters of scripts without blanks are words"),
    ],
)
def test_normalised_words(text, words):
    assert normalise(text) == normalise_reference(text) == words.split()


def test_scripts_without_blanks_score_alike_however_they_are_written(tmp_path: Path):
    said = transcript("w1", *made_words("S1", " ".join("您好请问有什么可以帮助您的吗"), 1000))
    timeline = folded([(0, said)])
    (tmp_path / "by_word.ctm").write_text(to_ctm(timeline), encoding="utf-8")
    (tmp_path / "by_turn.seglst.json").write_text(to_seglst(timeline), encoding="utf-8")
    one, other = (next(iter(read_transcripts(path).values())) for path in sorted(tmp_path.iterdir()))
    for report in (score_words(one, other), score_words(other, one)):
        assert (report.wer.words, report.wer.errors) == (14, 0)
        assert report.cpwer.errors.errors == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("<o,f0> so <unk> it [laughter] is", "so it is", id="tags"),
        pytest.param("I (%hesitation) mean (you know) it", "i mean it", id="what may be left out"),
        pytest.param("%hesitation yes %uh", "yes", id="fillers"),
        pytest.param("I { going to / gonna } go", "i going to go", id="of alternatives the first"),
        pytest.param("I wan- want to -cause", "i want to", id="fragments"),
    ],
)
def test_marks_of_a_reference_are_no_words(text, words):
    assert normalise_reference(text) == words.split()


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        pytest.param("a b c d", "a x c d e", (4, 1, 0, 1), id="one wrong and one too many"),
        pytest.param("a b c d", "a d", (4, 0, 2, 0), id="two missing"),
        pytest.param("a b", "", (2, 0, 2, 0), id="nothing recognised"),
        pytest.param("", "a b", (0, 0, 0, 2), id="nothing said"),
        pytest.param("", "", (0, 0, 0, 0), id="silence"),
    ],
)
def test_word_errors(reference, hypothesis, expected):
    assert word_errors(reference.split(), hypothesis.split()) == WordErrors(*expected)


def test_a_rate_is_errors_over_words_of_the_reference():
    assert WordErrors(4, 1, 1, 4).rate == 1.5
    assert WordErrors(0, 0, 0, 2).rate == 1.0
    assert WordErrors(0, 0, 0, 0).rate == 0.0


def split(**speakers):
    return {who: text.split() for who, text in speakers.items()}


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors", "mapping"),
    [
        pytest.param(
            split(ann="a b c", bob="d e"), split(S1="d e", S2="a b c"), (5, 0, 0, 0), {"S1": "bob", "S2": "ann"},
            id="labels do not matter",
        ),
        pytest.param(
            split(ann="a b c", bob="d e"), split(S1="a b c d e"), (5, 0, 2, 2), {"S1": "ann"},
            id="two people as one: the other's words are missing, and too many here",
        ),
        pytest.param(
            split(ann="a b c d"), split(S1="a b c", S2="d"), (4, 0, 1, 1), {"S1": "ann"},
            id="one as two: the second one's words are insertions",
        ),
        pytest.param(
            split(ann="a b c", bob="d e f"), split(S1="a b f", S2="d e c"), (6, 2, 0, 0), {"S1": "ann", "S2": "bob"},
            id="two words given to the other person",
        ),
        pytest.param(split(ann="a b"), {}, (2, 0, 2, 0), {}, id="nothing recognised"),
    ],
)  # fmt: skip
def test_word_errors_of_speakers(reference, hypothesis, errors, mapping):
    found = speaker_word_errors(reference, hypothesis)
    assert (found.errors, dict(found.mapping)) == (WordErrors(*errors), mapping)


def timed(*words):
    return [Said(speaker, at_ms, at_ms + 200, text) for speaker, text, at_ms in words]


def test_words_are_found_at_their_time_and_asked_for_their_speaker():
    reference = timed(("ann", "yes", 0), ("bob", "no", 1000), ("ann", "well", 2000), ("bob", "so", 3000))
    hypothesis = timed(("S1", "yes", 100), ("S1", "no", 900), ("S1", "well", 2600), ("S1", "sow", 3000))
    assert word_attribution(reference, hypothesis, {"S1": "ann"}) == WordAttribution(4, 2, 1)


def test_where_two_say_the_same_at_once_each_finds_the_own_one():
    reference, hypothesis = (
        timed(("ann", "hello", 0), ("bob", "hello", 0)),
        timed(("S2", "hello", 0), ("S1", "hello", 0)),
    )
    assert word_attribution(reference, hypothesis, {"S1": "ann", "S2": "bob"}).share == 1.0


STM = """;; a comment
c1 1 ann 0.0 2.0 <o,f0> We could (%hesitation) meet on Monday.
c1 1 bob 2.5 3.0 Yes.
c1 1 inter_segment_gap 3.0 4.0
c1 1 ann 4.0 9.0 IGNORE_TIME_SEGMENT_IN_SCORING
"""


def test_an_stm_is_read(tmp_path):
    (tmp_path / "r.stm").write_text(STM)
    words = read_transcripts(tmp_path / "r.stm")["c1"]
    assert words.said[1] == Said("bob", 2500, 3000, "Yes.")
    assert (len(words.said), words.ignored) == (2, ((4000, 9000),))
    hypothesis = (Said("S1", 0, 2000, "we could meet on Monday"), words.said[1], Said("S1", 5000, 5200, "unscored"))
    report = score_words(words, Words(hypothesis))
    assert (report.wer, report.attribution) == (WordErrors(6, 0, 0, 0), None)


def test_what_is_written_is_read_again(tmp_path):
    told = [transcript("w1", *made_words("S1", "We could meet", 0)), transcript("w2", *made_words("S2", "Yes.", 2000))]
    named = (0, v1.SpeakerNamed(speaker_id="S1", name="Ann Miller"))
    timeline = folded([named, *((3000, one) for one in told)])
    (tmp_path / "c.ctm").write_text(to_ctm(timeline))
    (tmp_path / "c.seglst.json").write_text(to_seglst(timeline))
    (tmp_path / "c.json").write_text(to_json(timeline))
    reference = read_transcripts(tmp_path / "c.seglst.json")["c1"]
    (tmp_path / "c.stm").write_text(to_stm(timeline))
    for name in ("c.stm", "c.json"):
        report = score_words(reference, read_transcripts(tmp_path / name)["c1"])
        assert (report.wer.errors, report.cpwer.errors.errors, report.wer.words) == (0, 0, 4)
    report = score_words(reference, read_transcripts(tmp_path / "c.ctm")["c1"])
    assert (report.wer.errors, report.wer.words) == (0, 4)
    assert score_words(reference, words_of(timeline)).cpwer.mapping == {"S1": "Ann Miller", "S2": "S2"}


def test_a_ctm_without_speakers_takes_those_of_the_turns(tmp_path):
    (tmp_path / "c.ctm").write_text("c 1 1.0 0.3 hello\nc 1 1.4 0.3 there\nc 1 5.0 0.4 yes 0.5\n")
    words = with_speakers(read_transcripts(tmp_path / "c.ctm")["c"], {"ann": [(900, 2000)], "bob": [(4900, 6000)]})
    assert [one.speaker for one in words.said] == ["ann", "ann", "bob"]


def test_only_words_within_the_scored_stretches_count():
    reference = Words((Said("ann", 0, 200, "one"), Said("ann", 5000, 5200, "two")))
    assert score_words(reference, reference, [(0, 1000)]).wer.words == 1
    with pytest.raises(ValueError, match="no word within the scored regions"):
        score_words(reference, reference, [(8000, 9000)])


def test_words_of_one_utterance_stay_together_where_two_talk_at_once():
    ann = [Said("ann", 500 * n, 500 * n + 450, word) for n, word in enumerate(["one", "two", "three"])]
    bob = [Said("bob", 500 * n + 200, 500 * n + 600, word) for n, word in enumerate(["four", "five", "six"])]
    reference = Words((Said("ann", 0, 1450, "one two three"), Said("bob", 200, 1600, "four five six")))
    assert score_words(reference, Words(tuple(sorted([*ann, *bob], key=lambda one: one.start_ms)))).wer.errors == 0


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        pytest.param("a.stm", "c 1 ann 0.0\n", "a.stm line 1: 4 fields, expected 5 or more", id="a short STM line"),
        pytest.param("a.ctm", "c 1 0.0 x hello\n", "line 1: 'x' is not a time", id="no number in a CTM"),
        pytest.param("a.srt", "1\n", r"a.srt: expected a transcript that ends in .stm, .ctm, .json", id="subtitles"),
        pytest.param("a.json", "no", "a.json: expected SegLST, or the JSON document of a call", id="no JSON"),
        pytest.param("a.json", '[{"speaker": 1}]', "KeyError: 'start_time'", id="a SegLST without times"),
        pytest.param("a.json", '{"call_id": "c"}', "KeyError: 'transcripts'", id="a document without words"),
    ],
)
def test_a_bad_transcript_is_refused(tmp_path, name, text, problem):
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidFile, match=problem):
        read_transcripts(tmp_path / name)


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The sample call as if all had been recognised rightly, but for a word, and one turn given to the other."""
    (said,) = read_transcripts(sample_call().with_suffix(".stm")).values()
    people = {"Diane": "S1", "Sheila": "S2"}
    bodies: list[tuple[int, Any]] = [(0, v1.CallStarted(call_id="sample", sample_rate=16000))]
    for number, one in enumerate(said.said):
        who = "S1" if number == 4 else people[one.speaker]
        bodies.append((30_000, turn(f"t{number}", who, one.start_ms, one.end_ms)))
        words = made_words(who, one.text.replace("Chicago also", "Chicago too"), one.start_ms, 100)
        bodies.append((30_000, transcript(f"w{number}", *words)))
    events = numbered(bodies, "sample")
    (tmp_path / "sample.events.jsonl").write_bytes(b"".join(codec.write(TIMELINE, one) + b"\n" for one in events))
    (tmp_path / "sample.rttm").write_text(to_rttm(folded(bodies, "sample")))
    (tmp_path / "sample.ctm").write_text(to_ctm(folded(bodies, "sample")))
    (tmp_path / "sample.json").write_text(to_json(folded(bodies, "sample")))
    return tmp_path


def test_the_sample_call_against_its_stm(sample):
    stm = sample_call().with_suffix(".stm")
    report = score_files(sample_call().with_suffix(".rttm"), sample / "sample.events.jsonl", None, WordFiles(stm))
    assert report.words is not None
    # One word is wrong; "Neither did I." was given to Diane: three words missing here, too many there.
    assert (report.words.wer.words, report.words.wer.errors) == (81, 1)
    assert report.words.cpwer.errors == WordErrors(81, 1, 3, 3)
    assert report.words.cpwer.mapping == {"S1": "Diane", "S2": "Sheila"}
    assert json.loads(report.to_json())["words"]["cpwer"]["rate"] == pytest.approx(7 / 81)
    assert "cpWER: each speaker's own" in report.to_text()


def test_words_of_another_system_are_scored_by_their_times(sample):
    files = WordFiles(sample / "sample.json", sample / "sample.ctm", sample / "sample.rttm")
    words = score_files(sample / "sample.rttm", sample / "sample.events.jsonl", None, files).words
    assert words is not None and words.attribution is not None
    assert (words.wer.rate, words.attribution.found) == (0.0, 81)
    assert words.attribution.share > 0.9
