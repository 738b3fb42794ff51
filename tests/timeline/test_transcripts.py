"""What was said, as files."""

import json
import re

import pytest

from speakerline.shared.contract import v1
from speakerline.shared.timeline.export import to_json
from speakerline.shared.timeline.formats import FORMATS
from speakerline.shared.timeline.statistics import summarise
from speakerline.shared.timeline.subtitles import MOST_MS, cues_of, timed, to_srt, to_vtt
from speakerline.shared.timeline.transcripts import WIDTH, stamp, to_ctm, to_seglst, to_stm, to_text
from speakerline.shared.timeline.utterances import paragraphs, utterances
from tests.timeline.conversation import conversation, transcript, words_of
from tests.timeline.events import folded


def said(timeline):
    return [(one.label, one.text, one.start_ms, one.final) for one in utterances(timeline)]


def test_an_utterance_ends_where_another_says_a_word_between():
    assert said(conversation()) == [
        ("Ann Miller", "We could meet", 1000, True),
        ("S2", "Yes.", 2500, True),
        ("Ann Miller", "on Monday, & talk.", 2900, True),
        ("S2", "I <think> so", 5000, False),
    ]


def test_people_who_talk_at_once_keep_their_sentences():
    both = [
        (0, transcript("w1", *words_of("S1", "one two three four", 1000))),
        (0, transcript("w2", *words_of("S2", "five six seven", 1150))),
    ]
    assert [(one.label, one.text) for one in utterances(folded(both))] == [
        ("S1", "one two three four"),
        ("S2", "five six seven"),
    ]


def test_a_long_pause_ends_an_utterance_but_no_paragraph():
    told = folded([(0, transcript("w1", *words_of("S1", "one two", 0), *words_of("S1", "three", 9000)))])
    assert [one.text for one in utterances(told)] == ["one two", "three"]
    assert [one.text for one in paragraphs(told)] == ["one two three"]


def test_a_paragraph_ends_where_another_speaks_between():
    told = [
        (0, transcript("w1", *words_of("S1", "one two three four five six seven eight", 0))),
        (0, transcript("w2", *words_of("S2", "yes", 600), *words_of("S2", "so do I", 2500))),
    ]
    assert [(one.label, one.start_ms) for one in paragraphs(folded(told))] == [("S1", 0), ("S2", 600), ("S2", 2500)]


def test_merged_speakers_are_one():
    merged = (8000, v1.SpeakerMerged(speaker_id="S2", into_speaker_id="S1"))
    assert {one.label for one in utterances(conversation(merged))} == {"Ann Miller"}


def test_the_text_that_people_read():
    assert to_text(conversation()).splitlines() == [
        "00:01.0  Ann Miller  We could meet",
        "",
        "00:02.5  S2          Yes.",
        "",
        "00:02.9  Ann Miller  on Monday, & talk.",
        "",
        "00:05.0  S2          I <think> so",
    ]


def test_long_paragraphs_are_wrapped_under_their_text():
    lines = to_text(folded([(0, transcript("w1", *words_of("S1", "word " * 60, 0)))])).splitlines()
    assert len(lines) > 3
    assert all(len(line) <= WIDTH for line in lines)
    assert {line[:13] for line in lines[1:]} == {" " * 13}


def test_long_paragraphs_are_wrapped_in_scripts_without_blanks():
    lines = to_text(folded([(0, transcript("w1", *words_of("S1", "您 好 请 问 " * 40, 0)))])).splitlines()
    assert len(lines) > 1
    assert all(len(line) <= WIDTH for line in lines)


def test_subrip():
    assert to_srt(conversation()).split("\n\n")[:2] == [
        "1\n00:00:01,000 --> 00:00:02,470\nAnn Miller: We could meet",
        "2\n00:00:02,500 --> 00:00:02,900\nS2: Yes.",
    ]


def test_webvtt_has_voices_and_escapes_what_would_be_a_tag():
    blocks = to_vtt(conversation()).split("\n\n")
    assert blocks[0] == "WEBVTT"
    assert blocks[3] == "3\n00:00:02.900 --> 00:00:04.664\n<v Ann Miller>on Monday, &amp; talk.</v>"
    assert blocks[4] == "4\n00:00:05.000 --> 00:00:06.000\n<v S2>I &lt;think&gt; so</v>\n"


def test_cues_can_be_read_at_once_and_lose_no_word():
    told = folded([(0, transcript("w1", *words_of("S1", "A sentence of some words that ends. " * 12, 0)))])
    cues = list(cues_of(told))
    assert all(len(cue.text) <= 84 and cue.end_ms - cue.start_ms <= MOST_MS for cue in cues)
    assert " ".join(cue.text for cue in cues) == utterances(told)[0].text
    assert all(cue.text.endswith("ends.") for cue in cues)


def test_ctm_has_a_word_a_line():
    lines = to_ctm(conversation()).splitlines()
    assert lines[0] == "c1 1 1.000 0.250 We 0.90"
    assert len(lines) == 11
    assert lines[3] == "c1 1 2.500 0.250 Yes. 0.90"


def test_stm_has_an_utterance_a_line_in_the_order_of_channels_and_then_of_times():
    assert to_stm(conversation()).splitlines() == [
        "c1 1 Ann_Miller 1.000 1.850 We could meet",
        "c1 1 S2 2.500 2.750 Yes.",
        "c1 1 Ann_Miller 2.900 4.050 on Monday, & talk.",
        "c1 1 S2 5.000 5.850 I <think> so",
    ]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("short", 1, id="a short line stays one"),
        pytest.param("words of a sentence that is a bit longer than one line", 2, id="a longer one is broken in two"),
        pytest.param("look at https://example.com/" + "a-long-address/" * 6, 4, id="a word longer than a line, too"),
        pytest.param("話" * 40, 2, id="in scripts without blanks, too"),
    ],
)
def test_lines_of_a_cue_are_no_longer_than_is_usual(text, lines):
    told = folded([(0, transcript("w1", *words_of("S1", text, 0)))])
    blocks = to_vtt(told).split("\n\n")[1:]
    shown = [re.sub(r"<.*?>", "", line) for block in blocks for line in block.split("\n")[2:] if line]
    assert len(shown) <= lines * len(blocks) and all(len(line) <= 42 for line in shown)
    assert "".join(shown).replace(" ", "") == text.replace(" ", "")


def test_a_cue_stays_until_it_can_be_read_but_not_into_the_next():
    told = folded(
        [
            (0, transcript("w1", *words_of("S1", "a word", 0))),
            (0, transcript("w2", *words_of("S2", "soon another", 1200))),
            (0, transcript("w3", *words_of("S1", "and much later the last one of all", 20_000))),
        ]
    )
    ends = [end_ms - cue.start_ms for cue, end_ms in timed(cues_of(told))]
    assert ends[0] == 1000, "a second at least"
    assert ends[1] == 1000
    assert ends[2] == max(2350, 1000 * len("S1: and much later the last one of all") // 17)
    close = [(0, transcript("w1", *words_of("S1", "a word", 0))), (0, transcript("w2", *words_of("S2", "next", 700)))]
    assert next(timed(cues_of(folded(close))))[1] == 700


def test_ctm_is_in_the_order_of_channels_and_then_of_times():
    told = [
        (0, transcript("w1", *words_of("S1", "one", 1000), *words_of("S1", "three", 3000))),
        (0, transcript("w2", *words_of("S2", "two", 2000), channel=1)),
    ]
    fields = [line.split() for line in to_ctm(folded(told)).splitlines()]
    assert [(channel, word) for _, channel, _, _, word, *_ in fields] == [("1", "one"), ("1", "three"), ("2", "two")]


def test_no_two_words_of_a_ctm_overlap_on_a_channel():
    told = [
        (0, transcript("w1", v1.Word("one", 1000, 2000, 0.9), v1.Word("in New York", 3000, 3300, 0.9))),
        (0, transcript("w2", v1.Word("two", 1500, 1800, 0.8), v1.Word("three", 1500, 1900, 0.7))),
        (0, transcript("w3", v1.Word("apart", 1000, 1200, 0.6), channel=1)),
    ]
    assert [line.split()[1:5] for line in to_ctm(folded(told)).splitlines()] == [
        ["1", "1.000", "0.500", "one"],
        ["1", "1.500", "0.001", "two"],
        ["1", "1.501", "0.399", "three"],
        ["1", "3.000", "0.100", "in"],
        ["1", "3.100", "0.100", "New"],
        ["1", "3.200", "0.100", "York"],
        ["2", "1.000", "0.200", "apart"],
    ]


@pytest.mark.parametrize("write", [to_srt, to_vtt])
def test_no_line_end_within_a_word_or_a_name_ends_a_cue(write):
    word = v1.Word("so\n\nmuch", 1000, 2000, 0.9, speaker_id="S1")
    people = [v1.SpeakerCreated(speaker_id="S1"), v1.SpeakerNamed(speaker_id="S1", name="Ann\n\nMiller")]
    told = folded([*((0, one) for one in people), (0, transcript("w1", word))])
    cue = write(told).removeprefix("WEBVTT\n\n").strip()
    assert len(cue.splitlines()) == 3
    assert "so much" in cue


@pytest.mark.parametrize("write", [to_srt, to_vtt])
def test_only_the_times_of_a_cue_have_its_arrow(write):
    told = folded([(0, transcript("w1", *words_of("S1", "--> ---> ---->", 1000)))])
    assert write(told).count("-->") == 1


def test_subrip_has_no_markup():
    told = folded([(0, transcript("w1", *words_of("S1", "<i>so</i> {\\an8}well", 1000)))])
    assert to_srt(told).endswith("S1: ‹i›so‹/i› (\\an8)well\n")


def test_seglst():
    segments = json.loads(to_seglst(conversation()))
    assert segments[1] == {"session_id": "c1", "speaker": "S2", "start_time": 2.5, "end_time": 2.75, "words": "Yes."}


def test_the_document_has_words_with_their_speakers():
    document = json.loads(to_json(conversation()))
    first, second, third = document["transcripts"]
    assert [word["text"] for word in second["words"]] == ["Yes."]
    assert (first["words"][0]["speaker"], first["words"][0]["speaker_id"]) == ("Ann Miller", "S1")
    assert (third["final"], third["engine"]) == (False, "hand")


def test_the_document_has_separations_music_and_overload():
    sources = [v1.SpeakerSource("p1-a", "S1", 0.9, 2500, 2800), v1.SpeakerSource("p1-b", "", 0.0, 2500, 2800)]
    marks = [
        v1.Separated("p1", 1, 0, 2500, 2800, voices=2, outcome=v1.SeparationOutcome.SEPARATED, sources=sources),
        v1.Music(start_ms=0, end_ms=900),
        v1.Degraded(start_ms=0, end_ms=900, stage="asr", shed="interims"),
    ]
    document = json.loads(to_json(conversation(*((8000, mark) for mark in marks))))
    assert document["separations"][0]["outcome"] == "SEPARATED"
    assert [one["speaker"] for one in document["separations"][0]["sources"]] == ["Ann Miller", "unknown"]
    assert document["music"] == [{"start_ms": 0, "end_ms": 900, "channel": 0}]
    assert document["degraded"][0]["shed"] == "interims"


def test_statistics_count_words_that_stand():
    summary = summarise(conversation(), 7000)
    assert summary.words == 11
    assert [(one.speaker_id, one.words, one.words_per_min) for one in summary.speakers] == [
        ("S1", 7, 140.0),
        ("S2", 4, 133.3),
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_a_call_without_words_can_be_had_in_every_form(name):
    assert isinstance(FORMATS[name].write(folded([(0, v1.CallStarted(call_id="c1"))])), str)


@pytest.mark.parametrize(("ms", "text"), [(0, "00:00.0"), (72_345, "01:12.3"), (3_672_345, "1:01:12.3")])
def test_stamps(ms, text):
    assert stamp(ms) == text
