"""What clustering says: changes to the call's speakers and turns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SpeakerCreated:
    """A person never heard before on this call; ids are S1, S2, ... in order of appearance."""

    speaker_id: str
    channel: int


@dataclass(frozen=True)
class SpeakerMerged:
    """Two ids turned out to be one person; speaker_id is not used again."""

    speaker_id: str
    into_speaker_id: str


@dataclass(frozen=True)
class SpeakerSplit:
    """Most of what the new speaker_id said was shown as from_speaker_id's until now."""

    speaker_id: str
    from_speaker_id: str


@dataclass(frozen=True)
class SpeakerNamed:
    """The speaker sounds like an enrolled voice; confidence is a probability, 0..1."""

    speaker_id: str
    name: str
    confidence: float


@dataclass(frozen=True)
class Turn:
    """Somebody speaks in [start_ms, end_ms): an upsert by turn_id, whose later revision replaces the earlier.

    speaker_id is '' while unknown. confidence is 0..1. A provisional turn is young and may still change.
    """

    turn_id: str
    revision: int
    speaker_id: str
    channel: int
    start_ms: int
    end_ms: int
    confidence: float
    provisional: bool


@dataclass(frozen=True)
class TurnWithdrawn:
    """The turn does not exist after all (it was joined to another, or was noise)."""

    turn_id: str
    revision: int


@dataclass(frozen=True)
class SpeakerSource:
    """A voice lifted out of an overlap and the speaker it was given to, '' for nobody; spans_ms lie within its
    sound."""

    source_id: str
    speaker_id: str
    confidence: float
    start_ms: int
    end_ms: int
    sound_key: str
    improvement_db: float
    spans_ms: tuple[int, ...]


@dataclass(frozen=True)
class Separated:
    """What became of a stretch of overlap: an upsert by separation_id. Never two sources of one speaker."""

    separation_id: str
    revision: int
    channel: int
    start_ms: int
    end_ms: int
    overlap_ids: tuple[str, ...]
    voices: int
    outcome: int
    sources: tuple[SpeakerSource, ...]
    detail: str


Change = SpeakerCreated | SpeakerMerged | SpeakerSplit | SpeakerNamed | Turn | TurnWithdrawn | Separated
