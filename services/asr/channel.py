"""What of one channel has been decoded, what is open, and which audio a turn consists of; pure.

    turn of A        |=======================|
    turn of B                     |=================|
    overlap                       |==========|                separated: a source of A, a source of B

    utterance of A   |--------mixture--------|
    utterance of B                            |--mixture---|  every instant of the mixture once
    source of A            ~~~~~~~|-source A-|
    source of B                   |-source B-|~~~~~~~         ~~~ mixture around it, as context only

The mixture is decoded once, for the turn that began first, so a bad separation loses none of its words. Overlaps
without a separation are marked.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from speakerline.shared.contract.v1 import Overlap, Separated, SeparationOutcome, Turn
from speakerline.shared.timeline.spans import Span, Spans, common, length, subtract, touches, union

MARGIN_MS = 200
"""How far words may lie outside their turn, where nobody else has a turn: its edges are not more exact than that."""

SOUND_MARGIN_MS = 300
"""Audio around an utterance that is decoded too, so that a word at its edge is complete."""

MIN_MS = 100
"""A shorter rest of a turn, after a revision, is not decoded."""

CONTEXT_MS = 1500
"""How much of the speaker's own audio before and after a source is decoded with it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an utterance: of the mixture, or of a source whose audio begins at `sound_ms`."""

    start_ms: int
    end_ms: int
    source_id: str = ""
    sound_ms: int = 0

    @property
    def span(self) -> Span:
        return self.start_ms, self.end_ms


@dataclass(slots=True)
class OpenTurn:
    """A turn that may still have audio to decode. transcript_id: of its next transcript. revisions: of the turn since
    that transcript began."""

    turn_id: str
    speaker_id: str
    start_ms: int
    end_ms: int
    transcript_id: str = ""
    revisions: int = 0

    @property
    def span(self) -> Span:
        return self.start_ms, self.end_ms

    @property
    def order(self) -> tuple[int, int, str]:
        return self.start_ms, len(self.turn_id), self.turn_id


@dataclass(slots=True)
class OpenSource:
    source_id: str
    speaker_id: str
    start_ms: int
    end_ms: int
    done: bool = False


@dataclass(slots=True)
class Region:
    """A separated overlap."""

    start_ms: int
    end_ms: int
    sources: list[OpenSource]

    @property
    def span(self) -> Span:
        return self.start_ms, self.end_ms

    @property
    def open(self) -> bool:
        return not all(source.done for source in self.sources)


@dataclass(slots=True)
class Waiting:
    """An overlap whose separation has not come yet."""

    start_ms: int
    end_ms: int
    until_ms: int

    @property
    def span(self) -> Span:
        return self.start_ms, self.end_ms


@dataclass(slots=True)
class ChannelState:
    """The state of one channel, plain data. `floor_ms`: audio before it may be trimmed, and is never decoded."""

    turns: dict[str, OpenTurn] = field(default_factory=dict)
    overlaps: dict[str, Waiting] = field(default_factory=dict)
    regions: dict[str, Region] = field(default_factory=dict)
    claimed: Spans = field(default_factory=list)
    mixed: Spans = field(default_factory=list)
    floor_ms: int = 0

    def take_turn(self, turn: Turn) -> None:
        known = self.turns.get(turn.turn_id)
        if known is None:
            self.turns[turn.turn_id] = OpenTurn(turn.turn_id, turn.speaker_id, turn.start_ms, turn.end_ms)
        else:
            known.speaker_id, known.start_ms, known.end_ms = turn.speaker_id, turn.start_ms, turn.end_ms
            known.revisions += 1

    def take_overlap(self, overlap: Overlap, until_ms: int) -> None:
        self.overlaps[overlap.overlap_id] = Waiting(overlap.start_ms, overlap.end_ms, until_ms)

    def take_separated(self, separated: Separated) -> None:
        """A decoded source is not decoded again, even if it is given to another speaker later. A source without audio
        in the separated region has nothing to decode."""
        waited = [self.overlaps[one].span for one in separated.overlap_ids if one in self.overlaps]
        for overlap_id in separated.overlap_ids:
            self.overlaps.pop(overlap_id, None)
        if separated.outcome == SeparationOutcome.SEPARATED:
            known = self.regions.get(separated.separation_id)
            if known is None and separated.end_ms <= self.floor_ms:
                return
            done = {source.source_id for source in known.sources if source.done} if known else set()
            region = Region(separated.start_ms, separated.end_ms, [])
            self.regions[separated.separation_id] = region
            for one in separated.sources:
                silent = not common([(one.start_ms, one.end_ms)], [region.span])
                over = silent or one.source_id in done
                region.sources.append(OpenSource(one.source_id, one.speaker_id, one.start_ms, one.end_ms, over))
        elif separated.outcome != SeparationOutcome.ONE_VOICE:
            self.mixed = union([*self.mixed, *waited])

    def stop_waiting(self, now_ms: int) -> None:
        """Overlaps whose separation has not come in time count as not separated."""
        late = [overlap.span for overlap in self.overlaps.values() if overlap.until_ms <= now_ms]
        self.overlaps = {key: overlap for key, overlap in self.overlaps.items() if overlap.until_ms > now_ms}
        self.mixed = union([*self.mixed, *late])

    def forget(self, before_ms: int) -> None:
        """Audio before this time may be trimmed, unless something open needs it."""
        self.floor_ms = max(self.floor_ms, min(before_ms, self.needed_from(before_ms)))
        floor = self.floor_ms
        self.turns = {key: turn for key, turn in self.turns.items() if turn.end_ms > floor or self.parts(turn)}
        self.overlaps = {key: overlap for key, overlap in self.overlaps.items() if overlap.end_ms > floor}
        self.regions = {key: region for key, region in self.regions.items() if region.open or region.end_ms > floor}
        self.claimed = [span for span in self.claimed if span[1] > floor]
        self.mixed = [span for span in self.mixed if span[1] > floor]

    def needed_from(self, at_most_ms: int) -> int:
        """The first instant that something open needs, or may need once its separation comes."""
        starts = [overlap.start_ms for overlap in self.overlaps.values() if overlap.until_ms > at_most_ms]
        starts += [parts[0].start_ms for turn in self.turns.values() if (parts := self.parts(turn))]
        starts += [max(one.start_ms - CONTEXT_MS, self.floor_ms) for one in self.regions.values() if one.open]
        return min([at_most_ms, *starts])

    def undecoded(self, turn: OpenTurn) -> Spans:
        """Mixture of the turn that was not decoded, for whichever turn."""
        return subtract([(max(turn.start_ms, self.floor_ms), turn.end_ms)], self.claimed)

    def parts(self, turn: OpenTurn) -> list[Part]:
        """What would be decoded of the turn now."""
        earlier = [other.span for other in self.turns.values() if other.order < turn.order]
        return [Part(*span) for span in subtract(self.undecoded(turn), earlier) if length([span]) >= MIN_MS]

    def blockers(self, turn: OpenTurn) -> list[Waiting]:
        """Overlaps in the undecoded audio of the turn whose separation has not come yet."""
        undecoded = self.undecoded(turn)
        return sorted(
            (overlap for overlap in self.overlaps.values() if touches(overlap.span, undecoded)),
            key=lambda overlap: overlap.span,
        )

    def separated(self) -> Spans:
        return union(region.span for region in self.regions.values())

    def open_sources(self) -> Iterator[tuple[Region, OpenSource]]:
        """Sources that are still to be decoded."""
        for region in self.regions.values():
            for source in region.sources:
                if not source.done:
                    yield region, source

    def around(self, region: Region, source: OpenSource) -> list[Part]:
        """The source, with its speaker's own audio before and after it."""
        mine = [turn.span for turn in self.turns.values() if turn.speaker_id and turn.speaker_id == source.speaker_id]
        others = [turn.span for turn in self.turns.values() if turn.speaker_id != source.speaker_id]
        others += [overlap.span for overlap in self.overlaps.values()]
        near = (max(region.start_ms - CONTEXT_MS, self.floor_ms), region.end_ms + CONTEXT_MS)
        alone = subtract(common([near], union(mine)), [*others, *self.separated()])
        start_ms, end_ms = max(source.start_ms, region.start_ms), min(source.end_ms, region.end_ms)
        own = Part(start_ms, end_ms, source.source_id, source.start_ms)
        before = [Part(*span) for span in alone if span[1] == start_ms]
        after = [Part(*span) for span in alone if span[0] == end_ms]
        return [*before, own, *after]

    def claim(self, part: Part) -> Span:
        """Mark the mixture of an utterance as decoded; returns the span in which its words count.

        At an edge without another turn it extends a little beyond the part."""
        start, end = part.span
        foreign = [*self.claimed, *(turn.span for turn in self.turns.values())]
        foreign += [overlap.span for overlap in self.overlaps.values()]
        free = subtract([(max(start - MARGIN_MS, self.floor_ms), start)], foreign)
        start = free[-1][0] if free and free[-1][1] == start else start
        free = subtract([(end, end + MARGIN_MS)], foreign)
        end = free[0][1] if free and free[0][0] == end else end
        self.claimed = union([*self.claimed, (start, end)])
        return start, end
