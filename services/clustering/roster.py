"""The people of a call: ids in order of appearance, who was merged into whom, who has a name; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from speakerline.shared.arrays import Float64s
from speakerline.shared.contract.v1 import SpeakerCreated, SpeakerMerged, SpeakerNamed


@dataclass(slots=True)
class Roster:
    """channels: the channel of every speaker, S1 first. merged: speaker -> the one it went into. names: speaker ->
    published name.

    Speakers are numbers from 0 here and `S<number + 1>` outside.
    """

    channels: list[int] = field(default_factory=list)
    merged: dict[int, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)

    def create(self, channel: int) -> tuple[int, SpeakerCreated]:
        """The next speaker."""
        self.channels.append(channel)
        return len(self.channels) - 1, SpeakerCreated(speaker_id(len(self.channels) - 1), channel)

    def merge(self, speaker: int, into: int) -> SpeakerMerged:
        """Merge `speaker` into `into`."""
        self.merged[speaker] = into
        self.names.pop(speaker, None)
        return SpeakerMerged(speaker_id(speaker), speaker_id(into))

    def heir(self, speaker: int) -> int:
        """The speaker that this one was merged into, or itself."""
        while speaker in self.merged:
            speaker = self.merged[speaker]
        return speaker

    def name(self, speaker: int, name: str, confidence: float) -> list[SpeakerNamed]:
        """Publish the speaker's name, unless it was published already."""
        if self.names.get(speaker) == name:
            return []
        self.names[speaker] = name
        return [SpeakerNamed(speaker_id(speaker), name, round(confidence, 2))]


def speaker_id(speaker: int) -> str:
    """The public id of a speaker number; '' for nobody."""
    return f"S{speaker + 1}" if speaker >= 0 else ""


def match_people(shared: Float64s) -> dict[int, int]:
    """Which new person (row) is which old speaker (column): the one-to-one map that keeps most seconds (Hungarian)."""
    if not shared.size:
        return {}
    rows, columns = linear_sum_assignment(-shared)
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if shared[r, c] > 0}


def match_names(
    people: Mapping[int, Float64s], known: Mapping[str, Float64s], same: float, slope: float
) -> dict[int, tuple[str, float]]:
    """Enrolled names of speakers, with confidence; unit vectors in one space.

    A cosine of `same` is even odds and `slope` is log odds per unit of cosine. One name goes to one speaker at most,
    and only with a confidence of 0.8 or more, so its odds are four times those of all other names together.
    """
    if not people or not known:
        return {}
    speakers, names = sorted(people), sorted(known)
    cosine = np.array([people[s] for s in speakers]) @ np.array([known[n] for n in names]).T
    odds = np.exp(np.clip(slope * (cosine - same), -30, 30))
    found = {}
    for row, column in match_people(odds).items():
        rivals = np.delete(odds[row], column)
        confidence = float(odds[row, column] / (1 + odds[row, column] + rivals.sum()))
        if confidence >= 0.8:
            found[speakers[row]] = (names[column], confidence)
    return found
