"""How many people are expected on which channel: by which channels have voices, and by what is known in advance."""

import pytest

from speakerline.services.clustering.clusterer import CallClusterer
from speakerline.services.clustering.parties import Parties
from speakerline.services.clustering.partition import Limits
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.services.clustering.stored import dump, load
from speakerline.shared.contract.v1 import VoiceWindow
from tests.clustering.made_calls import calibration, conversation, dialogue, told

SETTINGS = ClusterSettings()
ONE_EACH = SETTINGS.for_typical(1)


@pytest.mark.parametrize(
    ("parties", "voiced", "expected"),
    [
        pytest.param(Parties(1), {0}, SETTINGS, id="one channel"),
        pytest.param(Parties(2), (), SETTINGS, id="two channels, nobody has spoken"),
        pytest.param(Parties(2), {1}, SETTINGS, id="two channels, one of them silent"),
        pytest.param(Parties(2), {0, 1}, ONE_EACH, id="two channels with voices"),
        pytest.param(Parties(2, separate=True), (), ONE_EACH, id="two parties, as the producer says"),
        pytest.param(Parties(1, separate=True), {0}, SETTINGS, id="one channel is no party of its own"),
    ],
)
def test_what_is_usual_on_a_channel(parties: Parties, voiced: set[int], expected: ClusterSettings) -> None:
    assert parties.settings(SETTINGS, voiced) == expected


def apart(channel: int, people: int) -> float:
    """Channel 1 has two who sound unlike, and a third; channel 0 has perhaps two."""
    return {(1, 1): 9.0, (1, 2): 2.0, (0, 1): 3.0}.get((channel, people), -9.0)


@pytest.mark.parametrize(
    ("people", "shares"),
    [(1, (1, 1)), (2, (1, 1)), (3, (1, 2)), (4, (2, 2)), (5, (2, 3))],
)
def test_known_people_go_where_they_are_told_apart_best(people: int, shares: tuple[int, int]) -> None:
    for parties, limits in (
        (Parties(2, expected=people), [Limits(share) for share in shares]),
        (Parties(2, maximum=people), [Limits(None, share) for share in shares]),
    ):
        assert [parties.limits(channel, {0, 1}, apart) for channel in (0, 1)] == limits


def test_where_channels_are_alike_the_first_has_one_more() -> None:
    limits = [Parties(2, expected=3).limits(channel, {0, 1}, lambda *_: 1.0) for channel in (0, 1)]
    assert limits == [Limits(2), Limits(1)]


def test_all_known_people_are_on_the_only_channel_with_voices() -> None:
    assert Parties(2, expected=3).limits(1, {1}, apart) == Limits(3)
    assert Parties(2, separate=True, expected=3).limits(1, {1}, apart) == Limits(2)


@pytest.mark.parametrize(
    ("parties", "counted"),
    [
        pytest.param(Parties(2, expected=2), True, id="so many on both channels"),
        pytest.param(Parties(2, maximum=3), True, id="at most so many on both"),
        pytest.param(Parties(1, expected=2), False, id="all are on the only channel"),
        pytest.param(Parties(2), False, id="nothing is known"),
    ],
)
def test_a_known_number_is_shared_out_among_several_channels(parties: Parties, counted: bool) -> None:
    assert parties.counted == counted


@pytest.mark.parametrize(("lone_ms", "voiced"), [(999, set()), (1000, {1})])
def test_a_channel_with_a_second_of_lone_speech_has_a_voice(lone_ms: int, voiced: set[int]) -> None:
    clusterer = CallClusterer(calibration(), channels=2)
    for window in conversation([(1, 0, lone_ms)], 2000, 1):
        clusterer.push(window)
    assert clusterer.voiced == voiced


def played(clusterer: CallClusterer, windows: list[VoiceWindow], restored: bool = False) -> list[str]:
    said: list[str] = []
    for window in sorted(windows, key=lambda one: (one.end_ms, one.channel)):
        said += told(clusterer.push(window))
        if restored:
            parts, parties = dump(clusterer), clusterer.parties
            clusterer = CallClusterer(calibration(), None, parties.expected, parties.maximum, channels=parties.channels)
            load(clusterer, parts)
    return said + told(clusterer.finish())


CONFERENCE = conversation(dialogue(40_000, (1, 1.45)), 40_000, 0, noise=0.03)
"""Two who sound so alike that only who expects two tells them apart."""


def test_a_silent_side_changes_nothing_about_the_other() -> None:
    alone = played(CallClusterer(calibration()), CONFERENCE)
    assert "S2 created" in alone
    assert played(CallClusterer(calibration(), channels=2), CONFERENCE) == alone


def test_a_party_that_speaks_up_late_makes_both_sides_parties() -> None:
    late = [one for one in conversation(dialogue(60_000, (4,)), 60_000, 1) if one.start_ms >= 41_000]
    both = CallClusterer(calibration(), channels=2)
    played(both, CONFERENCE + late)
    assert both.voiced == {0, 1}
    assert {number: one.settings for number, one in both.channels.items()} == {0: ONE_EACH, 1: ONE_EACH}


def test_a_known_number_is_shared_alike_after_restore_at_every_point() -> None:
    windows = conversation(dialogue(60_000, (1, 2, 3)), 60_000, 0) + conversation(dialogue(60_000, (4,)), 60_000, 1)
    plain = played(CallClusterer(calibration(), None, 4, channels=2), windows)
    assert played(CallClusterer(calibration(), None, 4, channels=2), windows, restored=True) == plain
    assert sum(line.endswith("created") for line in plain) - sum("merged" in line for line in plain) == 4
