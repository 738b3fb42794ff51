"""The table of bad files: each gets an error that says what was wrong, or is used and its flaws are reported."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speakerline.shared.arrays import Float32s
from speakerline.tools.media.media_error import MediaError
from speakerline.tools.media.reading import open_recording
from speakerline.tools.media.writing import write_wav
from tests.media.make_audio import encode_file, tone, two_tones

Make = Callable[[Path], Path]


def written(name: str, content: bytes) -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def wav(
    planes: Float32s,
    rate: int = 8000,
    name: str = "call.wav",
    subtype: str = "FLOAT",
) -> Make:
    def make(folder: Path) -> Path:
        soundfile.write(folder / name, planes.T, rate, subtype=subtype, format="WAV")
        return folder / name

    return make


def cut(make: Make, share: float) -> Make:
    def make_cut(folder: Path) -> Path:
        path = make(folder)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        return path

    return make_cut


def coded(name: str, codec: str, rate: int = 44100, lost: range = range(0)) -> Make:
    return lambda folder: encode_file(folder / name, two_tones(6, rate), rate, codec, lost_packets=lost)


def of_unknown_coding(folder: Path) -> Path:
    path = wav(tone(440, 1, 8000)[None], subtype="PCM_16")(folder)
    content = bytearray(path.read_bytes())
    at = content.index(b"fmt ") + 8
    content[at : at + 2] = b"\x77\x77"
    path.write_bytes(content)
    return path


def compressed_sphere(coding: str) -> Make:
    head = "NIST_1A\n   1024\nchannel_count -i 1\nsample_rate -i 8000\nsample_n_bytes -i 1\n"
    head += f"sample_coding -s{len(coding)} {coding}\nsample_count -i 8000\nend_head\n"
    return written("call.sph", head.encode().ljust(1024) + b"ajkg\x02" + bytes(range(256)) * 20)


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "call.wav")
    return folder / "call.wav"


def damaged_flac(folder: Path) -> Path:
    path = coded("call.flac", "flac")(folder)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    path.write_bytes(content)
    return path


TEXT = b"Dear customer, this is not a sound at all.\n" * 200
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda folder: folder / "gone.wav", "no such file", id="a missing file"),
        pytest.param(lambda folder: folder, "is a folder: expected a file", id="a folder"),
        pytest.param(pipe, "is a pipe or a device: expected a file", id="a pipe"),
        pytest.param(lambda folder: Path("/dev/zero"), "is a pipe or a device: expected a file", id="a device"),
        pytest.param(written("call.wav", b""), "the file is empty", id="an empty file"),
        pytest.param(
            written("call.wav", TEXT), "could not be decoded.*expected audio such as wav", id="a text called wav"
        ),
        pytest.param(
            written("call.mp3", TEXT), "could not be decoded.*expected audio such as wav", id="a text called mp3"
        ),
        pytest.param(written("call.mp3", bytes(50_000)), "expected", id="zeros called mp3"),
        pytest.param(written("call.flac", b"fLaC"), "expected", id="only the magic of a flac"),
        pytest.param(written("call.wav", b"RIFF\x24\0\0\0WAVE"), "expected", id="only the head of a wav"),
        pytest.param(written("call.wav", PNG), "expected audio", id="a picture"),
        pytest.param(written("call.m3u8", PLAYLIST), "could not be decoded", id="a playlist is never followed"),
        pytest.param(of_unknown_coding, "coded in a way that ffmpeg does not know: expected", id="an unknown coding"),
        pytest.param(
            compressed_sphere("ulaw,embedded-shorten-v1.09"), "that ffmpeg does not know", id="a compressed Sphere file"
        ),
        pytest.param(wav(np.zeros((1, 0), np.float32)), r"no audio samples", id="zero duration"),
        pytest.param(wav(two_tones(1, 8000)[:1].repeat(20, axis=0)), "20 channels: expected 1 to 8", id="20 channels"),
        pytest.param(wav(tone(1, 9, 100)[None], rate=100), "sample rate 100 Hz: expected 4000", id="a rate of 100 Hz"),
        pytest.param(cut(coded("call.m4a", "aac"), 0.5), "could not be decoded", id="an m4a cut off before its index"),
    ],
)
def test_unusable_files_are_refused_by_name(tmp_path: Path, make: Make, message: str) -> None:
    path = make(tmp_path)
    with pytest.raises(MediaError, match=message) as refused:
        open_recording(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("make", "seconds", "warning"),
    [
        pytest.param(wav(np.zeros((1, 16000), np.float32)), 2.0, None, id="silence is fine"),
        pytest.param(wav(tone(440, 1, 8000)[None]), 1.0, None, id="one second is fine"),
        pytest.param(wav(tone(440, 0.001, 8000)[None]), 0.001, None, id="one millisecond is fine"),
        pytest.param(wav(tone(440, 2, 8000)[None], name="call.mp3"), 2.0, None, id="a wav called mp3"),
        pytest.param(wav(tone(440, 2, 8000)[None], name="call"), 2.0, None, id="a wav without extension"),
        pytest.param(cut(wav(tone(440, 6, 8000)[None]), 0.5), 3.0, "truncated", id="a truncated wav"),
        pytest.param(
            cut(wav(tone(440, 6, 8000)[None], subtype="PCM_16"), 0.5), 3.0, "truncated", id="a truncated linear wav"
        ),
        pytest.param(cut(coded("call.flac", "flac"), 0.5), 3.0, "truncated", id="a truncated flac"),
        pytest.param(cut(coded("call.webm", "libopus", 48000), 0.5), 3.0, "truncated", id="a truncated webm"),
        pytest.param(cut(coded("call.mp3", "libmp3lame"), 0.5), 3.0, "truncated", id="a truncated mp3"),
        pytest.param(cut(coded("call.ogg", "vorbis"), 0.5), 1.2, "truncated", id="a truncated ogg"),
        pytest.param(cut(coded("call.opus", "libopus", 48000), 0.5), 3.0, "truncated", id="a truncated opus"),
        pytest.param(damaged_flac, 6.0, "damaged packets skipped", id="a flac with a hole in its bytes"),
        pytest.param(
            coded("call.webm", "libopus", 48000, range(100, 200)),
            6.0,
            "2.0 s of silence",
            id="a webm with lost packets",
        ),
    ],
)
def test_what_is_there_is_used_and_reported(tmp_path: Path, make: Make, seconds: float, warning: str | None) -> None:
    recording = open_recording(make(tmp_path))
    sound = recording.read()
    assert sound.shape[1] / recording.sample_rate == pytest.approx(seconds, abs=0.3 if warning else 0.0005)
    assert np.isfinite(sound).all()
    warnings = "\n".join(recording.flaws.warnings())
    assert re.search(warning, warnings) if warning else not warnings


def test_nan_and_infinity_become_silence_and_are_counted(tmp_path: Path) -> None:
    samples = tone(440, 2, 8000)
    samples[4000:4080] = np.nan
    samples[12000] = np.inf
    samples[12001] = -np.inf
    samples[100] = 1.5
    recording = open_recording(wav(samples[None])(tmp_path))
    sound = recording.read()[0]
    assert np.all(sound[4000:4080] == 0)
    assert sound[12000] == sound[12001] == 0
    assert sound[100] == 1.0
    assert recording.flaws.invalid_samples == 82
    assert recording.flaws.invalid_spans_s == [(0.5, 0.51), (1.5, 1.50025)]
    assert "82 samples were not finite, the first at 0.500 s" in "".join(recording.flaws.warnings())


def test_a_file_of_nothing_but_nan_is_silence(tmp_path: Path) -> None:
    recording = open_recording(wav(np.full((2, 8000), np.nan, np.float32))(tmp_path))
    assert not recording.read().any()
    assert recording.flaws.invalid_spans_s == [(0.0, 1.0)]


def test_a_wav_of_unknown_length_as_streams_write_it_is_not_truncated(tmp_path: Path) -> None:
    path = tmp_path / "stream.wav"
    write_wav(path, tone(440, 2, 8000), 8000)
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    recording = open_recording(path)
    assert recording.read().shape == (1, 16000)
    assert recording.flaws.warnings() == []


def test_an_unknown_mode_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="channels 'left': expected mix, separate, auto"):
        open_recording(wav(two_tones(1, 8000))(tmp_path), "left")  # type: ignore[arg-type]
