"""Events of calls, and what Utterances makes of them."""

import itertools
from collections.abc import Sequence
from typing import Any

from speakerline.services.asr.utterances import Utterance, Utterances
from speakerline.shared.contract.v1 import Overlap, Separated, SeparationOutcome, SpeakerSource, Turn, TurnWithdrawn
from speakerline.shared.pipeline import OVERLAPS, TURNS
from speakerline.shared.runtime.stage import FOREVER, Event


def turn(at_ms: int, turn_id: str, start_ms: int, end_ms: int, speaker: str = "S1", channel: int = 0) -> Event:
    return Event(TURNS, at_ms, Turn(turn_id, 1, speaker, channel, start_ms, end_ms, 0.9))


def withdrawn(at_ms: int, turn_id: str) -> Event:
    return Event(TURNS, at_ms, TurnWithdrawn(turn_id, 2))


def overlap(at_ms: int, overlap_id: str, start_ms: int, end_ms: int, channel: int = 0) -> Event:
    return Event(OVERLAPS, at_ms, Overlap(overlap_id, channel, start_ms, end_ms, 2))


def separated(
    at_ms: int,
    overlap_id: str,
    start_ms: int,
    end_ms: int,
    speakers: Sequence[str] = ("S1", "S2"),
    outcome: SeparationOutcome = SeparationOutcome.SEPARATED,
    revision: int = 1,
) -> Event:
    sources = [
        SpeakerSource(f"{overlap_id}.{number}", speaker, 0.9, start_ms, end_ms)
        for number, speaker in enumerate(speakers)
        if outcome == SeparationOutcome.SEPARATED
    ]
    fields: dict[str, Any] = {"overlap_ids": [overlap_id], "voices": 2, "outcome": outcome, "sources": sources}
    return Event(TURNS, at_ms, Separated(f"X{overlap_id}", revision, 0, start_ms, end_ms, **fields))


def decoded(
    events: Sequence[Event], cuts: Sequence[int] = (), reopened: bool = False, passed: Sequence[int] = ()
) -> list[tuple[int, Utterance]]:
    """Every utterance with the position where it fell due. The events come in batches that end at `cuts`; `passed` are
    positions of which the stage hears in between; long ones are cut where they may first be."""
    channels = 1 + max((getattr(event.body, "channel", 0) for event in events), default=0)
    book, found = Utterances(channels), list[tuple[int, Utterance]]()

    def until(position: int) -> None:
        while due := book.next_due(position):
            assert due.at_ms <= position
            found.extend((due.at_ms, one) for one in book.decode(due, due.search[0][0] if due.search else None))

    for before, event in itertools.zip_longest([None, *events], events):
        if event is None:
            break
        for position in sorted(passed):
            if (before.position if before else 0) <= position < event.position:
                until(position)
        until(event.position - 1)
        book.take(event)
        if reopened:
            book = Utterances(channels, stored=book.snapshot())
    until(FOREVER)
    return found


def spans(found: Sequence[tuple[int, Utterance]]) -> list[tuple[int, int, str]]:
    """All parts: start, end, source."""
    return [(part.start_ms, part.end_ms, part.source_id) for _, one in found for part in one.parts]
