"""Events of calls, and what Windows makes of them."""

import itertools
from collections.abc import Sequence

from speakerline.services.asr.windows import Region, Window, Windows
from speakerline.shared.contract.v1 import Separation, SeparationOutcome, Source, Speech, SpeechState
from speakerline.shared.pipeline import ASR, SOURCES, SPEECH
from speakerline.shared.runtime.stage import FOREVER, Event

RISE_MS, PAUSE_MS = 150, 400
"""How late a segment opens and closes."""


def speech(at_ms: int, start_ms: int, end_ms: int, state: SpeechState = SpeechState.GREW, channel: int = 0) -> Event:
    return Event(SPEECH, at_ms, Speech(f"{channel}.{start_ms}", channel, state, start_ms, end_ms))


def speaking(*spans: tuple[int, int], channel: int = 0) -> list[Event]:
    """What vad says of somebody who speaks then, as it does: open, grown every second, closed after a pause."""
    events = []
    for start, end in spans:
        events.append(speech(start + RISE_MS, start, start + RISE_MS, SpeechState.OPENED, channel))
        grid = range((start + RISE_MS) // 1000 * 1000 + 1000, end + PAUSE_MS, 1000)
        events += [speech(at, start, min(at, end), channel=channel) for at in grid]
        events.append(speech(end + PAUSE_MS, start, end, SpeechState.CLOSED, channel))
    return events


def separated(
    at_ms: int,
    name: str,
    start_ms: int,
    end_ms: int,
    outcome: SeparationOutcome = SeparationOutcome.SEPARATED,
    channel: int = 0,
) -> Event:
    """With two sources, `NAME.1` and `NAME.2`, whose sound is that of the region."""
    sources = [Source(f"{name}.{number}", start_ms, end_ms) for number in (1, 2)]
    kept = sources if outcome == SeparationOutcome.SEPARATED else []
    return Event(SOURCES, at_ms, Separation(name, channel, start_ms, end_ms, [], 2, outcome, kept))


def in_order(*events: Event) -> list[Event]:
    return sorted(events, key=lambda event: (ASR.place(event.stream, event.position), event.stream))


def decoded(
    events: Sequence[Event], reopened: bool = False, passed: Sequence[int] = ()
) -> list[tuple[int, Window | Region]]:
    """Every window and region with the position where it fell due. `passed` are positions of which the stage hears in
    between; windows are cut amid speech where they may first be."""
    channels = 1 + max((getattr(event.body, "channel", 0) for event in events), default=0)
    book, found = Windows(channels), list[tuple[int, Window | Region]]()

    def until(position: int) -> None:
        while due := book.next_due(position):
            assert due.at_ms <= position
            found.append((due.at_ms, book.decode(due, due.search[0] if due.search else None)))

    for before, event in itertools.zip_longest([None, *events], events):
        if event is None:
            break
        place = ASR.place(event.stream, event.position)
        for position in sorted(passed):
            if (ASR.place(before.stream, before.position) if before else 0) <= position < place:
                until(position)
        until(place - 1)
        book.take(event, place)
        if reopened:
            book = Windows(channels, book.snapshot())
    until(FOREVER)
    return found


def windows(found: Sequence[tuple[int, Window | Region]]) -> list[Window]:
    return [one for _, one in found if isinstance(one, Window)]
