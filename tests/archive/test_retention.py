"""What is kept for how long: calls, words and sound apart, and nothing of a call that goes on."""

from pathlib import Path

import numpy as np
import pytest

from speakerline.services.archive.retention import DAY_MS, Limits, expire
from speakerline.services.archive.store import now_ms
from speakerline.shared.archive import reading
from speakerline.shared.archive.search import Wanted, search
from speakerline.shared.archive.sound import SoundFolder, read_recording
from speakerline.shared.archive.words import Query
from tests.archive.archived_calls import a_call, keep, record, store_of
from tests.archive.object_store import objects_url
from tests.archive.running import Database


@pytest.mark.parametrize(
    ("limits", "age_days", "has"),
    [
        pytest.param(Limits(), 10_000, ("call", "turns", "words", "sound"), id="everything, for ever"),
        pytest.param(Limits(2, 2, 2), 1.9, ("call", "turns", "words", "sound"), id="everything, while it is young"),
        pytest.param(Limits(words=2), 2.1, ("call", "turns", "sound"), id="all but words"),
        pytest.param(Limits(sound=2), 2.1, ("call", "turns", "words"), id="all but sound"),
        pytest.param(Limits(calls=2), 2.1, (), id="nothing"),
    ],
)
def test_of_an_ended_call_is_kept(
    database: Database, tmp_path: Path, limits: Limits, age_days: float, has: tuple[str, ...]
) -> None:
    store, folder = store_of(database.url), SoundFolder(objects_url(tmp_path / "sound"))
    keep(store, ended := a_call("ended", 1000, "zanzibar"), a_call("goes-on", 2000, "zanzibar", over=False))
    record(store, folder, ended, np.arange(100, dtype=np.int16))

    def remove(folders: object) -> None:
        for one in folders:  # type: ignore[attr-defined]
            folder.remove(one)

    gone = expire(store, limits, remove, now=now_ms() + round(age_days * DAY_MS))
    store.engine.dispose()
    assert has_of(database, "ended") == has
    assert sum(gone.values()) == (0 if len(has) == 4 else 1)
    assert bool(list(tmp_path.rglob("*.flac"))) == ("sound" in has)
    assert {"call", "turns", "words"} <= set(has_of(database, "goes-on"))


def has_of(database: Database, call_id: str) -> tuple[str, ...]:
    snapshot = database.snapshot(call_id)
    if snapshot is None:
        return ()
    found = database.ask(lambda connection: search(connection, "", Wanted(query=Query.read("zanzibar")), 10))
    words = {call.call_id for call in found} if snapshot.transcripts else set()
    assert (call_id in words) == bool(snapshot.transcripts)
    archived = database.ask(lambda connection: reading.find(connection, call_id))
    assert archived
    recording = database.ask(lambda connection: read_recording(connection, archived.id))
    has = {"call": True, "turns": snapshot.turns, "words": snapshot.transcripts, "sound": recording}
    return tuple(name for name, there in has.items() if there)
