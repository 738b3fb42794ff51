"""Calls put into a database without Redis: what search finds, and what must not be found by others."""

from collections.abc import Iterable

from sqlalchemy import insert

from speakerline.services.archive.flac import to_flac
from speakerline.services.archive.folding import Folding
from speakerline.services.archive.sound_rows import SoundRows
from speakerline.services.archive.store import Store
from speakerline.shared.archive.database import migrate, open_database
from speakerline.shared.archive.sound import SoundFolder
from speakerline.shared.archive.tables import recordings
from speakerline.shared.arrays import Int16s
from speakerline.shared.contract.v1 import (
    CallEnded,
    CallStarted,
    CallSummary,
    EndReason,
    SpeakerCreated,
    SpeakerNamed,
    SpeakerSummary,
    TimelineBody,
    Transcript,
    Turn,
    Word,
)
from speakerline.shared.event_kinds import timeline_event
from speakerline.shared.tenants import tenant_of


def a_folding(call_id: str, began_at_ms: int, events: Iterable[TimelineBody], **metadata: str) -> Folding:
    folding = Folding(call_id, began_at_ms)
    announced = CallStarted(call_id, 8000, channels=1, tenant=tenant_of(call_id), metadata=metadata)
    for number, body in enumerate([announced, *events], 1):
        event = timeline_event(call_id, number, 100 * number, body)
        event.epoch = "e1"
        folding.take(event)
    return folding


def said(text: str, number: int = 1, speaker_id: str = "S1") -> Transcript:
    words = [
        Word(word, 1000 * number + 100 * at, 1000 * number + 100 * at + 90, 0.9, speaker_id=speaker_id)
        for at, word in enumerate(text.split())
    ]
    return Transcript(f"w{number}", 1, 0, words[0].start_ms, words[-1].end_ms, True, words=words)


def ended(talk_ms: int = 900) -> list[TimelineBody]:
    speaker = SpeakerSummary("S1", "Ann Miller", talk_ms, 1.0, 1, talk_ms, words=2)
    return [CallSummary(5000, [speaker], talk_ms, 0, 100, 0, 0, 2), CallEnded(5000, EndReason.HANGUP)]


def a_call(call_id: str, began_at_ms: int, text: str, name: str = "", over: bool = True, **metadata: str) -> Folding:
    events: list[TimelineBody] = [SpeakerCreated("S1", 0), Turn("t1", 1, "S1", 0, 1000, 2000, 0.9), said(text)]
    events += [SpeakerNamed("S1", name, 0.9)] if name else []
    return a_folding(call_id, began_at_ms, events + (ended() if over else []), **metadata)


def store_of(url: str) -> Store:
    """A new archive, ours to write."""
    store = Store(open_database(url))
    migrate(store.engine)
    store.take_over("a test")
    return store


def keep(store: Store, *foldings: Folding) -> None:
    store.write(foldings, "1-1", foldings)
    for folding in foldings:
        folding.is_stored()


def record(store: Store, folder: SoundFolder, folding: Folding, *channels: Int16s) -> None:
    """Sound of a call that is kept, whole."""
    row = {"call": folding.archive_id, "folder": "f", "sample_rate": 8000, "encoding": 1, "channels": len(channels)}
    with store.engine.begin() as connection:
        connection.execute(insert(recordings).values(**row, closed=True))
    for channel, samples in enumerate(channels):
        folder.write(f"f/{channel}-0.flac", to_flac(samples, 8000))
        SoundRows(store).add(folding.archive_id, channel, 0, len(samples), f"f/{channel}-0.flac")
