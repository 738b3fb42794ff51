"""What an operator says of the speakers of a call: it holds for the past and the rest, until it is taken back."""

import pytest

from speakerline.services.clustering.clusterer import CallClusterer
from speakerline.services.clustering.correcting import correct
from speakerline.services.clustering.stage import ClusteringStage
from speakerline.shared.contract.v1 import (
    AssignRole,
    AudioEnded,
    CallStarted,
    Correction,
    Encoding,
    EndReason,
    MergeSpeakers,
    NameSpeaker,
    ReassignTurn,
    SpeakerRole,
    Speech,
    SpeechState,
    SplitSpeaker,
    Undo,
    VoiceWindow,
)
from speakerline.shared.pipeline import CLUSTERING, OPERATOR, SPEECH, VOICES
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.recording import Recording
from speakerline.shared.runtime.stage import Event
from tests.clustering.corrected_call import MERGE, SHORT, Call, refusal
from tests.clustering.made_calls import calibration, conversation, dialogue, of_speakers
from tests.no_sound import NoSound


def test_a_merge_relabels_the_past_and_holds_for_the_rest_of_the_call() -> None:
    call = Call()
    call.hear(20_000)
    assert set(call.speakers) == {"S1", "S2"}
    told = call.say(MERGE)
    assert told[0] == MERGE and of_speakers(told) == ["S2 merged into S1"]
    assert set(call.speakers) == {"S1"}
    call.hear(60_000)
    call.finish()
    assert set(call.speakers) == {"S1"}
    assert of_speakers(call.changes)[-1] == "S2 merged into S1", "nobody else is found or lost"


def test_a_third_person_is_still_found_after_a_merge() -> None:
    call = Call((1, 2, 3))
    call.windows = conversation(
        dialogue(30_000, (1, 2))
        + [
            (3 if at % 2 else 1, start + 30_000, end + 30_000)
            for at, (_, start, end) in enumerate(dialogue(30_000, (1, 2)))
        ],
        60_000,
    )
    call.hear(30_000)
    call.say(MERGE)
    call.hear(60_000)
    call.finish()
    assert set(call.speakers) == {"S1", "S3"}
    assert call.turn_at(34_000).speaker_id == "S3"


def test_taking_a_merge_back_leaves_everything_as_it_was() -> None:
    call, other = Call(), Call()
    for one in (call, other):
        one.hear(20_000)
    call.say(MERGE)
    told = call.say(Correction("undo", undo=Undo("merge")))
    assert of_speakers(told) == ["S2 split from S1"]
    for one in (call, other):
        one.hear(60_000)
        one.finish()
    assert [(one.speaker_id, one.start_ms, one.end_ms) for one in call.turns] == [
        (one.speaker_id, one.start_ms, one.end_ms) for one in other.turns
    ]


def test_a_merge_that_is_taken_back_much_later_gives_each_its_turns_back() -> None:
    """Later than a speaker without speech is merged for good."""
    call = Call(end_ms=70_000)
    call.hear(20_000)
    call.say(MERGE)
    call.hear(60_000)
    assert of_speakers(call.changes).count("S2 merged into S1") == 1
    call.say(Correction("undo", undo=Undo("merge")))
    call.hear(70_000)
    call.finish()
    assert call.speakers == ["S1", "S2"] * (len(call.speakers) // 2) + ["S1"] * (len(call.speakers) % 2)


def test_who_was_split_off_again_stays_another_even_with_a_like_voice() -> None:
    call = Call((1, 1.2), end_ms=50_000)
    call.hear(10_000)
    assert set(call.speakers) == {"S1"}, "the voices are too alike to be told apart"
    call.reassign(4000, "")
    assert call.turn_at(4000).speaker_id == "S2"
    call.say(MERGE)
    assert set(call.speakers) == {"S1"}
    assert of_speakers(call.say(Correction("split", split_speaker=SplitSpeaker("S2")))) == ["S2 split from S1"]
    call.hear(50_000)
    call.finish()
    assert call.turn_at(4000).speaker_id == "S2"


def test_a_name_goes_before_an_enrolled_one_and_follows_a_merge() -> None:
    call = Call(Ada=1, Bo=2)
    call.hear(20_000)
    assert {"S1 is Ada", "S2 is Bo"} <= set(of_speakers(call.changes))
    assert of_speakers(call.say(Correction("n", name_speaker=NameSpeaker("S1", "Ann")))) == ["S1 is ", "S1 is Ann"]
    assert of_speakers(call.say(Correction("m", name_speaker=NameSpeaker("S2", "")))) == ["S2 is "]
    call.hear(40_000)
    assert of_speakers(call.say(Correction("u", undo=Undo("n")))) == ["S1 is ", "S1 is Ada"]
    assert of_speakers(call.say(Correction("v", undo=Undo("m")))) == ["S2 is Bo"]


def test_an_enrolled_name_that_an_operator_gave_is_nobody_elses() -> None:
    call = Call(Ada=2)
    call.hear(20_000)
    told = call.say(Correction("n", name_speaker=NameSpeaker("S1", "Ada")))
    assert of_speakers(told) == ["S2 is ", "S1 is Ada"]
    call.hear(60_000)
    assert "S2 is Ada" not in of_speakers(call.changes[call.changes.index(told[0]) :])


def test_people_with_names_stay_apart_though_their_voices_are_alike() -> None:
    def heard(named: bool) -> Call:
        call = Call((1, 1.3), end_ms=50_000)
        call.hear(12_000)
        call.reassign(4000, "")
        if named:
            call.say(Correction("a", name_speaker=NameSpeaker("S1", "Ann")))
            call.say(Correction("b", name_speaker=NameSpeaker("S2", "Bea")))
        call.say(Correction("u", undo=Undo("turn")))
        call.hear(50_000)
        call.finish()
        return call

    assert set(heard(named=False).speakers) == {"S1"}
    assert set(heard(named=True).speakers) == {"S1", "S2"}


def test_a_role_is_told_and_taken_back() -> None:
    call = Call()
    call.hear(10_000)
    assert call.say(Correction("r", assign_role=AssignRole("S2", "agent")))[1:] == [SpeakerRole("S2", "agent")]
    merged = [one for one in call.say(MERGE) if isinstance(one, SpeakerRole)]
    assert merged == [SpeakerRole("S1", "agent"), SpeakerRole("S2", "")], "it goes with whom the speaker is shown as"
    undone = [one for one in call.say(Correction("u", undo=Undo("merge"))) if isinstance(one, SpeakerRole)]
    assert undone == [SpeakerRole("S1", ""), SpeakerRole("S2", "agent")]
    assert call.say(Correction("v", undo=Undo("r")))[1:] == [SpeakerRole("S2", "")]


def test_who_was_spoken_of_is_never_merged_away() -> None:
    call = Call((1, 2), end_ms=120_000, settings=SHORT)
    call.windows = conversation([*dialogue(12_000), *dialogue(120_000, (1,))[4:]], 120_000)
    call.hear(12_000)
    call.say(Correction("b", name_speaker=NameSpeaker("S2", "Bea")))
    call.hear(120_000)
    call.finish()
    assert not any("merged" in one for one in of_speakers(call.changes))
    assert call.turn_at(4000).speaker_id == "S2"


def test_who_has_no_speech_any_more_is_not_merged_once_named() -> None:
    call = Call()
    call.hear(20_000)
    call.clusterer.channels[0].dormant[1] = (0, 20_000)
    call.say(Correction("b", name_speaker=NameSpeaker("S2", "Bea")))
    call.hear(60_000)
    assert not any("merged" in one for one in of_speakers(call.changes))


@pytest.mark.parametrize(("named", "speakers"), [(True, {"S1", "S2"}), (False, {"S1", ""})])
def test_who_was_named_stays_with_however_little_speech(named: bool, speakers: set[str]) -> None:
    """In a call of a minute and a half 1.2 s are too little for a person, as the last clustering sees it."""
    call = Call(end_ms=90_000)
    alone = [turn for turn in dialogue(90_000, (1,)) if not 9000 <= turn[1] < 12_500]
    call.windows = conversation([*alone, (2, 9500, 10_700)], 90_000)
    call.hear(20_000)
    assert set(call.speakers) == {"S1", "S2"}
    if named:
        call.say(Correction("b", name_speaker=NameSpeaker("S2", "Bea")))
    call.hear(90_000)
    call.finish()
    assert set(call.speakers) == speakers


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Correction("x", name_speaker=NameSpeaker("S3", "Ann")), "speaker 'S3': expected one of S1 to S2"),
        (Correction("x", name_speaker=NameSpeaker("", "Ann")), "speaker '': expected one of S1 to S2"),
        (Correction("x", merge_speakers=MergeSpeakers("S1", "S1")), "S1 is S1 already"),
        (Correction("x", split_speaker=SplitSpeaker("S2")), "S2: expected one whom an operator merged"),
        (Correction("x", undo=Undo("never")), "never: expected a correction that holds"),
        (Correction("x", undo=Undo("x")), "x: expected a correction that holds"),
        (
            Correction("x", reassign_turn=ReassignTurn("T1", "S2")),
            "0 to 0 ms of channel 0: expected the span of a turn",
        ),
        (
            Correction("x", reassign_turn=ReassignTurn("T1", "S1", "S1", 1, 0, 0, 900)),
            "T1 is S1's already",
        ),
        (Correction("x", reassign_turn=ReassignTurn("T1", "S1", "S2", 1, 7, 0, 900)), "0 to 900 ms of channel 7"),
        (
            Correction("x", reassign_turn=ReassignTurn("T1", "S3", "S1", 1, 0, 0, 900)),
            "speaker 'S3': expected one of S1 to S2",
        ),
        (Correction("x"), "no act: expected one of those of Correction"),
    ],
)
def test_what_cannot_be_is_told_with_the_reason_and_changes_nothing(said: Correction, why: str) -> None:
    call = Call()
    call.hear(10_000)
    assert why in refusal(call.say(said))
    assert call.clusterer.hand.given == []


def test_the_same_correction_again_is_none() -> None:
    call = Call()
    call.hear(10_000)
    assert call.say(MERGE) and call.say(MERGE) == []


def test_speakers_of_two_channels_are_two() -> None:
    clusterer = CallClusterer(calibration(), channels=2)
    for one, other in zip(
        conversation(dialogue(10_000, (1,)), 10_000),
        conversation(dialogue(10_000, (2,)), 10_000, channel=1),
        strict=True,
    ):
        clusterer.push(one)
        clusterer.push(other)
    assert "S2 is on channel 1 and S1 on channel 0" in refusal(correct(clusterer, MERGE, 10_000))
    turn = ReassignTurn("T1", "S2", "S1", 1, 0, 200, 2900)
    assert "S2 is on another channel" in refusal(correct(clusterer, Correction("t", reassign_turn=turn), 10_000))


async def test_the_stage_keeps_every_rule_with_corrections_among_its_inputs() -> None:
    windows = conversation(dialogue(30_000), 30_000)
    segments = [
        (SPEECH, at_ms, Speech(f"s{start}", 0, state, start, end))
        for _, start, end in dialogue(30_000)
        for state, at_ms in ((SpeechState.OPENED, start), (SpeechState.CLOSED, end))
    ]
    said = [
        (10_001, MERGE),
        (10_001, MERGE),
        (14_500, Correction("u", undo=Undo("merge"))),
        (20_001, Correction("t", reassign_turn=ReassignTurn("T5", "S2", "S1", 1, 0, 12_200, 14_900))),
        (20_001, Correction("n", name_speaker=NameSpeaker("S1", "Ann"))),
        (20_001, Correction("x", name_speaker=NameSpeaker("S7", "Ann"))),
        (25_700, Correction("o", reassign_turn=ReassignTurn("T6", "", "S2", 1, 0, 15_200, 17_900))),
    ]
    entries = [
        *(Event(*one) for one in segments),
        Event(SPEECH, 30_000, AudioEnded(30_000, EndReason.HANGUP)),
        *(Event(VOICES, window.end_ms, window) for window in windows),
        Event(VOICES, 30_100, VoiceWindow(0, 30_000, 30_000)),
        *(Event(OPERATOR, at_ms, correction) for at_ms, correction in said),
    ]
    call = CallStarted("c", 8000, Encoding.MULAW, 1)
    told = await check_stage(
        ClusteringStage(calibration()), CLUSTERING, Recording(call, entries, NoSound()), cuts=3, skips=8
    )
    corrections = [one for one in told["turns"] if " Correction " in one]
    assert len(corrections) == 6 and ["refused" in one for one in corrections] == [False] * 4 + [True, False]
