"""The speakers of a call: ids that are never reused, merges, names of enrolled voices or by operators, and roles.

created ──> known ──merged into another──> an alias of that one ──split off again──> known
"""

from collections.abc import Iterable

from speakerline.shared.contract import v1

UNKNOWN = "unknown"
"""The label of speech without a known speaker."""


class Speakers:
    """SpeakerStates by id, in the order in which they were created."""

    def __init__(self, states: Iterable[v1.SpeakerState] = ()) -> None:
        self.by_id = {state.speaker_id: state for state in states}

    def create(self, created: v1.SpeakerCreated) -> None:
        self._known(created.speaker_id).channel = created.channel

    def merge(self, merged: v1.SpeakerMerged) -> None:
        """Make the first id an alias of the second; a merge that would close a circle is ignored."""
        into = self.resolve(merged.into_speaker_id)
        if into != self.resolve(merged.speaker_id):
            self._known(into)
            self._known(self.resolve(merged.speaker_id)).merged_into = into

    def split(self, split: v1.SpeakerSplit) -> None:
        """Make the new id a separate person, even if it had been merged before."""
        speaker = self._known(split.speaker_id)
        speaker.channel = self._known(split.from_speaker_id).channel
        speaker.merged_into = ""

    def name(self, named: v1.SpeakerNamed) -> None:
        speaker = self._known(named.speaker_id)
        speaker.name, speaker.name_confidence = named.name, named.confidence

    def role(self, given: v1.SpeakerRole) -> None:
        self._known(given.speaker_id).role = given.role

    def resolve(self, speaker_id: str) -> str:
        """The current id of this speaker, with merges followed to their end."""
        while (state := self.by_id.get(speaker_id)) is not None and state.merged_into:
            speaker_id = state.merged_into
        return speaker_id

    def label(self, speaker_id: str) -> str:
        """The label to show: the name if there is one, else the id, and `unknown` for an empty id."""
        resolved = self.resolve(speaker_id)
        state = self.by_id.get(resolved)
        return (state.name if state else "") or resolved or UNKNOWN

    def people(self) -> list[v1.SpeakerState]:
        """The speakers that are not merged into another, in order of creation."""
        return [state for state in self.by_id.values() if not state.merged_into]

    def _known(self, speaker_id: str) -> v1.SpeakerState:
        return self.by_id.setdefault(speaker_id, v1.SpeakerState(speaker_id=speaker_id))
