"""Files of a call."""

import json

from speakerline.shared.contract import v1
from speakerline.shared.timeline.export import to_json, to_rttm
from tests.timeline.events import folded, talk, turn


def test_rttm_has_ten_fields_and_people_by_name():
    named = (0, v1.SpeakerNamed(speaker_id="S1", name="Ada Lovelace"))
    text = to_rttm(folded([named, *talk(("S1", 1500, 2750), ("", 3000, 4000), ("S2", 0, 400))]))
    assert text.splitlines() == [
        "SPEAKER c1 1 0.000 0.400 <NA> <NA> S2 0.90 <NA>",
        "SPEAKER c1 1 1.500 1.250 <NA> <NA> Ada_Lovelace 0.90 <NA>",
        "SPEAKER c1 1 3.000 1.000 <NA> <NA> unknown 0.90 <NA>",
    ]


def test_rttm_joins_turns_of_one_person_that_overlap_and_leaves_out_empty_ones():
    merged = (0, v1.SpeakerMerged(speaker_id="S2", into_speaker_id="S1"))
    turns = [
        (0, turn("t1", "S1", 0, 2000, channel=1)),
        (0, turn("t2", "S2", 1000, 3000, confidence=0.0, channel=1)),
        (0, turn("t3", "S1", 5000, 5000, channel=1)),
    ]
    assert to_rttm(folded([merged, *turns])) == "SPEAKER c1 2 0.000 3.000 <NA> <NA> S1 <NA> <NA>\n"


def test_the_document_tells_the_call_while_it_runs():
    marks = [
        (0, v1.CallStarted(call_id="c1", sample_rate=8000, metadata={"queue": "sales"})),
        (0, v1.SpeakerCreated(speaker_id="S1")),
        (9, v1.Overlap(overlap_id="o1", start_ms=1, end_ms=5, voices=2)),
        (9, v1.Gap(start_ms=5, end_ms=9, reason=v1.GapReason.LOST, stage="vad")),
    ]
    document = json.loads(to_json(folded([*marks, (900, turn("t1", "S1", 0, 900, provisional=True))]), 2000))
    assert document["call"]["metadata"] == {"queue": "sales"}
    assert document["turns"][0]["speaker"] == "S1"
    assert document["turns"][0]["settled"] is False
    assert document["overlaps"][0]["voices"] == 2
    assert document["gaps"][0]["reason"] == "LOST"
    assert document["statistics"]["silence_ms"] == 1100
    assert document["statistics"]["speakers"][0]["talk_ms"] == 900
    assert (document["seq"], document["ended"]) == (5, False)
