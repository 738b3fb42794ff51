"""What of one channel has been decoded, what is open, and how a turn's sound is composed; pure.

    turn of A        |=======================|
    turn of B                     |=================|
    overlap                       |==========|                separated: a source of A, a source of B

    utterance of A   |--mixture--|--source A--|
    utterance of B                |--source B-|--mixture---|
    claimed          |-----------|             |------------|  mixture that was decoded: never again

Where voices overlap and were not separated, the mixture goes to the turn that began first, once, and is marked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from services.asr.spans import Span, Spans, common, length, merged, touches, without
from shared.contract.v1 import Overlap, Separated, SeparationOutcome, Turn

MARGIN_MS = 200
"""How far words may lie outside of their turn, where nobody else has a turn: its edges are not more exact than that."""

SOUND_MARGIN_MS = 300
"""How much sound around an utterance the recogniser hears, so that a word at its edge is heard whole."""

MIN_MS = 100
"""What is left of a turn by a revision and is shorter than this is not decoded."""

REMEMBERED_MS = 60_000
"""How long before the floor it is known what was decoded, for sources that come very late."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of an utterance: of the mixture, or of a source whose sound begins at `sound_ms`."""

    start_ms: int
    end_ms: int
    source_id: str = ""
    sound_ms: int = 0

    @property
    def span(self) -> Span:
        return self.start_ms, self.end_ms


@dataclass(slots=True)
class OpenTurn:
    """A turn that may still have sound to decode. `transcript_id` names what comes next of it; `told` counts what was
    heard of the turn since that began."""

    turn_id: str
    speaker_id: str
    start_ms: int
    end_ms: int
    transcript_id: str = ""
    told: int = 0

    @property
    def span(self) -> Span:
        return self.start_ms, self.end_ms

    @property
    def order(self) -> tuple[int, int, str]:
        return self.start_ms, len(self.turn_id), self.turn_id


@dataclass(slots=True)
class OpenSource:
    """`heard`: what of it was decoded."""

    source_id: str
    speaker_id: str
    start_ms: int
    end_ms: int
    heard: Spans = field(default_factory=list)


@dataclass(slots=True)
class Region:
    """A stretch whose sound is taken from sources. `spans`: what of it had not been decoded when they came."""

    spans: Spans
    sources: list[OpenSource]

    @property
    def open(self) -> bool:
        return any(self.parts(source) for source in self.sources)

    def parts(self, source: OpenSource) -> list[Part]:
        """What of a source is still to be decoded."""
        spans = without(common([(source.start_ms, source.end_ms)], self.spans), source.heard)
        return [Part(start, end, source.source_id, source.start_ms) for start, end in spans]


@dataclass(slots=True)
class Waiting:
    """An overlap about which separation has not spoken yet."""

    start_ms: int
    end_ms: int
    until_ms: int

    @property
    def span(self) -> Span:
        return self.start_ms, self.end_ms


@dataclass(slots=True)
class Line:
    """The state of one channel, plain data. `floor_ms`: sound before it may be gone, and is never decoded any more."""

    turns: dict[str, OpenTurn] = field(default_factory=dict)
    overlaps: dict[str, Waiting] = field(default_factory=dict)
    regions: dict[str, Region] = field(default_factory=dict)
    claimed: Spans = field(default_factory=list)
    mixed: Spans = field(default_factory=list)
    floor_ms: int = 0

    def take_turn(self, turn: Turn) -> None:
        known = self.turns.get(turn.turn_id)
        if known is None:
            self.turns[turn.turn_id] = OpenTurn(turn.turn_id, turn.speaker_id, turn.start_ms, turn.end_ms, told=1)
        else:
            known.speaker_id, known.start_ms, known.end_ms = turn.speaker_id, turn.start_ms, turn.end_ms
            known.told += 1

    def take_overlap(self, overlap: Overlap, until_ms: int) -> None:
        self.overlaps[overlap.overlap_id] = Waiting(overlap.start_ms, overlap.end_ms, until_ms)

    def take_separated(self, separated: Separated) -> None:
        """Sources once decoded stay decoded, whomever they are given to later, however late that is."""
        waited = [self.overlaps.pop(one).span for one in separated.overlap_ids if one in self.overlaps]
        if separated.outcome == SeparationOutcome.SEPARATED:
            region = self.regions.get(separated.separation_id)
            if region is None:
                start_ms = max(separated.start_ms, self.floor_ms)
                region = Region(without([(start_ms, separated.end_ms)], self._taken()), [])
                self.regions[separated.separation_id] = region
            heard = {source.source_id: source.heard for source in region.sources}
            region.sources = [
                OpenSource(one.source_id, one.speaker_id, one.start_ms, one.end_ms, heard.get(one.source_id, []))
                for one in separated.sources
            ]
        elif separated.outcome != SeparationOutcome.ONE_VOICE:
            self.mixed = merged([*self.mixed, *waited])

    def stop_waiting(self, now_ms: int) -> None:
        """Overlaps about which nothing was heard for too long count as not separated."""
        late = [one for one, overlap in self.overlaps.items() if overlap.until_ms <= now_ms]
        self.mixed = merged([*self.mixed, *(self.overlaps.pop(one).span for one in late)])

    def forget(self, before_ms: int) -> None:
        """Sound before this time may go, unless something open needs it."""
        self.floor_ms = max(self.floor_ms, min(before_ms, self.needed_from(before_ms)))
        floor = self.floor_ms
        self.turns = {key: turn for key, turn in self.turns.items() if turn.end_ms > floor or self.groups(turn)}
        self.overlaps = {key: overlap for key, overlap in self.overlaps.items() if overlap.end_ms > floor}
        self.regions = {
            key: region
            for key, region in self.regions.items()
            if region.open or any(end > floor for _, end in region.spans)
        }
        self.claimed = [span for span in self.claimed if span[1] > floor - REMEMBERED_MS]
        self.mixed = [span for span in self.mixed if span[1] > floor]

    def needed_from(self, at_most_ms: int) -> int:
        """The first instant that something open needs, or may come to need when separation has spoken."""
        starts = [overlap.start_ms for overlap in self.overlaps.values() if overlap.until_ms > at_most_ms]
        starts += [groups[0][0].start_ms for turn in self.turns.values() if (groups := self.groups(turn))]
        starts += [
            max(region.spans[0][0], self.floor_ms) for region in self.regions.values() if region.open and region.spans
        ]
        return min([at_most_ms, *starts])

    def unheard(self, turn: OpenTurn) -> Spans:
        """Mixture of the turn that was not decoded and is not separated, whosoever's it will be."""
        return without([(max(turn.start_ms, self.floor_ms), turn.end_ms)], self._taken())

    def groups(self, turn: OpenTurn) -> list[list[Part]]:
        """The utterances that the turn would give now: parts that follow each other without a hole."""
        earlier = [other.span for other in self.turns.values() if other.order < turn.order]
        parts = [Part(start, end) for start, end in without(self.unheard(turn), earlier)]
        parts += self._own_sources(turn)
        groups: list[list[Part]] = []
        for part in sorted(parts, key=lambda part: part.span):
            if groups and part.start_ms <= groups[-1][-1].end_ms:
                groups[-1].append(part)
            else:
                groups.append([part])
        return [group for group in groups if _worth_it(group)]

    def blockers(self, turn: OpenTurn) -> list[Waiting]:
        """Overlaps in the turn's undecoded sound that separation has not spoken about yet."""
        unheard = self.unheard(turn)
        return sorted(
            (overlap for overlap in self.overlaps.values() if touches(overlap.span, unheard)),
            key=lambda overlap: overlap.span,
        )

    def left_sources(self) -> Iterator[tuple[Region, OpenSource]]:
        """Sources that no turn of their speaker will take along."""
        for region in self.regions.values():
            for source in region.sources:
                if region.parts(source) and not any(self._owns(turn, region, source) for turn in self.turns.values()):
                    yield region, source

    def claim(self, parts: Sequence[Part]) -> Span:
        """Take the parts of one utterance as decoded; gives the span in which its words count.

        Where the mixture at an edge belongs to nobody else, that is a little more than the parts."""
        start, end = parts[0].start_ms, parts[-1].end_ms
        foreign = [*self._taken(), *(turn.span for turn in self.turns.values())]
        foreign += [overlap.span for overlap in self.overlaps.values()]
        if not parts[0].source_id:
            free = without([(max(start - MARGIN_MS, self.floor_ms), start)], foreign)
            start = free[-1][0] if free and free[-1][1] == start else start
        if not parts[-1].source_id:
            free = without([(end, end + MARGIN_MS)], foreign)
            end = free[0][1] if free and free[0][0] == end else end
        for region in self.regions.values():
            for source in region.sources:
                taken = [part.span for part in parts if part.source_id == source.source_id]
                source.heard = merged([*source.heard, *taken])
        mixture = [part.span for part in parts if not part.source_id]
        if not parts[0].source_id:
            mixture.append((start, parts[0].end_ms))
        if not parts[-1].source_id:
            mixture.append((parts[-1].start_ms, end))
        self.claimed = merged([*self.claimed, *mixture])
        return start, end

    def _taken(self) -> Spans:
        return self.claimed + [span for region in self.regions.values() for span in region.spans]

    def _own_sources(self, turn: OpenTurn) -> list[Part]:
        return [
            part
            for region in self.regions.values()
            for source in region.sources
            if self._owns(turn, region, source)
            for part in region.parts(source)
        ]

    def _owns(self, turn: OpenTurn, region: Region, source: OpenSource) -> bool:
        """A source without sound to decode is nobody's, or it would stay open with its turn."""
        same = bool(turn.speaker_id) and turn.speaker_id == source.speaker_id
        return same and touches(turn.span, region.spans) and bool(region.parts(source))


def _worth_it(group: Sequence[Part]) -> bool:
    return length(part.span for part in group) >= MIN_MS or any(part.source_id for part in group)
