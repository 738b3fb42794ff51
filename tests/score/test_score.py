"""Scores of hand-made calls whose figures are known."""

import json
from typing import Any

import pytest

from speakerline.shared import codec
from speakerline.shared.contract import v1
from speakerline.shared.pipeline import TIMELINE
from speakerline.shared.timeline.export import to_rttm
from speakerline.tools.score.boundaries import Spread
from speakerline.tools.score.files import InvalidFile, of_call, read_events, read_rttm, read_uem
from speakerline.tools.score.report import Report
from speakerline.tools.score.score import score, score_files
from tests.timeline.events import SAMPLE, folded, numbered, talk, turn

AT_ONCE = {"ann": [(0, 10_000)], "bob": [(10_000, 20_000)]}


def scored(reference, bodies, uem=None) -> Report:
    return score(reference, numbered(bodies), uem)


def test_labels_that_are_right_at_once_score_zero():
    report = scored(AT_ONCE, talk(("S1", 0, 10_000), ("S2", 10_000, 20_000)))
    assert [error.der for error in report.final.errors] == [0, 0, 0]
    assert (report.jer, report.final.attribution, report.speaker_count_error) == (0, 1, 0)
    assert report.boundary_ms == Spread(4, 0, 0, 0)
    assert report.label_changes_per_min == 0
    assert report.relabelled_s_per_min == 0


def test_missed_false_alarm_and_confusion_are_told_apart():
    # 10 to 12 s is missed, 18 to 20 s is given to ann, 20 to 21 s is nobody's speech.
    bodies = talk(("S1", 0, 10_000), ("S2", 12_000, 18_000), ("S1", 18_000, 21_000))
    report = scored(AT_ONCE, bodies)
    strict = report.final.errors[0]
    assert strict.speech_s == pytest.approx(20)
    assert (strict.missed_s, strict.false_alarm_s, strict.confusion_s) == pytest.approx((2, 1, 2))
    assert strict.der == pytest.approx(5 / 20)
    assert report.final.attribution == pytest.approx(16 / 18)
    lenient = report.final.errors[1]
    assert lenient.speech_s == pytest.approx(20 - 0.25 * 4)
    assert (lenient.missed_s, lenient.false_alarm_s, lenient.confusion_s) == pytest.approx((1.75, 0.75, 1.75))


def test_jaccard_weighs_speakers_alike():
    report = scored({"ann": [(0, 9000)], "bob": [(9000, 10_000)]}, talk(("S1", 0, 10_000)))
    assert report.jer == pytest.approx((1000 / 10_000 + 1) / 2)


def test_without_overlap_what_two_say_at_once_does_not_count():
    reference = {"ann": [(0, 10_000)], "bob": [(5000, 20_000)]}
    strict, _, easy = scored(reference, talk(("S1", 0, 10_000), ("S2", 10_000, 20_000))).final.errors
    assert strict.missed_s == pytest.approx(5)
    assert easy.der == 0


def test_only_the_scored_stretches_count():
    report = scored(AT_ONCE, talk(("S1", 0, 8000), ("S2", 10_000, 20_000)), uem=[(0, 5000), (12_000, 15_000)])
    assert report.scored_s == 8
    assert report.final.errors[0].der == 0
    assert report.boundary_ms.count == 1


def test_a_turn_without_a_speaker_is_missed_speech():
    report = scored({"ann": [(0, 10_000)]}, talk(("S1", 0, 5000), ("", 5000, 10_000)))
    assert report.final.errors[0].missed_s == pytest.approx(5)
    assert report.found_speakers == 1


def test_a_speaker_too_many():
    report = scored(AT_ONCE, talk(("S1", 0, 10_000), ("S2", 10_000, 15_000), ("S3", 15_000, 20_000)))
    assert (report.reference_speakers, report.found_speakers, report.speaker_count_error) == (2, 3, 1)


def test_boundaries_are_measured_to_the_nearest_of_the_same_side_of_the_mapped_speaker():
    reference = {"ann": [(1000, 4000), (10_000, 14_000)], "bob": [(4000, 5000)]}
    report = scored(reference, talk(("S1", 1100, 3700), ("S1", 10_050, 14_000)))
    assert report.boundary_ms.count == 4
    assert report.boundary_ms.missing == 2
    assert report.boundary_ms.median == pytest.approx((50 + 100) / 2)


LATE = [
    # One turn of ann, 0 to 10 s: shown without a speaker at 2 s, as S2 at 4 s, rightly at 8 s, whole at 10 s.
    (2000, turn("t1", "", 0, 2000)),
    (4000, turn("t1", "S2", 0, 4000, revision=2)),
    (8000, turn("t1", "S1", 0, 8000, revision=3)),
    (10_000, turn("t1", "S1", 0, 10_000, revision=4)),
]


def test_live_labels_are_those_shown_when_the_delay_had_passed():
    reference = {"ann": [(0, 10_000)]}
    report = scored(reference, LATE)
    live = {one.after_s: one.errors[0] for one in report.live}
    # After 1 s: at 1+t the picture of 8 s shows 7 to 8 s, that of 10 s shows 9 to 10 s; 4 s shows 3 to 4 s as S2.
    assert live[1.0].correct_s == pytest.approx(2)
    assert live[1.0].confusion_s == pytest.approx(1)
    assert live[1.0].missed_s == pytest.approx(7)
    # After 5 s: the picture of 4 s shows 0 to 3 s, that of 8 s the audio from 3 to 5 s, that of 10 s all from 5 s.
    assert live[5.0].correct_s == pytest.approx(7)
    assert live[5.0].confusion_s == pytest.approx(3)


def test_a_change_is_audio_that_moves_from_one_speaker_to_another():
    report = scored({"ann": [(0, 10_000)]}, LATE)
    assert report.label_changes_per_min == pytest.approx(6)
    assert report.relabelled_s_per_min == pytest.approx(4 * 6)


def test_a_merge_moves_what_the_merged_speaker_said():
    bodies = [*talk(("S1", 0, 4000), ("S2", 4000, 10_000))]
    bodies.append((20_000, v1.SpeakerMerged(speaker_id="S2", into_speaker_id="S1")))
    report = scored({"ann": [(0, 10_000)]}, bodies)
    assert report.final.errors[0].der == 0
    assert report.relabelled_s_per_min == pytest.approx(6 * 3)
    assert report.live[2].errors[0].confusion_s == pytest.approx(4)


def test_a_withdrawn_turn_is_shown_until_it_is_withdrawn():
    bodies: list[tuple[int, Any]] = [(2000, turn("t1", "S1", 0, 2000)), (2000, turn("t2", "S1", 6000, 7000))]
    bodies.append((9000, v1.TurnWithdrawn(turn_id="t2", revision=2)))
    report = scored({"ann": [(0, 2000)]}, bodies)
    false_alarms = [one.errors[0].false_alarm_s for one in (report.final, *report.live)]
    assert false_alarms == pytest.approx([0, 1, 1, 0])
    assert report.label_changes_per_min == 0


def test_the_first_right_label_is_timed_from_the_start_of_the_turn():
    bodies = [
        (1500, turn("t1", "S1", 0, 1500)),
        (6000, turn("t2", "S1", 5000, 6000)),
        (6700, turn("t2", "S2", 5000, 6700, revision=2)),
        (9000, turn("t3", "S1", 8000, 9000)),
    ]
    reference = {"ann": [(0, 2000)], "bob": [(5000, 7000), (8000, 9000)]}
    report = scored(reference, bodies)
    assert report.speaker_known_s == {"ann": 1.5, "bob": 1.7}
    assert report.first_label_s.median == pytest.approx((1.5 + 1.7) / 2)
    assert (report.first_label_s.count, report.first_label_s.missing) == (2, 1)


def test_a_reference_without_speech_is_refused():
    with pytest.raises(ValueError, match="no reference speech within the 1 scored regions"):
        scored(AT_ONCE, talk(("S1", 0, 1000)), uem=[(30_000, 40_000)])


def test_a_call_without_a_single_turn_misses_everything():
    report = scored(AT_ONCE, [(0, v1.CallStarted(call_id="c1"))])
    assert report.final.errors[0].der == 1
    assert report.first_label_s == Spread(0, 2, None, None)
    assert "none of 4" in report.to_text()


@pytest.fixture
def files(tmp_path):
    """The sample call: a reference, and the same turns as events."""
    bodies = talk(*SAMPLE)
    (tmp_path / "c1.events.jsonl").write_bytes(
        b"".join(codec.write(TIMELINE, event) + b"\n" for event in numbered(bodies))
    )
    (tmp_path / "c1.rttm").write_text(to_rttm(folded(bodies)))
    (tmp_path / "c1.uem").write_text("c1 1 0.000 30.000\n")
    return tmp_path


def test_files_are_read_and_the_report_is_written(files):
    report = score_files(files / "c1.rttm", files / "c1.events.jsonl", files / "c1.uem")
    assert report.final.errors[0].der == 0
    document = json.loads(report.to_json())
    assert document["final"]["errors"][0]["convention"] == {"collar_ms": 0, "overlap": True}
    assert [one["after_s"] for one in document["live"]] == [1.0, 2.0, 5.0]
    text = report.to_text()
    assert "+-0.25 s, without overlap" in text
    assert max(len(line) for line in text.splitlines()) <= 100


@pytest.mark.parametrize(
    ("name", "text", "reader", "problem"),
    [
        pytest.param("a.rttm", "SPEAKER x 1 0.0\n", read_rttm, "a.rttm line 1: 4 fields", id="a short RTTM line"),
        pytest.param(
            "a.rttm", "\nSPEAKER x 1 0.0 y <NA> <NA> A\n", read_rttm, "line 2: 'y' is not a time", id="no number"
        ),
        pytest.param(
            "a.rttm", "x 1 A 0.0 1.0 hello\n", read_rttm, "a.rttm: no line begins with SPEAKER", id="an STM as RTTM"
        ),
        pytest.param("a.uem", "x 1 0\n", read_uem, "expected 4: file channel start end", id="a short UEM line"),
        pytest.param("a.jsonl", "{}\nno\n", read_events, "a.jsonl line 2", id="a line that is no event"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path, name, text, reader, problem):
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidFile, match=problem):
        reader(tmp_path / name)


@pytest.mark.parametrize("reader", [read_rttm, read_uem, read_events])
def test_a_file_that_is_not_there_is_named(tmp_path, reader):
    with pytest.raises(InvalidFile, match=r"none.rttm: No such file or directory, expected a file that can be read"):
        reader(tmp_path / "none.rttm")


EVENT = '{"call_id":"%s","seq":%d,"call_summary":{"duration_ms":4000}}\n'
TWO = EVENT % ("a", 1) + EVENT % ("a", 2)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TWO.encode("utf-8-sig"), id="with a mark"),
        pytest.param(TWO.encode("utf-16"), id="in UTF-16, as PowerShell writes it"),
        pytest.param(TWO.replace("\n", "\r\n").encode(), id="with lines of Windows"),
        pytest.param(TWO.replace("\n", "\n\n").encode(), id="with empty lines"),
        pytest.param(TWO.encode() + b'{"call_id":"a"', id="cut in the middle of a line"),
        pytest.param(TWO.encode() + b'{"call_id":"a"\n\n', id="cut in the middle of a line that was ended"),
    ],
)
def test_events_are_read_as_programs_leave_them(tmp_path, content):
    (tmp_path / "a.jsonl").write_bytes(content)
    assert [event.seq for event in read_events(tmp_path / "a.jsonl")] == [1, 2]


def test_events_of_several_calls_are_refused(tmp_path):
    (tmp_path / "all.jsonl").write_text(TWO + EVENT % ("b", 1))
    with pytest.raises(InvalidFile, match=r"all.jsonl line 3: an event of call 'b' among those of 'a', expected one"):
        read_events(tmp_path / "all.jsonl")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_a_reference_is_read_as_programs_leave_it(tmp_path, encoding):
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    text = f"{mark}  ;; of Ännchen\r\n\tSPEAKER\tx\t1 0.5 1.0 <NA> <NA> Ännchen <NA>\r\n # the end\r\n"
    (tmp_path / "a.rttm").write_bytes(text.encode(encoding))
    assert read_rttm(tmp_path / "a.rttm") == {"x": {"Ännchen": [(500, 1500)]}}


def test_a_reference_of_several_calls_needs_this_one(tmp_path):
    found = {"a": 1, "b": 2}
    assert of_call(tmp_path / "r.rttm", found, "b") == 2
    with pytest.raises(InvalidFile, match=r"r.rttm holds a, b: expected one file only, or c1"):
        of_call(tmp_path / "r.rttm", found, "c1")
