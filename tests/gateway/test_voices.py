"""Enrolled voices over HTTP."""

import io
import threading
import tracemalloc
import wave
from pathlib import Path

import numpy as np
import pytest

from speakerline.services.gateway import enrolling
from speakerline.services.gateway.own_speech import own_speech
from speakerline.services.gateway.uploads import MOST_S, RATE, samples_of
from speakerline.shared.archive.settings import ArchiveSettings
from speakerline.shared.archive.sound import SoundFolder
from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import InvalidAudio
from speakerline.shared.contract.v1 import SpeakerCreated, SpeakerMerged, SpeakerNamed, TimelineBody, Turn
from speakerline.shared.runtime import isolation
from speakerline.shared.runtime.isolated_process import IsolatedProcess
from tests.archive.archived_calls import a_folding, ended, keep, record, store_of
from tests.archive.running import sqlite_url
from tests.e2e.sample_call import alone, labels, samples
from tests.gateway.running import running
from tests.gateway.test_bodies import status_of
from tests.runtime.playing import until
from tests.timeline.conversation import conversation
from tests.timeline.events import turn


def wav(samples: bytes, rate: int, channels: int = 1, width: int = 2) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(samples)
    return file.getvalue()


TONE = (np.sin(2 * np.pi * 300 * np.arange(16000) / RATE) * 8000).astype("<i2")


def test_bare_samples_and_a_file_of_them_are_the_same_sound() -> None:
    bare = samples_of(TONE.tobytes(), RATE)
    assert (samples_of(wav(TONE.tobytes(), RATE), 8000) == bare).all()
    both = np.stack([TONE, TONE], axis=1).tobytes()
    assert (samples_of(wav(both, RATE, channels=2), 8000) == bare).all()
    assert (bare * 32768 == TONE).all()


def test_another_rate_is_brought_to_sixteen_kilohertz() -> None:
    slow = samples_of(TONE[::2].tobytes(), 8000)
    assert len(slow) == RATE
    assert np.abs(slow * 32768 - TONE)[500:-500].max() < 20


@pytest.mark.parametrize("body", [b"RIFF", b"RIFF0000WAVEfmt ", wav(b"\x80" * 800, 8000, width=1), wav(b"", 4000)])
def test_other_files_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidAudio, match="expected"):
        samples_of(body, RATE)


@pytest.mark.parametrize("rate", [8000, RATE])
def test_two_minutes_of_a_recording_are_used(rate: int) -> None:
    longer = bytes(2 * rate * (MOST_S + 10))
    for body in (longer, wav(longer, rate)):
        assert len(samples_of(body, rate)) == MOST_S * RATE


def test_a_recording_is_decoded_in_little_memory() -> None:
    body = wav(bytes(8_000_000), 192_000, channels=2)
    tracemalloc.start()
    samples_of(body, RATE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(body)


async def test_the_loop_goes_on_while_a_recording_is_decoded(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def decoding(body: bytes, rate: int) -> Float32s:
        threads.append(threading.current_thread())
        return samples_of(body, rate)

    monkeypatch.setattr("speakerline.services.gateway.routes.voices.samples_of", decoding)
    monkeypatch.setattr(enrolling, "maker_of_voiceprints", "no function")
    async with running(redis_url) as gateway:
        await gateway.client.put("/voices/Ann", content=bytes(64_000))
    assert threads and threading.main_thread() not in threads


SPOKEN = alone(sorted(labels())[0], RATE).tobytes()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[IsolatedProcess]:
    """The processes that were started to make voiceprints."""
    found: list[IsolatedProcess] = []

    class Told(IsolatedProcess):
        def __init__(self, memory_mb: float) -> None:
            super().__init__(memory_mb)
            found.append(self)

    monkeypatch.setattr(isolation, "IsolatedProcess", Told)
    return found


async def test_models_are_loaded_outside_of_the_process_whose_loop_they_would_hold_up(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, started: list[IsolatedProcess]
) -> None:
    loaded: list[Path] = []
    for module in ("campplus", "segmentation"):
        name = f"speakerline.shared.voiceprints.{module}.open_session"
        monkeypatch.setattr(name, lambda model, *_: loaded.append(model))
    async with running(redis_url) as gateway:
        for name in ("Ann", "Bo"):
            assert (await gateway.client.put(f"/voices/{name}", content=SPOKEN)).status_code == 200
        (process,) = started
        assert process.alive and loaded == []
    assert not process.alive


async def test_their_process_ends_where_nobody_enrols_and_comes_back(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, started: list[IsolatedProcess]
) -> None:
    monkeypatch.setattr(enrolling, "IDLE_S", 0.01)
    async with running(redis_url) as gateway:
        for number in (1, 2):
            assert (await gateway.client.put("/voices/Ann", content=SPOKEN)).status_code == 200
            await until(lambda: not any(process.alive for process in started))
            assert len(started) == number


async def test_where_no_voiceprint_can_be_made_now_that_is_told(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolling, "maker_of_voiceprints", "no function")
    async with running(redis_url) as gateway:
        answer = await gateway.client.put("/voices/Ann", content=bytes(64_000))
    assert (answer.status_code, answer.json()) == (503, {"detail": "no voiceprint could be made now: try again"})


async def test_a_recording_that_does_not_come_keeps_nobody_waiting_for_long(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speakerline.services.gateway.routes.voices.UPLOAD_S", 0.01)
    async with running(redis_url) as gateway:
        assert await status_of(gateway, "/voices/Ann", 64_000, b"", method="PUT") == 408


async def test_a_voice_is_enrolled_listed_and_erased(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        path = "/voices/Ann%20Miller%2F2"
        enrolled = (await gateway.client.put(path, content=SPOKEN)).json()
        assert (enrolled["name"], enrolled["clean_s"] >= 3) == ("Ann Miller/2", True)
        assert (await gateway.json("/voices"))["voices"] == [enrolled]
        assert (await gateway.client.delete(path)).json() == {"erased": "Ann Miller/2"}
        assert (await gateway.client.delete(path)).status_code == 404
        assert await gateway.json("/voices") == {"voices": []}


async def test_a_speaker_of_a_recorded_call_is_enrolled_from_it(redis_url: str, tmp_path: Path) -> None:
    spans = labels()[sorted(labels())[0]]
    store, sound_url = store_of(sqlite_url(tmp_path)), str(tmp_path / "sound")
    turns: list[TimelineBody] = [
        Turn(f"t{number}", 1, "S1", 0, start, end, 0.9) for number, (start, end) in enumerate(spans)
    ]
    others: list[TimelineBody] = [Turn("o1", 1, "S2", 0, 0, 500, 0.9), SpeakerNamed("S1", "Bo Larsen", 0.9)]
    people = [SpeakerCreated("S1", 0), SpeakerCreated("S2", 0)]
    call = a_folding("desk", 1000, [*people, *turns, *others, *ended()])
    keep(store, call, a_folding("silent", 2000, [*people, *turns]))
    record(store, SoundFolder(sound_url), call, samples(8000))
    store.engine.dispose()
    async with running(redis_url, archive=ArchiveSettings(sqlite_url(tmp_path), sound_url)) as gateway:
        post = gateway.client.post
        enrolled = await post("/calls/desk/voices", json={"speaker_id": "S1"})
        assert enrolled.status_code == 201, enrolled.text
        assert (enrolled.json()["name"], enrolled.json()["clean_s"] >= 3) == ("Bo Larsen", True)
        assert (await post("/calls/desk/voices", json={"speaker_id": "S1", "name": "Ann"})).json()["name"] == "Ann"
        for call_id, speaker, name, status, why in (
            ("desk", "S2", "Ann", 400, "0.0 s of speech by one voice alone"),
            ("desk", "S2", "", 400, "name '': expected 1 to 100 printable characters"),
            ("desk", "S9", "Ann", 404, "no speaker 'S9' in this call"),
            ("silent", "S1", "Ann", 404, "no such call, or no sound of it"),
            ("nobody", "S1", "Ann", 404, "no such call"),
        ):
            answer = await post(f"/calls/{call_id}/voices", json={"speaker_id": speaker, "name": name})
            assert (answer.status_code, answer.json()["detail"][: len(why)]) == (status, why)
        assert [one["name"] for one in (await gateway.json("/voices"))["voices"]] == ["Ann", "Bo Larsen"]


def test_only_what_a_speaker_says_alone_is_taken_and_a_minute_at_most() -> None:
    timeline = conversation((7000, turn("t4", "S1", 10_000, 45_000)), (7000, turn("t5", "S1", 50_000, 90_000)))
    assert own_speech(timeline, "S1") == (0, [(10_000, 30_000), (50_000, 90_000)])
    assert own_speech(conversation(), "S1") == (0, [(1000, 2500), (2800, 4000)]), "S2 speaks from 2500 to 2800"
    merged = conversation((7000, SpeakerMerged("S2", "S1")))
    assert own_speech(merged, "S2") == (0, [(1000, 4000), (5000, 6500)])


async def test_what_is_no_voice_is_refused_with_what_is_expected(redis_url: str) -> None:
    async with running(redis_url, gateway_upload_bytes=100_000) as gateway:
        silent = await gateway.client.put("/voices/Ann", content=bytes(64_000))
        assert (silent.status_code, "expected at least 3 s" in silent.json()["detail"]) == (400, True)
        assert (await gateway.client.put("/voices/Ann", content=bytes(100_001))).status_code == 413
        assert (await gateway.client.put("/voices/%40acme%2FAnn", content=bytes(100))).status_code == 400
        assert await gateway.json("/voices") == {"voices": []}
