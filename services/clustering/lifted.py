"""The separated voices of a channel's overlaps, and the speaker of each.

evidence  |  0 ... 15 | 16 ... 31 | 32 .. 40      what separation said: a block never changes once it is full
given     |  0 ... 15 | 16 ... 31 | 32 .. 40      speaker and confidence of each source, and what was published
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from pydantic import TypeAdapter

from speakerline.services.clustering.roster import speaker_id
from speakerline.shared.arrays import Float64s
from speakerline.shared.blocks import Blocks
from speakerline.shared.contract.v1 import Separated, Separation, SpeakerSource
from speakerline.shared.voiceprints.vectors import decode_vector

BLOCK = 16
CONFIDENCE_STEP = 0.15
"""A change of confidence that is published."""
_EVIDENCE = TypeAdapter(list[Separation])


@dataclass(slots=True)
class Given:
    """speakers: of each source, -1 where nobody can say; sure: of that, 0 to 1. revision 0: not published yet."""

    speakers: list[int]
    sure: list[float]
    revision: int = 0
    published: list[tuple[int, float]] = field(default_factory=list)


_GIVEN = TypeAdapter(list[Given])


class LiftedBook:
    """The separations of one channel that may still change, in order of arrival."""

    def __init__(self) -> None:
        self.first = 0
        self.lifted: list[Separation] = []
        self.given: list[Given] = []
        self._evidence = Blocks("evidence", BLOCK, _EVIDENCE)

    def append(self, lifted: Separation) -> None:
        self._evidence.touch(self.first + len(self.lifted))
        self.lifted.append(lifted)
        count = len(lifted.sources)
        self.given.append(Given([-1] * count, [0.0] * count))

    def give(self, at: int, speakers: Sequence[int], sure: Sequence[float]) -> None:
        """Whom the sources of a separation are given to now."""
        self.given[at].speakers, self.given[at].sure = list(speakers), list(sure)

    def hand_over(self, lost: int, heir: int) -> None:
        """What was given to a speaker belongs to another; a second source of that one belongs to nobody then."""
        for given in self.given:
            if lost in given.speakers:
                at = given.speakers.index(lost)
                if heir in given.speakers:
                    other = given.speakers.index(heir)
                    loser = at if given.sure[at] <= given.sure[other] else other
                    given.speakers[at] = heir
                    given.speakers[loser], given.sure[loser] = -1, 0.0
                else:
                    given.speakers[at] = heir

    def surely(self, sure: float, improvement_db: float) -> list[tuple[int, int, int, float]]:
        """(speaker, start_ms, end_ms, sure) of when each voice is active in its overlap, where two voices or more were
        given to somebody with at least so much certainty and are so much better than their mixture on average."""
        found = []
        for lifted, given in zip(self.lifted, self.given, strict=True):
            if len(lifted.sources) < 2 or min(given.sure) < sure or min(given.speakers) < 0:
                continue
            if sum(source.improvement_db for source in lifted.sources) < improvement_db * len(lifted.sources):
                continue
            for source, who, certainty in zip(lifted.sources, given.speakers, given.sure, strict=True):
                spans = _within(source.spans_ms, lifted.start_ms, lifted.end_ms)
                found += [(who, a, b, certainty) for a, b in zip(spans[::2], spans[1::2], strict=True)]
        return found

    def news(self) -> list[Separated]:
        """The `Separated` events to publish: those whose speakers or confidences changed."""
        found = []
        for lifted, given in zip(self.lifted, self.given, strict=True):
            now = [(who, round(sure, 2)) for who, sure in zip(given.speakers, given.sure, strict=True)]
            if given.revision and not _differs(given.published, now):
                continue
            given.revision, given.published = given.revision + 1, now
            found.append(_separated(lifted, given))
        return found

    def forget(self, before_ms: int) -> None:
        """Drop the blocks of which everything ends at or before this time."""
        while len(self.lifted) > BLOCK and max(one.end_ms for one in self.lifted[:BLOCK]) <= before_ms:
            self.lifted, self.given = self.lifted[BLOCK:], self.given[BLOCK:]
            self.first += BLOCK

    def dump(self) -> dict[str, bytes]:
        """The stored form."""
        numbers = range(self.first, self.first + len(self.lifted))
        evidence = self._evidence.write(numbers, lambda number: self.lifted[number - self.first])
        given = Blocks("given", BLOCK, _GIVEN).write(numbers, lambda number: self.given[number - self.first])
        return evidence | given

    def load(self, parts: Mapping[str, bytes]) -> None:
        """Become the book whose `dump()` these parts hold."""
        stored = list(self._evidence.read(parts))
        self.first = stored[0][0] if stored else 0
        self.lifted = [one for _, one in stored]
        self.given = [one for _, one in Blocks("given", BLOCK, _GIVEN).read(parts)]


def voiceprints(separation: Separation, size: int) -> Float64s:
    """(sources, size) voiceprints of its sources, zero where there is none. Raises ValueError for another size."""
    found: Float64s = np.zeros((len(separation.sources), size))
    for at, source in enumerate(separation.sources):
        vector = decode_vector(source.voiceprint)
        if len(vector) not in (0, size):
            raise ValueError(f"a voiceprint of this calibration has {size} numbers, got {len(vector)}")
        if len(vector):
            found[at] = vector
    return found


def _differs(published: Sequence[tuple[int, float]], now: Sequence[tuple[int, float]]) -> bool:
    return any(
        was != who or abs(before - sure) >= CONFIDENCE_STEP
        for (was, before), (who, sure) in zip(published, now, strict=True)
    )


def _separated(lifted: Separation, given: Given) -> Separated:
    sources = [
        SpeakerSource(
            source_id=source.source_id,
            speaker_id=speaker_id(who),
            confidence=sure,
            start_ms=source.start_ms,
            end_ms=source.end_ms,
            sound_key=source.sound_key,
            improvement_db=source.improvement_db,
            spans_ms=_within(source.spans_ms, source.start_ms, source.end_ms),
        )
        for source, (who, sure) in zip(lifted.sources, given.published, strict=True)
    ]
    return Separated(
        lifted.separation_id,
        given.revision,
        lifted.channel,
        lifted.start_ms,
        lifted.end_ms,
        lifted.overlap_ids,
        lifted.voices,
        lifted.outcome,
        sources,
        lifted.detail,
    )


def _within(spans_ms: Sequence[int], start_ms: int, end_ms: int) -> list[int]:
    pairs = zip(spans_ms[::2], spans_ms[1::2], strict=True)
    cut = ((max(a, start_ms), min(b, end_ms)) for a, b in pairs)
    return [edge for a, b in cut if b > a for edge in (a, b)]
