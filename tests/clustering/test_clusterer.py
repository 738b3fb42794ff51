"""The clusterer as its caller sees it: windows in, changes out."""

import numpy as np
import pytest

from speakerline.services.clustering.clusterer import CallClusterer
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.services.clustering.stored import dump, load
from speakerline.shared.contract.v1 import (
    SpeakerCreated,
    SpeakerNamed,
    Turn,
    TurnBody,
    VoiceWindow,
)
from tests.clustering.made_calls import calibration, conversation, dialogue, of_speakers, person, turns_of


def run(clusterer: CallClusterer, windows: list[VoiceWindow]) -> list[list[TurnBody]]:
    return [*(clusterer.push(window) for window in windows), clusterer.finish()]


def speakers_at(turns: dict[str, Turn], at_ms: int) -> set[str]:
    return {turn.speaker_id for turn in turns.values() if turn.start_ms <= at_ms < turn.end_ms}


def test_two_people_who_take_turns_are_two_speakers() -> None:
    turns = turns_of(run(CallClusterer(calibration()), conversation(dialogue(40_000), 40_000)))
    assert {turn.speaker_id for turn in turns.values()} == {"S1", "S2"}
    assert speakers_at(turns, 1500) == {"S1"} and speakers_at(turns, 4500) == {"S2"}
    assert not any(turn.provisional for turn in turns.values())


def test_one_person_is_one_speaker() -> None:
    turns = turns_of(run(CallClusterer(calibration()), conversation(dialogue(40_000, (1,)), 40_000)))
    assert {turn.speaker_id for turn in turns.values()} == {"S1"}


def test_a_speaker_is_shown_within_a_second_of_enough_speech() -> None:
    clusterer = CallClusterer(calibration())
    first = clusterer.push(conversation([(1, 100, 9000)], 1000)[0])
    assert any(isinstance(change, SpeakerCreated) for change in first)
    assert any(isinstance(change, Turn) and change.speaker_id == "S1" and change.provisional for change in first)


def test_too_little_speech_stays_unknown() -> None:
    turns = turns_of(run(CallClusterer(calibration()), conversation([(1, 500, 900)], 1000)))
    assert [turn.speaker_id for turn in turns.values()] == [""]


def test_overlapping_speech_gives_turns_of_both() -> None:
    said = [*dialogue(30_000), (1, 21_500, 23_500)]
    turns = turns_of(run(CallClusterer(calibration()), conversation(sorted(said, key=lambda t: t[1]), 30_000)))
    assert speakers_at(turns, 22_500) == {"S1", "S2"}


def test_channels_never_share_a_speaker() -> None:
    both = conversation(dialogue(30_000, (1,)), 30_000, 0) + conversation(dialogue(30_000, (1,)), 30_000, 1)
    both.sort(key=lambda window: (window.end_ms, window.channel))
    turns = turns_of(run(CallClusterer(calibration(), channels=2), both))
    assert {(turn.channel, turn.speaker_id) for turn in turns.values()} == {(0, "S1"), (1, "S2")}


@pytest.mark.parametrize("people", [1, 2, 3], ids=["one is expected", "two are expected", "three are expected"])
def test_the_expected_number_of_speakers_comes_out(people: int) -> None:
    windows = conversation(dialogue(60_000, (1, 2, 3)), 60_000)
    turns = turns_of(run(CallClusterer(calibration(), expected_speakers=people), windows))
    assert len({turn.speaker_id for turn in turns.values()} - {""}) == people


def test_no_more_than_the_maximum_of_speakers() -> None:
    windows = conversation(dialogue(60_000, (1, 2, 3)), 60_000)
    turns = turns_of(run(CallClusterer(calibration(), max_speakers=2), windows))
    assert len({turn.speaker_id for turn in turns.values()}) <= 2


@pytest.mark.parametrize(
    ("expected", "maximum", "count"),
    [(None, None, 2), (None, 3, 3), (3, None, 3)],
    ids=["nothing", "at most three", "three"],
)
def test_the_usual_limit_holds_for_calls_that_say_nothing(
    expected: int | None, maximum: int | None, count: int
) -> None:
    windows = conversation(dialogue(60_000, (1, 2, 3)), 60_000)
    turns = turns_of(run(CallClusterer(calibration(), ClusterSettings(max_speakers=2), expected, maximum), windows))
    assert len({turn.speaker_id for turn in turns.values()}) == count


@pytest.mark.parametrize(
    ("expected", "maximum", "count"),
    [(2, None, 2), (3, None, 3), (None, 2, 2), (None, 3, 3)],
    ids=["two of both", "three of both", "at most two of both", "at most three of both"],
)
def test_every_channel_of_several_has_somebody(expected: int | None, maximum: int | None, count: int) -> None:
    both = conversation(dialogue(60_000, (1, 2, 3)), 60_000, 0) + conversation(dialogue(60_000, (4, 5, 6)), 60_000, 1)
    both.sort(key=lambda window: (window.end_ms, window.channel))
    turns = turns_of(run(CallClusterer(calibration(), None, expected, maximum, channels=2), both))
    assert len({turn.speaker_id for turn in turns.values()} - {""}) == count


def test_turns_of_all_channels_are_numbered_together() -> None:
    both = conversation(dialogue(20_000, (1,)), 20_000, 0) + conversation(dialogue(20_000, (1,)), 20_000, 1)
    both.sort(key=lambda window: (window.end_ms, window.channel))
    turns = turns_of(run(CallClusterer(calibration(), channels=2), both))
    assert sorted(turns, key=lambda name: int(name[1:])) == [f"T{number}" for number in range(1, 15)]
    assert {turn.channel for turn in turns.values() if turn.start_ms == 200} == {0, 1}


@pytest.mark.parametrize(("end_ms", "provisional"), [(14_000, True), (15_000, False)])
def test_a_turn_is_provisional_until_some_seconds_after_its_end(end_ms: int, provisional: bool) -> None:
    clusterer, standing = CallClusterer(calibration()), {}
    for window in conversation([(1, 0, 10_000), (1, 11_000, 20_000)], end_ms):
        for change in clusterer.push(window):
            if isinstance(change, Turn):
                standing[change.turn_id] = change
    assert (standing["T1"].end_ms, standing["T1"].provisional) == (10_000, provisional)
    assert standing["T2"].provisional


def test_a_speaker_is_named_after_some_seconds_of_speech() -> None:
    clusterer, found = CallClusterer(calibration(), known_voices={"Ada": person(1).astype(np.float32)}), {}
    for window in conversation([(1, 0, 8_000)], 8_000):
        found[window.end_ms] = [text for text in of_speakers(clusterer.push(window)) if "Ada" in text]
    assert {at: texts for at, texts in found.items() if texts} == {3_000: ["S1 is Ada"]}


def test_a_name_is_taken_back_when_the_speaker_turns_out_to_be_somebody_else() -> None:
    said = [(1, 0, 4_000), *((2, start, start + 4_500) for start in range(4_000, 40_000, 5_000))]
    clusterer = CallClusterer(
        calibration(), ClusterSettings(max_speakers=1), known_voices={"Ada": person(1).astype(np.float32)}
    )
    found = [text for window in conversation(said, 40_000) for text in of_speakers(clusterer.push(window))]
    assert found == ["S1 created", "S1 is Ada", "S1 is "]


def test_how_far_turns_are_final_is_how_far_every_channel_has_settled() -> None:
    clusterer = CallClusterer(calibration(), ClusterSettings(horizon_ms=60_000), channels=2)
    assert clusterer.finalized_through_ms == 0
    first = conversation([(1, 0, 100_000)], 100_000, 0)
    for window in first:
        clusterer.push(window)
    assert clusterer.finalized_through_ms == 32_000 - clusterer.settings.gap_ms
    for window in conversation([(1, 0, 80_000)], 80_000, 1):
        clusterer.push(window)
    assert clusterer.finalized_through_ms == 16_000 - clusterer.settings.gap_ms
    clusterer.finish()
    assert clusterer.finalized_through_ms == 100_000


def test_a_call_without_speech_ends_at_its_beginning() -> None:
    clusterer = CallClusterer(calibration())
    assert (clusterer.finish(), clusterer.finalized_through_ms) == ([], 0)


def test_an_enrolled_voice_is_named_and_a_stranger_is_not() -> None:
    known = {"Ada": person(1).astype(np.float32), "Grace": person(9).astype(np.float32)}
    clusterer = CallClusterer(calibration(), known_voices=known)
    changes = run(clusterer, conversation(dialogue(40_000), 40_000))
    named = [change for step in changes for change in step if isinstance(change, SpeakerNamed)]
    assert [(change.speaker_id, change.name) for change in named] == [("S1", "Ada")]
    assert 0.8 <= named[0].confidence <= 1


def test_the_same_windows_give_the_same_changes_after_restore_at_every_point() -> None:
    settings = ClusterSettings(horizon_ms=60_000)
    windows = conversation(dialogue(150_000), 150_000, noise=0.05)
    whole = run(CallClusterer(calibration(), settings), windows)
    clusterer = CallClusterer(calibration(), settings)
    for at, window in enumerate(windows):
        copy = CallClusterer(calibration(), settings)
        if at:
            load(copy, dump(clusterer))
            assert dump(copy) == dump(clusterer)
        clusterer = copy
        assert clusterer.push(window) == whole[at], f"differs at window {at}"
    copy = CallClusterer(calibration(), settings)
    load(copy, dump(clusterer))
    assert copy.finish() == whole[-1]


def test_a_step_rewrites_little_however_long_the_call() -> None:
    clusterer = CallClusterer(calibration(), ClusterSettings(horizon_ms=60_000))
    before: dict[str, bytes] = {}
    written, sizes = [], []
    for window in conversation(dialogue(300_000), 300_000):
        clusterer.push(window)
        parts = dump(clusterer)
        written.append(sum(len(data) for name, data in parts.items() if before.get(name) != data))
        sizes.append(sum(map(len, parts.values())))
        before = parts
    assert max(sizes[200:]) <= 1.1 * max(sizes[100:200])
    assert np.median(written[200:]) < 0.6 * np.median(sizes[200:])


def test_what_left_the_horizon_is_final() -> None:
    clusterer = CallClusterer(calibration(), ClusterSettings(horizon_ms=60_000))
    for window in conversation(dialogue(200_000), 200_000, noise=0.05):
        edge_ms = clusterer.finalized_through_ms
        for change in clusterer.push(window):
            if isinstance(change, Turn):
                assert change.end_ms > edge_ms or not change.provisional
    assert 100_000 < clusterer.finalized_through_ms < 160_000
    for change in clusterer.finish():
        assert not isinstance(change, Turn) or change.end_ms > 100_000
    assert clusterer.finalized_through_ms == 200_000


def test_a_monologue_over_the_horizon_stays_one_turn() -> None:
    clusterer = CallClusterer(calibration(), ClusterSettings(horizon_ms=60_000))
    turns = turns_of(run(clusterer, conversation([(1, 100, 200_000)], 200_000)))
    assert [(turn.turn_id, turn.start_ms, turn.end_ms) for turn in turns.values()] == [("T1", 100, 200_000)]


def test_the_end_is_told_channel_by_channel_whichever_spoke_first() -> None:
    clusterer = CallClusterer(calibration(), channels=2)
    for channel in (1, 0):
        for window in conversation([(channel + 1, 200, 4000)], 4000, channel):
            clusterer.push(window)
    assert [change.channel for change in clusterer.finish() if isinstance(change, Turn)] == [0, 1]
