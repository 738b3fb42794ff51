"""What operators have said of tracklets, as constraints of a clustering; pure.

must-link     tracklets pinned to one person; the clusters of two speakers who were merged
cannot-link   tracklets pinned to two people; the clusters of two people who were told apart

A speaker's cluster is the one with its pins, else the heaviest that was mostly shown as that speaker: fresh speech that
still has the label of whoever it sounds like is not bound by what was said of that one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from speakerline.shared.arrays import Bools, Float64s, Indices

CERTAIN_S = 1e6
"""More than any speech."""
PARTED_S = 1.0
"""So much speech of each of two people in one cluster is more than a wrong label here and there."""
CERTAIN = 2.0
"""More than any cosine, also where another voice speaks at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """pinned: (n,) the person that each tracklet surely is of, or -1. persons: speakers who are shown as another ->
    that one. apart: pairs of persons who are two, the lower number first. kept: persons who stay, however little they
    say. at_least: how many people there are, or more; 0 where nobody said that there is somebody new."""

    pinned: Indices
    persons: Mapping[int, int] = field(default_factory=dict)
    apart: frozenset[tuple[int, int]] = frozenset()
    kept: frozenset[int] = frozenset()
    at_least: int = 0

    @classmethod
    def nothing(cls, tracklets: int) -> "Told":
        """Where no operator has said anything."""
        return cls(np.full(tracklets, -1, np.intp))

    @property
    def binds(self) -> bool:
        """Whether anything was said: most calls are never corrected, and need none of what follows."""
        return bool(self.persons or self.apart or self.kept or (self.pinned >= 0).any())

    def person(self, speaker: int) -> int:
        """The person that this speaker is shown as."""
        return self.persons.get(speaker, speaker)

    def seeds(self, labels: Indices, mass_s: Float64s, shown: Indices) -> Indices:
        """First clusters of which none holds two people: pinned tracklets have a cluster a person, and what was shown
        as two people who are apart, with a second or more of each, is parted as it was shown."""
        seeds, after = labels.copy(), int(labels.max(initial=-1)) + 1
        for number, person in enumerate(np.unique(self.pinned[self.pinned >= 0]).tolist()):
            seeds[self.pinned == person] = after + number
        persons = np.array([self.person(one) for one in shown.tolist()], np.intp)
        for one, other in sorted(self.apart):
            for cluster in np.unique(seeds[seeds >= 0]).tolist():
                own = seeds == cluster
                mass = [float(mass_s[own & (persons == person)].sum()) for person in (one, other)]
                if min(mass) >= PARTED_S:
                    lighter = one if mass[0] < mass[1] else other
                    seeds[own & (persons == lighter)] = int(seeds.max()) + 1
        return seeds

    def clusters(self, labels: Indices, mass_s: Float64s, shown: Indices) -> dict[int, int]:
        """The cluster of each speaker."""
        return self._heaviest(labels, mass_s, shown) | self._with_pins(labels)

    def must_join(self, labels: Indices, mass_s: Float64s, shown: Indices) -> list[tuple[int, int]]:
        """Pairs of clusters that are one person."""
        if not self.binds:
            return []
        heaviest, found = self._heaviest(labels, mass_s, shown), self.clusters(labels, mass_s, shown)
        parts = sorted({*heaviest.items(), *found.items()})
        homes = ((found.get(self.person(speaker), cluster), cluster) for speaker, cluster in parts)
        return [(home, cluster) for home, cluster in homes if home != cluster]

    def _with_pins(self, labels: Indices) -> dict[int, int]:
        pinned = np.flatnonzero((self.pinned >= 0) & (labels >= 0))
        return dict(zip(self.pinned[pinned].tolist(), labels[pinned].tolist(), strict=True))

    def _heaviest(self, labels: Indices, mass_s: Float64s, shown: Indices) -> dict[int, int]:
        """The heaviest cluster that was mostly shown as each speaker, and has no pins of another person."""
        heaviest: dict[int, tuple[float, int]] = {}
        owners = {cluster: person for person, cluster in self._with_pins(labels).items()}
        for cluster in range(int(labels.max(initial=-1)) + 1):
            own = labels == cluster
            known = own & (shown >= 0)
            if not known.any():
                continue
            speaker = int(np.bincount(shown[known], mass_s[known]).argmax())
            if owners.get(cluster, self.person(speaker)) == self.person(speaker):
                heaviest[speaker] = max(heaviest.get(speaker, (-1.0, -1)), (float(mass_s[own].sum()), cluster))
        return {speaker: cluster for speaker, (_, cluster) in heaviest.items()}

    def forbidden(self, labels: Indices, mass_s: Float64s, shown: Indices) -> Bools:
        """(k, k) pairs of clusters that are two people."""
        count = int(labels.max(initial=-1)) + 1
        matrix: Bools = np.zeros((count, count), np.bool_)
        if not self.binds:
            return matrix
        found = self.clusters(labels, mass_s, shown)
        people = {self.person(speaker): found[speaker] for speaker in sorted(found, key=lambda one: -one)}
        people |= {speaker: cluster for speaker, cluster in found.items() if self.person(speaker) == speaker}
        pinned = set(self.pinned[self.pinned >= 0].tolist())
        for one, other in combinations(sorted(people), 2):
            if (one, other) in self.apart or pinned >= {one, other}:
                matrix[people[one], people[other]] = matrix[people[other], people[one]] = True
        return matrix

    def stays(self, labels: Indices, mass_s: Float64s, shown: Indices) -> Bools:
        """(k,) clusters of persons who are kept, and those with pins."""
        keeps: Bools = np.zeros(int(labels.max(initial=-1)) + 1, np.bool_)
        if not self.binds:
            return keeps
        for speaker, cluster in self.clusters(labels, mass_s, shown).items():
            keeps[cluster] |= self.person(speaker) in self.kept
        keeps[labels[(self.pinned >= 0) & (labels >= 0)]] = True
        return keeps

    def voices(self, now: Indices, before: Indices, vectors: Float64s, mass_s: Float64s) -> Indices:
        """The speaker of each tracklet among all who are shown as its person `now`, so that a merge can be taken back.

        before: (n,) the speaker so far. Who was one of the others stays so; the rest go to the voice they are most
        alike to."""
        labels = now.copy()
        for person in sorted(set(self.persons.values())):
            own = now == person
            others = sorted(one for one, into in self.persons.items() if into == person)
            labels[own & np.isin(before, others)] = before[own & np.isin(before, others)]
            rest = np.flatnonzero(own & ~np.isin(before, others) & vectors.any(axis=1))
            spoken = [one for one in (person, *others) if (mass_s[before == one] > 0).any()]
            if len(rest) and len(spoken) > 1:
                sums = np.array([mass_s[before == one] @ vectors[before == one] for one in spoken])
                means = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
                labels[rest] = np.array(spoken)[(vectors[rest] @ means.T).argmax(axis=1)]
        return labels

    def bound(self, shared: Float64s, labels: Indices) -> Float64s:
        """Seconds (people, speakers) that people share with the speakers shown so far; pins decide it."""
        bound = shared.copy()
        for at in np.flatnonzero((self.pinned >= 0) & (labels >= 0)).tolist():
            bound[labels[at], self.pinned[at]] += CERTAIN_S
        return bound
