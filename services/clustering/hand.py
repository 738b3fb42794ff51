"""What operators have said of a call, and what holds because of it; pure.

corrections that hold, in order ──> same: who is one person      apart: who surely is not
                                    pins: who spoke when         names, roles

A later correction goes before an earlier one. Taking one back leaves what the others say, as if it had never been made.
Speakers are numbers from 0, as in the roster.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from speakerline.services.clustering.pins import Pin
from speakerline.services.clustering.told import Told
from speakerline.shared.arrays import Indices
from speakerline.shared.contract.v1 import Correction, Turn


@dataclass(slots=True)
class Hand:
    """merged: speakers whom the clustering merged for good, as the roster has them. given: the corrections that were
    applied and not taken back. known: ids of all that came, taken back or refused ones, too. created: the speaker that
    a correction made. settled: turns that a correction moved, as they were when they were settled, by id. The rest
    follows from these."""

    merged: Mapping[int, int] = field(default_factory=dict)
    given: list[Correction] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    created: dict[str, int] = field(default_factory=dict)
    settled: dict[str, Turn] = field(default_factory=dict)
    same: dict[int, int] = field(default_factory=dict)
    apart: set[tuple[int, int]] = field(default_factory=set)
    pins: list[Pin] = field(default_factory=list)
    spoken_of: set[int] = field(default_factory=set)
    names: dict[int, str] = field(default_factory=dict)
    roles: dict[int, str] = field(default_factory=dict)

    def find(self, correction_id: str) -> Correction | None:
        """One that holds."""
        return next((one for one in self.given if one.correction_id == correction_id), None)

    def person(self, speaker: int) -> int:
        """The speaker that this one is shown as; itself without a merge."""
        while (into := self.same.get(speaker, self.merged.get(speaker))) is not None:
            speaker = into
        return speaker

    @property
    def kept(self) -> set[int]:
        """Persons who were spoken of: nobody else's speech makes them vanish."""
        return {self.person(one) for one in (*self.spoken_of, *self.names, *self.roles, *self.same)}

    def keeps(self, speaker: int) -> bool:
        """Whether it is a person who stays, or one who was merged into another."""
        return speaker in self.same or speaker in self.kept

    def pins_of(self, channel: int, after_ms: int = 0) -> list[Pin]:
        """In order, of the persons as they are shown; `after_ms`: those that end after this time."""
        return [
            replace(pin, was=self.person(pin.was), speaker=self.person(pin.speaker))
            for pin in self.pins
            if pin.channel == channel and pin.end_ms > after_ms
        ]

    def told(self, channel: int, pinned: Indices, people: Collection[int]) -> Told:
        """The constraints of the clustering of a channel whose tracklets surely are of these persons, or -1; `people`:
        those whom it found last. Somebody new is one more than those of them who were there before."""
        moved = (one for one in self.given if one.reassign_turn and one.reassign_turn.channel == channel)
        made = {self.created[one.correction_id] for one in moved if one.correction_id in self.created}
        before = {one for one in people if one < max(made, default=0)}
        at_least = len({self.person(one) for one in made | before}) if made else 0
        persons = {one: self.person(one) for one in self.same}
        return Told(pinned, persons, frozenset(self.apart), frozenset(self.kept), at_least)

    def name_of(self, speaker: int) -> str | None:
        """As an operator gave it, to the speaker or to one who was merged into it; None where none did."""
        return self._said_of(speaker, self.names)

    def role_of(self, speaker: int) -> str | None:
        return self._said_of(speaker, self.roles)

    def named_over(self, found: Mapping[int, tuple[str, float]]) -> dict[int, tuple[str, float]]:
        """Names and confidences as they were found, and over them what operators said."""
        given = {self.person(one): self.name_of(self.person(one)) or "" for one in self.names}
        rest = {speaker: one for speaker, one in found.items() if speaker not in given}
        return rest | {speaker: (name, 1.0) for speaker, name in given.items() if name}

    def note_settled(self, turns: Iterable[Turn], edge_ms: int) -> None:
        """Remember turns that are forgotten now, up to this time, if a correction moved them."""
        moved = {one.reassign_turn.turn_id for one in self.given if one.reassign_turn}
        self.settled |= {one.turn_id: one for one in turns if one.end_ms <= edge_ms and one.turn_id in moved}

    def derive(self) -> None:
        """Compute what follows from `given`."""
        self.same, self.apart, self.pins, self.spoken_of, self.names, self.roles = {}, set(), [], set(), {}, {}
        for correction in self.given:
            self._take(correction)
        named = sorted((one, name) for one, name in self.names.items() if name)
        self.apart |= {(one, other) for one, name in named for other, another in named if name != another}
        persons = ((self.person(one), self.person(other)) for one, other in self.apart)
        self.apart = {_ordered(one, other) for one, other in persons if one != other}

    def _take(self, said: Correction) -> None:
        if said.name_speaker:
            self.names[number_of(said.name_speaker.speaker_id)] = said.name_speaker.name
        elif said.assign_role:
            self.roles[number_of(said.assign_role.speaker_id)] = said.assign_role.role
        elif said.merge_speakers:
            gone = self.person(number_of(said.merge_speakers.speaker_id))
            into = self.person(number_of(said.merge_speakers.into_speaker_id))
            if gone != into:
                self.same[gone] = into
                self.apart.discard(_ordered(gone, into))
        elif said.split_speaker:
            speaker = number_of(said.split_speaker.speaker_id)
            into = self.same.pop(speaker, speaker)
            self.apart.add(_ordered(speaker, into))
            self.spoken_of |= {speaker, into}
        elif turn := said.reassign_turn:
            speaker = self.created.get(said.correction_id, number_of(turn.speaker_id))
            was = number_of(turn.from_speaker_id)
            self.pins.append(Pin(turn.channel, turn.start_ms, turn.end_ms, was, speaker))
            others = range(speaker) if said.correction_id in self.created else [was] * (was >= 0)
            self.apart |= {_ordered(other, speaker) for other in others}
            self.spoken_of |= {speaker, *([was] * (was >= 0))}

    def _said_of(self, speaker: int, told: Mapping[int, str]) -> str | None:
        if speaker in told:
            return told[speaker]
        return next((told[one] for one in sorted(told) if self.person(one) == speaker), None)


def number_of(speaker_id: str) -> int:
    """The number of `S<number + 1>`; -1 for nobody, or where it is no such id."""
    digits = speaker_id[1:]
    return int(digits) - 1 if speaker_id[:1] == "S" and digits.isascii() and digits.isdigit() else -1


def _ordered(one: int, other: int) -> tuple[int, int]:
    return min(one, other), max(one, other)
