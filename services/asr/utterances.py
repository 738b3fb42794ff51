"""What is decoded, and when: turns, overlaps and sources in, utterances out, in the order of audio time; pure.

    turn grows ──> open ──no growth for a while──────────────> utterance
                    │  └──longer than 20 s: cut at a pause ──> utterance, and the rest stays open
                    └──touches an overlap ──> waits for its Separated, then as before
    Separated ──> of each source an utterance

Every timer has a place in audio time that follows from the events alone, so the same events give the same utterances,
however they were cut into batches. What was decoded stays decoded: later revisions of turns bring only what is new.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import TypeAdapter
from typing_extensions import assert_never

from speakerline.services.asr.channel import MARGIN_MS, SOUND_MARGIN_MS, ChannelState, OpenTurn, Part
from speakerline.shared.contract import v1
from speakerline.shared.runtime.stage import Event
from speakerline.shared.timeline.spans import Span, Spans, common, subtract

CLOSED_MS = 1000
"""A turn that has not grown for so long is closed; that is looked at when windows end."""

LONG_MS = 20_000
SHORTEST_CUT_MS = 12_000
"""A longer turn is cut between these lengths, at its best pause."""

EDGE_MS = 500
"""A cut stays so far from the end of what is known of a turn."""

WAIT_MS = 20_000
"""How long a turn waits for the separation of its overlap."""

KEEP_MS = 12_000
"""How long audio is kept for turns that come late."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Audio to decode at once: of the mixture, or a source in its context. Words count whose middle lies in `zone`.

    mixed: spans of several voices; separated: those whose sources are utterances too."""

    transcript_id: str
    revision: int
    channel: int
    parts: tuple[Part, ...]
    zone: Span
    mixed: tuple[Span, ...] = ()
    separated: tuple[Span, ...] = ()

    @property
    def source_id(self) -> str:
        """Empty for one of the mixture."""
        return next((part.source_id for part in self.parts if part.source_id), "")

    @property
    def start_ms(self) -> int:
        return self.parts[0].start_ms

    @property
    def end_ms(self) -> int:
        return self.parts[-1].end_ms


@dataclass(frozen=True, slots=True)
class Due:
    """Something is to be decoded at `at_ms`. `search`: where a long turn may be cut; empty = all of it is decoded."""

    at_ms: int
    channel: int
    key: str
    """The turn or the source."""
    search: tuple[Span, ...] = ()


@dataclass(slots=True)
class _State:
    channels: list[ChannelState]
    now_ms: int = 0
    transcripts: int = 0


_STATE = TypeAdapter(_State)


class Utterances:
    """Of one call. `step_ms` is the grid on which windows of the embedding stage end: turns change only there."""

    def __init__(self, channels: int, step_ms: int = 1000, stored: bytes = b"") -> None:
        self._state = _STATE.validate_json(stored) if stored else _State([ChannelState() for _ in range(channels)])
        self._step_ms = step_ms

    @property
    def now_ms(self) -> int:
        """The position of what was taken or decoded last."""
        return self._state.now_ms

    def snapshot(self) -> bytes:
        return _STATE.dump_json(self._state)

    def take(self, event: Event) -> None:
        """The next event; everything that is due before its position must have been decoded."""
        for state in self._state.channels:
            state.forget(event.position - KEEP_MS)
        self._state.now_ms = max(self._state.now_ms, event.position)
        if isinstance(event.body, v1.OverlapBody | v1.TurnBody):
            self._take(event.body, event.position)
        self._name()

    def _take(self, body: v1.OverlapBody | v1.TurnBody, at_ms: int) -> None:
        channels = self._state.channels
        match body:
            case v1.Turn():
                channels[body.channel].take_turn(body)
            case v1.TurnWithdrawn():
                for state in channels:
                    state.turns.pop(body.turn_id, None)
            case v1.Overlap():
                channels[body.channel].take_overlap(body, at_ms + WAIT_MS)
            case v1.Separated():
                channels[body.channel].take_separated(body)
            case v1.SpeakerCreated() | v1.SpeakerMerged() | v1.SpeakerSplit() | v1.SpeakerNamed():
                pass  # words follow the sound, whoever spoke
            case v1.Finalized() | v1.Gap() | v1.Degraded():
                pass
            case _:
                assert_never(body)

    def next_due(self, through_ms: int) -> Due | None:
        """What is decoded next, when the position `through_ms` is passed."""
        dues = [due for due in self._dues() if due.at_ms <= through_ms]
        return min(dues, key=lambda due: (due.at_ms, due.channel, len(due.key), due.key), default=None)

    def decode(self, due: Due, cut_ms: int | None = None) -> list[Utterance]:
        """Marks audio as decoded and says what to decode; `cut_ms` lies in one of `due.search`, if there are any."""
        self._state.now_ms = max(self._state.now_ms, due.at_ms)
        state = self._state.channels[due.channel]
        state.stop_waiting(due.at_ms)
        turn = state.turns.get(due.key)
        if turn is None:
            found = self._decode_source(due, state)
        else:
            found = self._decode_turn(due.channel, state, turn, cut_ms if due.search else None)
        self._name()
        return found

    def open(self) -> list[Utterance]:
        """The utterances of open turns so far, for interim words; no margin, and no words outside."""
        found = []
        for channel, state in enumerate(self._state.channels):
            for turn in sorted(state.turns.values(), key=lambda turn: turn.order):
                if turn.transcript_id and (parts := state.parts(turn)):
                    found.append(Utterance(turn.transcript_id, turn.revisions, channel, (parts[0],), parts[0].span))
        return found

    def needed_from_ms(self, channel: int, through_ms: int) -> int:
        """The first instant whose sound may still be asked for, when the position `through_ms` is passed."""
        return max(0, self._state.channels[channel].needed_from(through_ms - KEEP_MS) - SOUND_MARGIN_MS)

    def _dues(self) -> Iterator[Due]:
        for channel, state in enumerate(self._state.channels):
            for turn in state.turns.values():
                if parts := state.parts(turn):
                    yield self._due(channel, state, turn, parts)
            for region, source in state.open_sources():
                yield Due(self._closes_ms(region.end_ms), channel, source.source_id)

    def _due(self, channel: int, state: ChannelState, turn: OpenTurn, parts: list[Part]) -> Due:
        blockers = state.blockers(turn)
        search = [span for part in parts for span in _where_to_cut(part)][:1]
        if search:
            near = [one for one in blockers if one.start_ms < search[-1][1]]
            if not near:
                return Due(self.now_ms, channel, turn.turn_id, tuple(search))
            before = subtract(search, [(near[0].start_ms - MARGIN_MS, search[-1][1])])
            if before:
                return Due(self.now_ms, channel, turn.turn_id, tuple(before))
            return Due(max(self.now_ms, *(one.until_ms for one in near)), channel, turn.turn_id, tuple(search))
        end_ms = max(turn.end_ms, parts[-1].end_ms)
        return Due(max([self._closes_ms(end_ms), *(one.until_ms for one in blockers)]), channel, turn.turn_id)

    def _closes_ms(self, end_ms: int) -> int:
        """On the grid: the window that could extend it has been analysed, and the margin behind it has come in."""
        return max(self.now_ms, -(-(end_ms + CLOSED_MS) // self._step_ms) * self._step_ms)

    def _decode_turn(self, channel: int, state: ChannelState, turn: OpenTurn, cut_ms: int | None) -> list[Utterance]:
        found = []
        for part in state.parts(turn):
            if cut_ms is not None and part.start_ms >= cut_ms:
                continue
            taken = part if cut_ms is None else Part(part.start_ms, min(part.end_ms, cut_ms))
            zone = state.claim(taken)
            mixed, separated = (tuple(common([zone], spans)) for spans in (state.mixed, state.separated()))
            name = turn.transcript_id or self._next_id()
            found.append(Utterance(name, turn.revisions + 1, channel, (taken,), zone, mixed, separated))
            turn.transcript_id, turn.revisions = "", 1
        return found

    def _decode_source(self, due: Due, state: ChannelState) -> list[Utterance]:
        for region, source in state.open_sources():
            if source.source_id == due.key:
                source.done = True
                parts = state.around(region, source)
                zone = next(part.span for part in parts if part.source_id)
                return [Utterance(self._next_id(), 1, due.channel, tuple(parts), zone)]
        return []

    def _name(self) -> None:
        """Every turn with undecoded audio gets the id of its next transcript. A turn without any has none: its interim
        words are withdrawn."""
        for state in self._state.channels:
            for turn in sorted(state.turns.values(), key=lambda turn: turn.order):
                if not state.parts(turn):
                    turn.transcript_id = ""
                elif not turn.transcript_id:
                    turn.transcript_id, turn.revisions = self._next_id(), 1

    def _next_id(self) -> str:
        self._state.transcripts += 1
        return f"W{self._state.transcripts}"


def _where_to_cut(part: Part) -> Spans:
    """Spans in which a long utterance may be cut; empty while it is not long."""
    if part.end_ms - part.start_ms <= LONG_MS:
        return []
    return [(part.start_ms + SHORTEST_CUT_MS, min(part.start_ms + LONG_MS, part.end_ms - EDGE_MS))]
