"""One channel: who a voice is between two divisions, how sure that is, and the stretches that come of it."""

from collections.abc import Sequence

import numpy as np
import pytest

from speakerline.services.clustering.channel import ChannelClusterer
from speakerline.services.clustering.history import BLOCK
from speakerline.services.clustering.partition import Limits
from speakerline.services.clustering.roster import Roster
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.shared.contract.v1 import LocalVoice, VoiceWindow
from speakerline.shared.voiceprints.vectors import encode_vector
from tests.clustering.made_calls import SIZE, calibration, conversation, dialogue, person

Said = Sequence[tuple[float, int, int]]


class Channel:
    """A channel with its roster."""

    def __init__(self, limits: Limits | None = None, **settings: int) -> None:
        self.settings = ClusterSettings(**settings)
        self.channel = ChannelClusterer(0, calibration(), self.settings, limits or Limits())
        self.roster = Roster()

    def hear(self, *windows: VoiceWindow) -> "Channel":
        for window in windows:
            self.channel.push(window, self.roster)
            self.channel.settle(window.end_ms, self.channel.rendered())
        return self

    def stretches(self) -> list[tuple[str, int, int]]:
        return [(one.speaker_id, one.start_ms, one.end_ms) for one in self.channel.rendered()]


def window(start_ms: int, end_ms: int, *voices: tuple[float, list[int], int]) -> VoiceWindow:
    """Voices as (person, spans, clean speech in ms)."""
    heard = [
        LocalVoice(spans, clean_ms, encode_vector(person(who).astype(np.float32))) for who, spans, clean_ms in voices
    ]
    return VoiceWindow(0, start_ms, end_ms, heard)


def two_people(**settings: int) -> Channel:
    """Two who have spoken for ten seconds each; nothing is divided anew for a while."""
    found = Channel(None, **settings).hear(*conversation([(1, 0, 10_000), (2, 11_000, 21_000)], 21_000))
    found.channel.next_partition_ms = 10**9
    return found


def latest(channel: Channel) -> list[int]:
    found = channel.channel
    return [found.labels[one - found.history.first_tracklet] for one in found.history.retained[-1].tracklets]


@pytest.mark.parametrize(
    ("voices", "labels"),
    [
        ([(2, [30_000, 31_000], 1000)], [1]),
        ([(1, [30_000, 31_000], 1000), (2, [31_000, 32_000], 900)], [0, 1]),
        ([(1, [30_000, 31_000], 1000), (1.4, [31_000, 31_900], 900)], [0, 1]),
        ([(1.4, [31_000, 31_900], 900), (1, [30_000, 31_000], 1000)], [1, 0]),
        ([(1, [31_000, 31_900], 900), (1.4, [30_000, 31_000], 1000)], [0, 0]),
        ([(1, [30_000, 31_000], 1000), (1.2, [31_000, 31_900], 900)], [0, 0]),
    ],
    ids=[
        "a voice is whom it is most alike",
        "two voices are two people",
        "two voices of a window are hardly one person",
        "whichever comes first",
        "whoever speaks more chooses first",
        "unless they are too alike",
    ],
)
def test_between_two_divisions_voices_go_to_the_people_known(
    voices: list[tuple[float, list[int], int]], labels: list[int]
) -> None:
    found = two_people().hear(window(30_000, 32_000, *voices))
    assert latest(found) == labels


def test_before_anybody_is_known_a_voice_is_nobody() -> None:
    found = Channel()
    found.channel.next_partition_ms = 10**9
    assert latest(found.hear(window(0, 1000, (1, [0, 1000], 1000)))) == [-1]


def sure_of(found: Channel) -> list[float]:
    places = [one - found.channel.history.first_tracklet for one in found.channel.history.retained[-1].tracklets]
    return [found.channel.certainty[place] for place in places]


def cosines(found: Channel, who: float) -> list[float]:
    placed = found.channel.calibration.place(person(who)[None], found.channel.centre)
    return sorted((placed @ found.channel.means.T)[0].tolist())


def sigmoid(odds: float) -> float:
    return float(1 / (1 + np.exp(-odds)))


@pytest.mark.parametrize("who", [1, 1.3, 1.5])
def test_how_sure_a_label_is_comes_from_the_margin_to_the_second_best(who: float) -> None:
    found = two_people().hear(window(30_000, 32_000, (who, [30_000, 31_000], 1000)))
    second, best = cosines(found, who)
    assert sure_of(found) == pytest.approx([sigmoid(6 * (best - second))], abs=0.002)


def test_where_one_person_is_known_it_comes_from_how_alike_the_voice_is() -> None:
    found = Channel().hear(*conversation([(1, 0, 10_000)], 10_000))
    assert latest(found) == [0]
    assert sure_of(found) == pytest.approx([sigmoid(6 * (0.3 + 1))], abs=0.001)
    found.channel.next_partition_ms = 10**9
    found.hear(window(30_000, 32_000, (1.7, [30_000, 31_000], 1000)))
    assert sure_of(found) == pytest.approx([sigmoid(6 * (0.3 + cosines(found, 1.7)[0]))], abs=0.002)


def opposite(end_ms: int, ms: int) -> VoiceWindow:
    """A voice that is as unlike person 1 as can be."""
    centre = np.full(SIZE, 0.2)
    vector = 2 * centre - person(1)
    text = encode_vector((vector / np.linalg.norm(vector)).astype(np.float32))
    return VoiceWindow(0, end_ms - 5000, end_ms, [LocalVoice([end_ms - ms, end_ms], ms, text)])


@pytest.mark.parametrize(("ms", "label"), [(600, -1), (550, 0)], ids=["who said enough", "who said hardly anything"])
@pytest.mark.parametrize("live", [True, False], ids=["between two divisions", "divided"])
def test_a_stranger_stays_unknown_unless_it_said_hardly_anything(ms: int, label: int, live: bool) -> None:
    found = Channel(Limits(expected=1)).hear(*conversation([(1, 0, 10_000)], 10_000))
    if live:
        found.channel.next_partition_ms = 10**9
    found.hear(opposite(20_000, ms))
    assert latest(found) == [label]
    assert (sure_of(found)[0] == 0) == (label < 0)


@pytest.mark.parametrize(
    ("tracklets_per_s", "ends"),
    [
        (100, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        (4, [1, 2, 3, 4, 5, 6, 7, 9, 11]),
        (2, [1, 2, 3, 5, 7, 10]),
    ],
)
def test_the_longer_the_memory_the_rarer_everything_is_divided_anew(tracklets_per_s: int, ends: list[int]) -> None:
    found, divided = Channel(tracklets_per_s=tracklets_per_s), []
    for one in conversation([(1, 0, 12_000)], 12_000):
        before = found.channel.next_partition_ms
        found.hear(one)
        if found.channel.next_partition_ms != before:
            divided.append(one.end_ms // 1000)
    assert divided == ends


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([(1, 0, 3000), (1, 3249, 4000)], [("S1", 0, 4000)]),
        ([(1, 0, 3000), (1, 3250, 4000)], [("S1", 0, 3000), ("S1", 3250, 4000)]),
        ([(1, 0, 3000), (1, 3500, 3620)], [("S1", 0, 3000), ("S1", 3500, 3620)]),
        ([(1, 0, 3000), (1, 3500, 3619)], [("S1", 0, 3000)]),
        ([], []),
    ],
    ids=["a short pause is filled", "a pause is not", "a short word stays", "a blip is dropped", "silence"],
)
def test_stretches_of_one_speaker(said: Said, expected: list[tuple[str, int, int]]) -> None:
    assert Channel().hear(*conversation(said, 4000)).stretches() == expected


def test_stretches_are_in_order_of_time() -> None:
    found = Channel().hear(*conversation([(1, 0, 3000), (2, 2500, 6000), (1, 6500, 8000)], 8000))
    assert found.stretches() == [("S1", 0, 3000), ("S2", 2500, 6000), ("S1", 6500, 8000)]


@pytest.mark.parametrize("pause_ms", [300, 200, 0])
def test_what_has_settled_leaves_the_stretches_as_they_were(pause_ms: int) -> None:
    said = dialogue(200_000, pause_ms=pause_ms)
    found = Channel(horizon_ms=60_000).hear(*conversation(said, 200_000))
    through_ms = found.channel.settled.through_ms
    assert 100_000 < through_ms < 140_000
    assert len(found.channel.labels) == len(found.channel.certainty) == found.channel.history.tracklets
    expected = [(f"S{who}", start, end) for who, start, end in said if end > through_ms - 250]
    assert found.stretches() == expected


@pytest.mark.parametrize(
    ("carried", "expected"),
    [
        ([(0, 9_000, 20_000)], [("S1", 9_000, 22_000)]),
        ([(0, 9_000, 19_751)], [("S1", 9_000, 22_000)]),
        ([(0, 9_000, 19_750)], [("S1", 9_000, 19_750), ("S1", 20_000, 22_000)]),
        ([(1, 9_000, 20_000)], [("S2", 9_000, 20_000), ("S1", 20_000, 22_000)]),
        ([(0, 9_000, 19_900), (1, 8_000, 20_000)], [("S2", 8_000, 20_000), ("S1", 9_000, 22_000)]),
    ],
    ids=["goes on", "after a short pause", "after a pause", "of another", "two at once"],
)
def test_a_stretch_that_reached_the_settled_edge_may_go_on(
    carried: list[tuple[int, int, int]], expected: list[tuple[str, int, int]]
) -> None:
    found = Channel().hear(*conversation([(1, 0, 22_000)], 22_000))
    found.channel.settled.through_ms, found.channel.settled.carried = 20_000, carried
    assert found.stretches() == expected


def test_memory_is_settled_in_blocks_once_all_of_one_is_beyond_the_horizon() -> None:
    found, windows = Channel(horizon_ms=60_000), conversation([(1, 0, 100_000)], 100_000)
    settled = []
    for one in windows:
        found.hear(one)
        settled.append(found.channel.settled.through_ms)
    assert [settled.index(edge) + 1 for edge in sorted(set(settled))] == [1, 76, 92]
    assert sorted(set(settled)) == [0, 16_000, 32_000]


def test_a_voice_that_was_hardly_heard_is_nobodys() -> None:
    heard = Channel().hear(window(0, 1000, (1, [0, 200], 200)))
    assert latest(heard) == [-1]
    assert heard.roster.channels == []


def test_who_is_unlike_everybody_has_no_mean_voiceprint() -> None:
    heard = Channel(Limits(expected=1)).hear(*conversation([(1, 0, 10_000)], 10_000), opposite(20_000, 600))
    assert latest(heard) == [-1]
    assert list(heard.channel.raw_means()) == [0]


def test_a_block_is_condensed_when_two_more_begin_to_follow() -> None:
    said = [(1.0, 0, 1000 * (2 * BLOCK + 1))]
    *windows, last = conversation(said, said[0][2])
    channel, roster = ChannelClusterer(0, calibration(), ClusterSettings(), Limits()), Roster()
    for one in windows:
        channel.push(one, roster)
    assert not channel.settle(10**9, [])
    channel.push(last, roster)
    assert channel.settle(10**9, [])
    assert channel.settled.through_ms == 1000 * BLOCK
