"""The people of a call: ids in order of appearance, who was merged into whom, who has a name; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from speakerline.shared.arrays import Float64s
from speakerline.shared.contract.v1 import SpeakerCreated, SpeakerMerged, SpeakerNamed

NAMED_FROM, KEPT_FROM = 0.8, 0.2
"""The confidence with which a name is given, and down to which it stays."""
NAME_MARGIN = 0.05
"""How much more alike, in cosine, a speaker is to its name than to any other."""


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

    def merge(self, speaker: int, into: int) -> list[SpeakerNamed | SpeakerMerged]:
        """Merge `speaker` into `into`; a name is taken back first, for others to get. Returns what changed."""
        gone = [SpeakerNamed(speaker_id(speaker), "", 0.0)] if self.names.pop(speaker, None) else []
        self.merged[speaker] = into
        return [*gone, SpeakerMerged(speaker_id(speaker), speaker_id(into))]

    def heir(self, speaker: int) -> int:
        """The speaker that this one was merged into, or itself."""
        while speaker in self.merged:
            speaker = self.merged[speaker]
        return speaker

    def rename(self, found: Mapping[int, tuple[str, float]]) -> list[SpeakerNamed]:
        """Make `found`, name and confidence of speakers, the names of the call; returns what changed.

        Names that no longer hold are taken back before any is given, so that nobody shares a name."""
        gone = [speaker for speaker in self.names if speaker not in found]
        moved = [speaker for speaker in sorted(found) if self.names.get(speaker) != found[speaker][0]]
        lost = [speaker for speaker in moved if speaker in self.names]
        changes = [SpeakerNamed(speaker_id(speaker), "", 0.0) for speaker in sorted([*gone, *lost])]
        changes += [SpeakerNamed(speaker_id(one), found[one][0], round(found[one][1], 2)) for one in moved]
        self.names = {speaker: name for speaker, (name, _) in found.items()}
        return changes


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
    people: Mapping[int, Float64s],
    known: Mapping[str, Float64s],
    same: float,
    slope: float,
    given: Mapping[int, str] | None = None,
) -> dict[int, tuple[str, float]]:
    """Enrolled names of speakers, with confidence; unit vectors in one space.

    A cosine of `same` is even odds that a speaker is an enrolled voice, and `slope` is log odds per unit of cosine. A
    name needs a confidence of NAMED_FROM, and to be NAME_MARGIN more alike than any other. One name goes to one
    speaker at most. A name of `given` stays on weaker evidence.
    """
    if not people or not known:
        return {}
    speakers, names = sorted(people), sorted(known)
    cosine = np.array([people[s] for s in speakers]) @ np.array([known[n] for n in names]).T
    held = np.array([[(given or {}).get(s) == name for name in names] for s in speakers])
    rivals = np.array([np.delete(cosine, at, axis=1).max(axis=1, initial=-1.0) for at in range(len(names))]).T
    sure = 1 / (1 + np.exp(np.clip(slope * (same - cosine), -30, 30)))
    likely = (sure >= np.where(held, KEPT_FROM, NAMED_FROM)) & (cosine - rivals >= np.where(held, 0.0, NAME_MARGIN))
    chosen = match_people(np.where(likely, 1 + cosine + NAME_MARGIN * held, 0.0))
    return {speakers[row]: (names[column], float(sure[row, column])) for row, column in chosen.items()}
