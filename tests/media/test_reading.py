"""Recordings of every format and rate come out as the sound that went in, the same each time, in bounded memory."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speakerline.shared.arrays import Float32s
from speakerline.shared.contract.v1 import Encoding
from speakerline.tools.media.reading import open_recording
from speakerline.tools.media.writing import write_wav
from tests.media.make_audio import encode_file, two_tones


def loudest_hertz(samples: Float32s, sample_rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * sample_rate / len(samples))


@pytest.mark.parametrize(
    ("name", "codec", "source_rate", "sample_rate"),
    [
        ("8bit.wav", "pcm_u8", 8000, 8000),
        ("16bit.wav", "pcm_s16le", 16000, 16000),
        ("24bit.wav", "pcm_s24le", 48000, 16000),
        ("32bit.wav", "pcm_s32le", 44100, 16000),
        ("float.wav", "pcm_f32le", 22050, 16000),
        ("double.wav", "pcm_f64le", 11025, 16000),
        ("mulaw.wav", "pcm_mulaw", 8000, 8000),
        ("alaw.wav", "pcm_alaw", 8000, 8000),
        ("narrow.wav", "pcm_s16le", 6000, 8000),
        ("call.flac", "flac", 8000, 8000),
        ("call.mp3", "libmp3lame", 8000, 8000),
        ("call44.mp3", "libmp3lame", 44100, 16000),
        ("call.m4a", "aac", 44100, 16000),
        ("call8.m4a", "aac", 8000, 8000),
        ("call.aac", "aac", 16000, 16000),
        ("call.ogg", "vorbis", 44100, 16000),
        ("call.opus", "libopus", 48000, 16000),
        ("call.webm", "libopus", 48000, 16000),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_the_sound_of_any_format_comes_out(
    tmp_path: Path, name: str, codec: str, source_rate: int, sample_rate: int
) -> None:
    path = encode_file(tmp_path / name, two_tones(3.0, source_rate), source_rate, codec)
    recording = open_recording(path)
    sound = recording.read()
    assert recording.sample_rate == sample_rate
    assert sound.shape[0] == recording.channels == 2
    assert abs(sound.shape[1] / sample_rate - 3.0) < 0.15  # codecs pad
    assert sound.dtype == np.float32
    for plane, hertz in zip(sound, (440, 700), strict=True):
        middle = plane[sample_rate : 2 * sample_rate]
        assert loudest_hertz(middle, sample_rate) == pytest.approx(hertz, abs=2)
        assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)
    assert recording.flaws.warnings() == []


def test_resampling_keeps_events_where_they_were(tmp_path: Path) -> None:
    samples = np.zeros(44100 * 2, np.float32)
    samples[44100] = 0.9
    soundfile.write(tmp_path / "click.wav", samples, 44100, subtype="FLOAT")
    sound = open_recording(tmp_path / "click.wav").read()[0]
    assert abs(int(np.argmax(np.abs(sound))) - 16000) <= 1
    assert len(sound) == 32000


@pytest.mark.parametrize("block_ms", [20, 100, 330, 60_000])
def test_the_size_of_blocks_does_not_change_the_sound(tmp_path: Path, block_ms: int) -> None:
    path = encode_file(tmp_path / "call.mp3", two_tones(2.5, 44100), 44100, "libmp3lame")
    recording = open_recording(path)
    blocks = list(recording.blocks(block_ms))
    assert all(block.shape[1] == 16 * block_ms for block in blocks[:-1])
    assert np.array_equal(np.concatenate(blocks, axis=1), recording.read())


@pytest.mark.parametrize("encoding", [Encoding.S16LE, Encoding.MULAW, Encoding.ALAW])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_was_written_is_read_back(tmp_path: Path, encoding: Encoding, channels: int) -> None:
    planes = two_tones(1, 8000)[:channels]
    write_wav(tmp_path / "call.wav", planes, 8000, encoding)
    recording = open_recording(tmp_path / "call.wav")
    np.testing.assert_allclose(recording.read(), planes, atol=2**-15 if encoding == Encoding.S16LE else 0.02)
    assert recording.declared_ms == 1000


def test_other_programs_read_what_was_written(tmp_path: Path) -> None:
    write_wav(tmp_path / "call.wav", two_tones(0.5, 8000), 8000, Encoding.MULAW)
    info = soundfile.info(tmp_path / "call.wav")
    assert (info.subtype, info.samplerate, info.channels, info.frames) == ("ULAW", 8000, 2, 4000)


def test_a_long_file_needs_a_few_megabytes(tmp_path: Path) -> None:
    write_wav(tmp_path / "long.wav", np.tile(two_tones(1, 44100), 100), 44100)
    tracemalloc.start()
    try:
        samples = sum(block.shape[1] for block in open_recording(tmp_path / "long.wav").blocks())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert samples == 100 * 16000
    assert peak < 8e6
