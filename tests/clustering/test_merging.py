"""Who turns out to be whom: merged into whom, when, how often told; and what becomes of what was theirs."""

from collections.abc import Sequence

import numpy as np
import pytest

from speakerline.services.clustering.channel import ChannelClusterer
from speakerline.services.clustering.clusterer import CallClusterer
from speakerline.services.clustering.roster import Roster
from speakerline.services.clustering.settings import ClusterSettings
from tests.clustering.made_calls import calibration, conversation, of_speakers, person, told

Said = Sequence[tuple[float, int, int]]

OTHERS_LAST = [(1.5, 24_000 + 10_000 * number, 28_000 + 10_000 * number) for number in range(6)]
"""A voice halfway between two people: with enough of it there is only one."""
FIRST_LONGER: Said = [(1, 0, 10_000), (2, 16_000, 18_000), *OTHERS_LAST]
SECOND_LONGER: Said = [(1, 0, 2_000), (2, 8_000, 18_000), *OTHERS_LAST]


def live(said: Said, end_ms: int, settings: ClusterSettings | None = None) -> dict[int, list[str]]:
    """What is told of speakers, by the end of the window after which it is told; -1: in the final pass."""
    clusterer = CallClusterer(calibration(), settings)
    found = {window.end_ms: of_speakers(clusterer.push(window)) for window in conversation(said, end_ms)}
    return {at: texts for at, texts in {**found, -1: of_speakers(clusterer.finish())}.items() if texts}


def test_in_the_end_a_voice_heard_for_a_moment_is_the_speaker_it_sounds_like() -> None:
    said = [(1, 0, 20_000), (2, 26_000, 27_300), (1, 33_000, 90_000)]
    assert live(said, 90_000) == {1000: ["S1 created"], 27_000: ["S2 created"], -1: ["S2 merged into S1"]}


@pytest.mark.parametrize("dormant_ms", [30_000, 10_000])
def test_a_speaker_who_is_another_is_merged_once_after_it_has_been_so_for_a_while(dormant_ms: int) -> None:
    found = live(FIRST_LONGER, 90_000, ClusterSettings(dormant_ms=dormant_ms))
    assert found == {1000: ["S1 created"], 17_000: ["S2 created"], 37_000 + dormant_ms: ["S2 merged into S1"]}


def test_the_speaker_who_spoke_longer_keeps_the_id() -> None:
    found = live(SECOND_LONGER, 50_000, ClusterSettings(dormant_ms=10_000))
    assert found == {1000: ["S1 created"], 9_000: ["S2 created"], 47_000: ["S1 merged into S2"]}


def test_who_was_merged_and_speaks_again_is_a_new_speaker_split_from_the_other() -> None:
    found = live(SECOND_LONGER, 60_000, ClusterSettings(dormant_ms=10_000))
    assert found[56_000] == ["S3 created", "S3 split from S2"]


def test_a_new_voice_is_split_from_nobody() -> None:
    said = [(1, 0, 8_000), (2, 9_000, 16_000), (5, 17_000, 24_000)]
    assert live(said, 24_000) == {1000: ["S1 created"], 10_000: ["S2 created"], 18_000: ["S3 created"]}


def test_the_end_merges_at_once() -> None:
    assert live(SECOND_LONGER, 40_000) == {1000: ["S1 created"], 9_000: ["S2 created"], -1: ["S1 merged into S2"]}


@pytest.mark.parametrize("voice", [1, 5], ids=["the voice itself", "a new voice"])
def test_an_id_that_was_not_merged_yet_is_given_again(voice: float) -> None:
    said = [*(one for one in SECOND_LONGER if one[1] < 44_000), (voice, 50_000, 56_000)]
    assert live(said, 60_000) == {1000: ["S1 created"], 9_000: ["S2 created"]}


def test_a_merged_speaker_has_no_turns_left() -> None:
    clusterer, turns = CallClusterer(calibration()), {}
    for window in conversation(FIRST_LONGER, 90_000):
        for text in told(clusterer.push(window)):
            turns[text.split(".")[0]] = text
        if window.end_ms == 18_000:
            assert " S2 16000-18000 " in turns["T2"]
    assert " S1 16000-18000 " in turns["T2"]
    assert not any(" S2 " in text for text in turns.values())


def channel_of(said: Said, end_ms: int, horizon_ms: int = 600_000) -> tuple[ChannelClusterer, Roster]:
    """A channel that heard all of this, and left what the horizon has passed."""
    clusterer = CallClusterer(calibration(), ClusterSettings(horizon_ms=horizon_ms))
    for window in conversation(said, end_ms):
        clusterer.push(window)
    return clusterer.channels[0], clusterer.roster


def test_whoever_is_part_of_one_who_is_part_of_another_is_merged_into_the_last() -> None:
    channel, roster = channel_of([(1, 0, 10_000)], 10_000)
    for _ in range(4):
        roster.create(0)
    roster.merge(4, 0)
    channel.dormant = {1: (2, 5_000), 2: (0, 6_000), 3: (4, 7_000)}
    merged = ["S2 merged into S1", "S3 merged into S1", "S4 merged into S1"]
    assert told(channel.divide(roster, final=True)) == merged
    assert channel.dormant == {}


def test_of_several_who_are_part_of_another_only_those_are_merged_who_have_been_for_long_enough() -> None:
    channel, roster = channel_of([(1, 0, 40_000)], 40_000)
    for _ in range(2):
        roster.create(0)
    channel.dormant = {1: (0, 10_000), 2: (0, 10_001)}
    assert told(channel.divide(roster, final=False)) == ["S2 merged into S1"]
    assert channel.dormant == {2: (0, 10_001)}


SETTLED: Said = [(1, 0, 20_000), (2, 26_000, 27_300), (1, 33_000, 140_000)]


def seconds_of(channel: ChannelClusterer) -> dict[int, float]:
    """Lone speech of each speaker as its voiceprints weigh."""
    return {speaker: round(float(np.linalg.norm(total)), 1) for speaker, total in channel.raw_means().items()}


def test_speech_weighs_by_its_seconds_whether_it_is_remembered_or_settled() -> None:
    clusterer = CallClusterer(calibration(), ClusterSettings(horizon_ms=60_000))
    for window in conversation(SETTLED, 140_000):
        clusterer.push(window)
        heard = {0: min(window.end_ms, 20_000) + max(0, window.end_ms - 33_000)}
        if window.end_ms > 26_000:
            heard[1] = min(window.end_ms - 26_000, 1_000)
        expected = {who: ms / 1000 for who, ms in heard.items()}
        assert seconds_of(clusterer.channels[0]) == pytest.approx(expected, abs=0.35, rel=0.005)
    settled = clusterer.channels[0].settled.sums
    assert {who: mass for who, (_, mass) in settled.items()} == pytest.approx({0: 47.0, 1: 1.0}, abs=16)
    for total, mass in settled.values():
        assert np.linalg.norm(total) == pytest.approx(mass, rel=0.01)


def test_what_settled_under_a_merged_speaker_is_its_heir_s() -> None:
    channel, roster = channel_of(SETTLED, 140_000, horizon_ms=60_000)
    before, weight = {who: mass for who, (_, mass) in channel.settled.sums.items()}, seconds_of(channel)
    channel.settled.carried = [(1, 70_000, 72_000), (0, 71_000, 72_000)]
    assert told(channel.divide(roster, final=True)) == ["S2 merged into S1"]
    ((_, (_, mass)),) = channel.settled.sums.items()
    assert mass == pytest.approx(before[0] + before[1])
    assert seconds_of(channel)[0] == pytest.approx(weight[0] + weight[1], abs=0.5)
    assert channel.settled.carried == [(0, 70_000, 72_000), (0, 71_000, 72_000)]


def test_what_settled_is_handed_over_to_an_heir_who_has_nothing_settled() -> None:
    channel, roster = channel_of([(1, 0, 10_000)], 10_000)
    roster.create(0)
    channel.people, channel.settled.sums = [0, 1], {1: (4 * person(1), 4.0)}
    assert told(channel.divide(roster, final=False)) == []
    assert channel.dormant == {1: (0, 10_000)}
    assert [(who, mass) for who, (_, mass) in channel.settled.sums.items()] == [(0, 4.0)]
    assert seconds_of(channel) == {0: pytest.approx(14.0, abs=0.1)}


def three_shown(third: int) -> tuple[ChannelClusterer, Roster]:
    """Two people, of whom so many of the second one's last tracklets were shown as a third speaker."""
    channel, roster = channel_of([(1, 0, 10_000), (2, 11_000, 21_000)], 21_000)
    roster.create(0)
    channel.people = [0, 1, 2]
    if third:
        channel.labels[-third:] = [2] * third
    return channel, roster


def test_whose_speech_has_all_gone_to_another_is_part_of_that_one() -> None:
    channel, roster = three_shown(2)
    assert channel.labels.count(1) > 2
    assert told(channel.divide(roster, final=False)) == []
    assert channel.dormant == {2: (1, 21_000)}
    assert set(channel.labels) == {0, 1}


def test_whose_speech_is_not_remembered_any_more_is_part_of_nobody() -> None:
    channel, roster = three_shown(0)
    assert told(channel.divide(roster, final=True)) == []
    assert channel.dormant == {}
