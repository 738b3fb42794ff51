"""Recorded sound: what files have is what was sent, whatever was lost in between is told, and any part can be had."""

import asyncio
import io
import wave
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection

from speakerline.services.aggregator.stage import AggregatorStage
from speakerline.services.archive.channel_sound import STRETCH_S, ChannelSound
from speakerline.services.archive.flac import to_flac
from speakerline.shared.archive import reading
from speakerline.shared.archive.sound import (
    Recording,
    SoundAway,
    SoundFolder,
    Stretch,
    read_recording,
    read_samples,
    wav_bytes,
    wav_length,
)
from speakerline.shared.arrays import Int16s
from speakerline.shared.audio.flac import from_flac
from speakerline.shared.audio.pcm import InvalidAudio, decode
from speakerline.shared.contract.v1 import Encoding
from speakerline.shared.keys import ARCHIVE, audio_key, stage_key
from speakerline.shared.pipeline import AGGREGATOR, AUDIO, readers_of
from speakerline.shared.runtime.connection import Shard, connect
from tests.archive.killed import kill, start
from tests.archive.object_store import objects_url
from tests.archive.running import Database, running_archive
from tests.runtime.playing import a_call, frames_of, play, producing, shard_with, until, working
from tests.runtime.toy_stages import STAGES

RATE = 8000
ANNOUNCING = {**STAGES, AGGREGATOR.name: AggregatorStage()}
"""Toy stages, and an aggregator that tells of the announcement."""


def noise(count: int, seed: int = 0) -> Int16s:
    return np.random.default_rng(seed).integers(-20_000, 20_000, count).astype(np.int16)


@pytest.mark.parametrize("count", [1, 15, 16, 4095, 4096, 4097, 20_000])
def test_flac_keeps_every_sample(count: int) -> None:
    assert (from_flac(to_flac(noise(count), RATE)) == noise(count)).all()


def test_what_is_no_flac_is_told() -> None:
    with pytest.raises(InvalidAudio, match="2 bytes: expected FLAC"):
        from_flac(b"xx")


def frames(sound: ChannelSound, *spans: tuple[int, int]) -> None:
    for start_sample, end in spans:
        sound.push(end, bytes(end - start_sample))


def pieces(sound: ChannelSound) -> list[tuple[int, int]]:
    return [(piece.start, piece.end) for piece in sound.take()]


def test_frames_become_stretches_of_a_length_and_a_hole_ends_one() -> None:
    sound, longest = ChannelSound(RATE, Encoding.MULAW), STRETCH_S * RATE
    frames(sound, *((at, at + 8000) for at in range(0, longest + 8000, 8000)))
    assert pieces(sound) == [(0, longest)]
    frames(sound, (longest + 9000, longest + 9100), (longest + 9050, longest + 9200))
    assert pieces(sound) == [(longest, longest + 8000)]
    sound.flush()
    assert pieces(sound) == [(longest + 9000, longest + 9200)]


def test_repeats_and_what_is_no_sound_are_left_out() -> None:
    sound = ChannelSound(RATE, Encoding.S16LE, written=100)
    sound.push(100, bytes(200))
    sound.push(200, bytes(201))
    sound.push(150, bytes(200))
    sound.flush()
    assert pieces(sound) == [(100, 150)]


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[SoundFolder, Recording]:
    """Two channels: the second lacks its middle."""
    folder = SoundFolder(str(tmp_path / "with blank"))
    stretches = {
        0: [Stretch(0, 1000, "c/0-0.flac")],
        1: [Stretch(0, 300, "c/1-0.flac"), Stretch(700, 1000, "c/1-700.flac")],
    }
    for channel, own in stretches.items():
        for one in own:
            folder.write(one.file, to_flac(noise(1000, channel)[one.start : one.end], RATE))
    return folder, Recording(RATE, 2, True, stretches)


def test_channels_are_mixed_or_read_alone_and_lost_sound_is_silence(recorded: tuple[SoundFolder, Recording]) -> None:
    folder, recording = recorded
    second = np.concatenate([noise(300, 1), np.zeros(400), noise(1000, 1)[700:]]).astype(np.int32)
    assert (read_samples(folder, recording, 0, 1000, 0) == noise(1000, 0)).all()
    assert (read_samples(folder, recording, 250, 750, 1) == second[250:750]).all()
    mixed = np.clip(noise(1000, 0).astype(np.int32) + second, -32768, 32767)
    assert (read_samples(folder, recording, 0, 1000, None) == mixed).all()
    assert (recording.lost(0), recording.lost(1)) == ([], [(300, 700)])


def test_any_part_of_the_wav_file_is_that_part_of_the_whole(recorded: tuple[SoundFolder, Recording]) -> None:
    folder, recording = recorded
    whole = wav_bytes(folder, recording, 0, wav_length(recording), None)
    with wave.open(io.BytesIO(whole)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (1, 2, RATE, 1000)
        assert file.readframes(1000) == read_samples(folder, recording, 0, 1000, None).astype("<i2").tobytes()
    for first, last in ((0, 1), (10, 60), (43, 45), (44, 46), (45, 48), (1001, 1002), (2000, 2044), (2043, 2044)):
        assert wav_bytes(folder, recording, first, last, None) == whole[first:last], (first, last)


@pytest.mark.parametrize("place", ["memory", "objects"])
def test_an_object_store_keeps_and_loses_what_a_folder_does(place: str, tmp_path: Path) -> None:
    url = f"memory://{tmp_path}" if place == "memory" else objects_url(tmp_path / "store")
    folder, late = SoundFolder(url), SoundFolder(url)
    folder.write("c/0-0.flac", to_flac(noise(10), RATE))
    folder.write("c/0-0.flac", to_flac(noise(20), RATE))
    folder.write("cc/0-0.flac", to_flac(noise(30), RATE))
    assert (folder.read("c/0-0.flac") == noise(20)).all()
    folder._files.find(f"{folder._root}/c")  # lists it
    late._files.clear_instance_cache()
    SoundFolder(url).write("c/0-20.flac", to_flac(noise(40), RATE))
    folder.remove("c")
    folder.remove("c")
    for name in ("c/0-0.flac", "c/0-20.flac"):
        with pytest.raises(FileNotFoundError):
            late.read(name)
    assert (folder.read("cc/0-0.flac") == noise(30)).all()


def test_a_store_that_is_away_is_told_from_a_file_that_is_not_there(tmp_path: Path) -> None:
    folder = SoundFolder(objects_url(tmp_path))
    (tmp_path / "away").touch()
    for reach in (lambda: folder.read("c/0-0.flac"), lambda: folder.remove("c"), lambda: folder.write("c/x", b"x")):
        with pytest.raises(SoundAway, match="StoreError: could not connect to the endpoint"):
            reach()


def test_files_are_their_owners_alone_and_go_with_their_folder(
    recorded: tuple[SoundFolder, Recording], tmp_path: Path
) -> None:
    folder, _ = recorded
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    folder.remove("c")
    folder.remove("c")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def of_call(database: Database, call_id: str) -> Recording | None:
    def read(connection: Connection) -> Recording | None:
        found = reading.find(connection, call_id)
        return read_recording(connection, found.id) if found else None

    return database.ask(read)


def sent(number: int, count: int) -> Int16s:
    return decode(b"".join(frames_of(number, count)), Encoding.MULAW)


async def closed(database: Database, call_id: str) -> Recording:
    def found() -> Recording | None:
        recording = of_call(database, call_id) if database.snapshot(call_id) else None
        return recording if recording and recording.closed else None

    recording: Recording = await until(found)
    return recording


async def test_a_call_is_recorded_as_it_was_sent(redis_url: str, database: Database, tmp_path: Path) -> None:
    folder = SoundFolder(str(tmp_path / "sound"))
    async with (
        running_archive(redis_url, database.url, sound_url=str(tmp_path / "sound")),
        working(redis_url, stages=ANNOUNCING),
        producing(redis_url) as producer,
    ):
        redis = connect(redis_url)
        await until(lambda: redis.exists(ARCHIVE))  # from now on sound waits for it
        await redis.aclose()
        await play(producer, a_call("c", channels=1), frames_of(1, 250), pause_s=0.005)
        recording = await closed(database, "c")
        assert recording.lost(0) == [] and len(recording.stretches[0]) == 2
        assert (read_samples(folder, recording, 0, recording.samples, 0) == sent(1, 250)).all()


@pytest.fixture(params=[str, objects_url], ids=["in a folder", "in an object store"])
def sound_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.param(tmp_path / "sound"))


@pytest.mark.slow
@pytest.mark.timeout(200)
async def test_killed_while_it_records_it_has_every_sample_once(
    redis_url: str, database: Database, sound_url: str
) -> None:
    redis = connect(redis_url)
    async with running_archive(redis_url, database.url, sound_url=sound_url):
        await until(lambda: redis.exists(ARCHIVE))  # from now on sound waits for it
    await redis.aclose()
    async with working(redis_url, stages=ANNOUNCING), producing(redis_url) as producer:
        playing = asyncio.create_task(play(producer, a_call("c"), frames_of(1, 400), pause_s=0.02))
        for number in range(8):
            archive = await asyncio.to_thread(start, redis_url, database.url, sound_url=sound_url)
            await asyncio.sleep(0.3 + 0.2 * number)
            await asyncio.to_thread(kill, archive)
        await playing
        async with running_archive(redis_url, database.url, sound_url=sound_url):
            recording = await closed(database, "c")
    assert recording.lost(0) == []
    assert (read_samples(SoundFolder(sound_url), recording, 0, recording.samples, 0) == sent(1, 400)).all()


@pytest.mark.parametrize(
    "shards", [pytest.param(1, id="on one shard"), pytest.param(3, id="where the archive's key is that of a shard")]
)
async def test_sound_waits_a_minute_for_a_recorder_that_is_away_and_then_is_lost(redis_url: str, shards: int) -> None:
    """A stage that is done with 100 s of sound, and a recorder that is not, by `commit.lua`."""
    url = f"{redis_url}?shards={shards}"
    redis = shard_with(url, "c")
    async with working(url), producing(url) as producer:
        call = await producer.start(a_call("c"), buffer_s=200.0)
        await redis.hset(redis.key(ARCHIVE), "records", 1)
        for pcm in frames_of(1, 1000):
            call.send(pcm)
        await until(lambda: _all_have_read(redis, 98 * RATE))
        await until(lambda: _oldest_is_above(redis, 30 * RATE))
        assert await _oldest(redis) <= (100 - 60 + 1) * RATE
        await redis.delete(redis.key(ARCHIVE))
        for pcm in frames_of(1, 100):
            call.send(pcm)
        await until(lambda: _oldest_is_above(redis, 80 * RATE))
        await call.end()
    await redis.aclose()


async def _all_have_read(redis: Shard, position: int) -> bool:
    """Whether no stage needs what is before it."""
    keys = [redis.key(stage_key("c", stage)) for stage in readers_of(AUDIO)]
    return all([int(await redis.hget(key, "low:audio:0") or 0) >= position for key in keys])


async def _oldest(redis: Shard) -> int:
    (entry,) = await redis.execute_command("XRANGE", redis.key(audio_key("c", 0)), "-", "+", "COUNT", 1)
    return int(entry[0].split(b"-")[0])


async def _oldest_is_above(redis: Shard, position: int) -> bool:
    return await _oldest(redis) > position
