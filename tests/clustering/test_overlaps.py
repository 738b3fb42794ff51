"""Separated voices of a call: whose they are, when that is told, and how long it may change."""

import numpy as np
import pytest

from speakerline.services.clustering.clusterer import CallClusterer
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.shared.contract.v1 import Separated, Separation, SeparationOutcome, Source, Turn, TurnBody
from speakerline.shared.voiceprints.vectors import encode_vector
from tests.clustering.made_calls import calibration, conversation, person

SECOND_SETTLED: list[tuple[float, int, int]] = [(2, 0, 10_000), (1, 30_000, 130_000)]
"""Of the one who speaks first nothing is remembered but what has settled."""


def heard(said: list[tuple[float, int, int]]) -> CallClusterer:
    clusterer = CallClusterer(calibration(), ClusterSettings(horizon_ms=60_000))
    for window in conversation(said, said[-1][2]):
        clusterer.push(window)
    return clusterer


def overlap(start_ms: int, end_ms: int, *people: float, name: str = "X1") -> Separation:
    sources = [
        Source(
            f"{name}.{number}",
            start_ms,
            end_ms,
            voiceprint=encode_vector(person(who).astype(np.float32)),
            improvement_db=6.0,
            spans_ms=[start_ms, end_ms],
        )
        for number, who in enumerate(people, 1)
    ]
    return Separation(name, 0, start_ms, end_ms, [], 2, SeparationOutcome.SEPARATED, sources)


def given(changes: list[TurnBody]) -> list[list[str]]:
    return [[source.speaker_id for source in one.sources] for one in changes if isinstance(one, Separated)]


def test_a_separation_is_told_with_its_speakers_as_soon_as_it_comes() -> None:
    clusterer = heard([(1, 0, 10_000), (2, 11_000, 21_000)])
    assert given(clusterer.take(overlap(12_000, 12_600, 2, 1))) == [["S2", "S1"]]


def test_who_spoke_long_ago_only_has_a_turn_where_the_voice_was_separated() -> None:
    clusterer = heard(SECOND_SETTLED)
    channel = clusterer.channels[0]
    assert set(channel.labels) == {1}, "nothing of the first is remembered"
    clusterer.take(overlap(120_000, 120_600, 1, 2))
    spans = [(one.speaker_id, one.start_ms, one.end_ms) for one in channel.rendered()]
    assert ("S1", 120_000, 120_600) in spans
    assert [who for who, *_ in spans].count("S1") == 1


@pytest.mark.parametrize(
    ("second_ms", "told_ms"),
    [pytest.param(5_000, 6_000, id="within ten seconds"), pytest.param(14_000, -1, id="later only in the end")],
)
def test_a_source_is_given_to_a_speaker_who_comes_after_it(second_ms: int, told_ms: int) -> None:
    clusterer, told = CallClusterer(calibration()), dict[int, list[list[str]]]()
    for window in conversation([(1, 0, 4_000), (2, second_ms, second_ms + 6_000)], second_ms + 6_000):
        told[window.end_ms] = given(clusterer.push(window))
        if window.end_ms == 4_000:
            assert given(clusterer.take(overlap(3_000, 3_600, 1, 2))) == [["S1", ""]]
    told[-1] = given(clusterer.finish())
    assert [at for at, texts in told.items() if ["S1", "S2"] in texts] == [told_ms]


def test_turns_that_come_of_a_late_separation_are_provisional_like_all_recent_ones() -> None:
    clusterer = heard([(1, 0, 10_000), (2, 11_000, 21_000)])
    turns = [one for one in clusterer.take(overlap(20_000, 20_600, 2, 1)) if isinstance(one, Turn)]
    assert [(one.speaker_id, one.start_ms, one.end_ms, one.provisional) for one in turns] == [
        ("S1", 20_000, 20_600, True)
    ]


def test_separations_are_forgotten_with_what_has_settled() -> None:
    clusterer = CallClusterer(calibration(), ClusterSettings(horizon_ms=60_000))
    for window in conversation([(1, 0, 200_000)], 200_000):
        clusterer.push(window)
        clusterer.take(overlap(window.end_ms - 500, window.end_ms, 1, name=f"X{window.end_ms}"))
    channel = clusterer.channels[0]
    assert channel.settled.through_ms == 128_000
    assert channel.lifted.lifted[0].end_ms == 113_000, "the last whole block before it"
