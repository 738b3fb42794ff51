"""Names of enrolled voices on the timeline: at any moment each belongs to one speaker at most, over all channels."""

from collections.abc import Iterator

import numpy as np
import pytest

from speakerline.services.clustering.clusterer import CallClusterer
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.shared.contract.v1 import TurnBody, VoiceWindow
from speakerline.shared.event_kinds import timeline_event
from speakerline.shared.timeline.timeline import Timeline
from tests.clustering.made_calls import calibration, conversation, person

PEOPLE = {"Ada": 1, "Bob": 2, "Cleo": 3}
KNOWN = {name: person(number).astype(np.float32) for name, number in PEOPLE.items()}


def turns(seed: int, people: int = 4, end_ms: int = 60_000) -> list[tuple[float, int, int]]:
    """Who says what on one channel: people, strangers, and voices between two people, who are easily confused."""
    random, at_ms, said = np.random.default_rng(seed), 0, []
    while at_ms < end_ms:
        who = float(random.integers(1, people + 1)) + float(random.choice([0, 0, 0, 0.3, 0.5]))
        length_ms = int(random.integers(400, 6000))
        said.append((who, at_ms, at_ms + length_ms))
        at_ms += length_ms + int(random.integers(-800, 1500))
    return said


def windows(seed: int, channels: int) -> list[VoiceWindow]:
    every = [
        window
        for channel in range(channels)
        for window in conversation(turns(seed + channel), 60_000, channel, noise=0.06, seed=seed)
    ]
    return sorted(every, key=lambda one: (one.end_ms, one.channel))


def steps(clusterer: CallClusterer, heard: list[VoiceWindow]) -> Iterator[list[TurnBody]]:
    for window in heard:
        yield clusterer.push(window)
    yield clusterer.finish()


def names(timeline: Timeline) -> list[str]:
    """The names that stand, of speakers who were merged, too."""
    return [state.name for state in timeline.speakers.by_id.values() if state.name]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_no_event_leaves_a_name_with_two(seed: int, channels: int) -> None:
    clusterer = CallClusterer(
        calibration(), ClusterSettings(dormant_ms=4_000), known_voices=KNOWN, channels=channels, separate=channels > 1
    )
    timeline, seq, ever = Timeline("c1"), 0, set()
    for changes in steps(clusterer, windows(seed, channels)):
        for change in changes:
            seq += 1
            timeline.apply(timeline_event("c1", seq, seq, change))
            standing = names(timeline)
            assert len(standing) == len(set(standing)), f"after event {seq}, {change}"
            ever |= set(standing)
    assert ever <= PEOPLE.keys() and ever
    assert not [state for state in timeline.speakers.by_id.values() if state.merged_into and state.name]
