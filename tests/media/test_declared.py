"""What the header of a file says of its length: what lies behind it is heard, what is missing is told."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from speakerline.tools.media.reading import open_recording
from tests.media.make_audio import encode_file, tone

SOUND = tone(440, 4.0, 8000)
BYTES = 2 * len(SOUND)


class Promise(NamedTuple):
    """Where a header says how long the sound is: so far behind a marker, in the form of `struct`, with so many bytes
    that are no sound; or in samples."""

    marker: bytes
    offset: int
    form: str
    plus: int = 0
    each: int = 1


class Kind(NamedTuple):
    name: str
    form: str
    endian: str
    promises: tuple[Promise, ...]
    unknown: int | None = 0
    """What stands for an unknown length; None = nothing does."""
    subtype: str = "PCM_16"


RIFF = Promise(b"data", 4, "<I")
KINDS = [
    Kind("wav", "WAV", "FILE", (RIFF,)),
    Kind("wav", "WAV", "FILE", (RIFF,), 0xFFFFFFFF),
    Kind("wav of mu-law", "WAV", "FILE", (RIFF,), subtype="ULAW"),
    Kind("RIFX", "WAV", "BIG", (Promise(b"data", 4, ">I"),)),
    Kind("RF64", "RF64", "FILE", (Promise(b"ds64", 16, "<Q"), Promise(b"ds64", 24, "<Q", each=2)), None),
    Kind("W64", "W64", "FILE", (Promise(b"data\xf3\xac", 16, "<Q", 24),), None),
    Kind("AIFF", "AIFF", "FILE", (Promise(b"SSND", 4, ">I", 8), Promise(b"COMM", 10, ">I", each=2))),
    Kind("little-endian AIFF-C", "AIFF", "LITTLE", (Promise(b"SSND", 4, ">I", 8), Promise(b"COMM", 10, ">I", each=2))),
    Kind("AIFF-C of mu-law", "AIFF", "FILE", (Promise(b"SSND", 4, ">I", 8),), subtype="ULAW"),
    Kind("AU", "AU", "FILE", (Promise(b".snd", 8, ">I"),), 0xFFFFFFFF),
    Kind("AU of A-law", "AU", "FILE", (Promise(b".snd", 8, ">I"),), 0xFFFFFFFF, "ALAW"),
    Kind("CAF", "CAF", "FILE", (Promise(b"data", 4, ">q", 4),), -1),
]


def made(folder: Path, kind: Kind) -> Path:
    path = folder / "call"
    soundfile.write(path, SOUND, 8000, format=kind.form, subtype=kind.subtype, endian=kind.endian)
    return path


def promising(path: Path, kind: Kind, size: int) -> Path:
    """The file with a header that says it had so many bytes of sound."""
    content = bytearray(path.read_bytes())
    for one in kind.promises:
        at = content.index(one.marker) + one.offset
        value = kind.unknown if size == kind.unknown else size // one.each + one.plus
        content[at : at + struct.calcsize(one.form)] = struct.pack(one.form, value)
    path.write_bytes(content)
    return path


def bytes_of(kind: Kind) -> int:
    return BYTES if kind.subtype == "PCM_16" else BYTES // 2


def heard(path: Path) -> tuple[float, list[str]]:
    """Seconds of sound that are the tone, and what is said of the file."""
    recording = open_recording(path)
    (sound,) = recording.read()
    np.testing.assert_allclose(sound, SOUND[: len(sound)], atol=0.02)
    return len(sound) / 8000, recording.flaws.warnings()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_sound_behind_the_declared_end_is_heard_and_told(tmp_path: Path, kind: Kind) -> None:
    path = promising(made(tmp_path, kind), kind, bytes_of(kind) // 4)
    assert heard(path) == (4.0, ["3.0 s lie behind the end that the header declares: used, too"])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_file_that_ends_before_its_declared_length_is_told(tmp_path: Path, kind: Kind) -> None:
    path = made(tmp_path, kind)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - bytes_of(kind) // 2])
    seconds, told = heard(path)
    assert seconds == pytest.approx(2.0, abs=0.05)
    assert told == ["truncated: the file ends before its declared length; the audio up to there was used"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.unknown is not None], ids=lambda kind: kind.name)
def test_a_length_that_was_not_known_when_it_was_written_is_no_flaw(tmp_path: Path, kind: Kind) -> None:
    assert kind.unknown is not None
    assert heard(promising(made(tmp_path, kind), kind, kind.unknown)) == (4.0, [])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_whole_file_has_its_length_and_no_flaw(tmp_path: Path, kind: Kind) -> None:
    path = made(tmp_path, kind)
    assert heard(path) == (4.0, [])
    assert open_recording(path).declared_ms == 4000


def sphere(samples: int) -> bytes:
    head = "NIST_1A\n   1024\nchannel_count -i 1\nsample_rate -i 8000\nsample_n_bytes -i 2\nsample_byte_format -s2 01\n"
    head += f"sample_coding -s3 pcm\nsample_count -i {samples}\nend_head\n"
    return head.encode().ljust(1024) + (SOUND * 32767).astype("<i2").tobytes()


@pytest.mark.parametrize(
    ("samples", "cut", "told"),
    [
        (32000, 0, ""),
        (8000, 0, "3.0 s lie behind the end that the header declares: used, too"),
        (32000, 32000, "truncated: the file ends before its declared length; the audio up to there was used"),
    ],
)
def test_a_sphere_file_is_read_to_its_end(tmp_path: Path, samples: int, cut: int, told: str) -> None:
    whole = sphere(samples)
    (tmp_path / "call.sph").write_bytes(whole[: len(whole) - cut])
    assert heard(tmp_path / "call.sph") == (4.0 - cut / 16000, [told] if told else [])


def test_a_flac_that_goes_on_behind_its_declared_end_is_told(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "call.flac", SOUND, 8000)
    content = bytearray((tmp_path / "call.flac").read_bytes())
    fields = int.from_bytes(content[18:26], "big")
    content[18:26] = (fields >> 36 << 36 | 8000).to_bytes(8, "big")
    (tmp_path / "call.flac").write_bytes(content)
    assert heard(tmp_path / "call.flac") == (4.0, ["3.0 s lie behind the end that the header declares: used, too"])


def riff_notes(size: int) -> bytes:
    return b"LIST" + struct.pack("<I", size) + bytes(size)


def aiff_notes(size: int) -> bytes:
    return b"ANNO" + struct.pack(">I", size) + bytes(size)


def caf_notes(size: int) -> bytes:
    return b"info" + struct.pack(">q", size) + bytes(size)


@pytest.mark.parametrize(
    ("name", "notes"),
    [("WAV", riff_notes), ("AIFF", aiff_notes), ("CAF", caf_notes)],
)
def test_notes_behind_the_sound_are_no_sound(tmp_path: Path, name: str, notes: Callable[[int], bytes]) -> None:
    path = tmp_path / "call"
    soundfile.write(path, SOUND, 8000, format=name, subtype="PCM_16")
    path.write_bytes(path.read_bytes() + notes(40_000))
    assert heard(path) == (4.0, [])


def test_mp3s_one_after_the_other_are_parts_where_each_begins(tmp_path: Path) -> None:
    one = encode_file(tmp_path / "one.mp3", SOUND[None], 8000, "libmp3lame").read_bytes()
    (tmp_path / "call.mp3").write_bytes(one + one[one.index(b"\xff", 10) :] + one)
    recording = open_recording(tmp_path / "call.mp3")
    assert recording.read().shape[1] / 8000 == pytest.approx(12.0, abs=0.3)
    told = recording.flaws.warnings()
    assert [line.partition(": ")[0].split(" ", 3)[-1] for line in told] == [
        "begins another recording in the same file (2 of 3)",
        "begins another recording in the same file (3 of 3)",
    ]


def test_a_second_chunk_of_sound_is_heard_and_told(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", SOUND[:16000], 8000, subtype="PCM_16")
    rest = (SOUND[16000:] * 32767).astype("<i2").tobytes()
    content = (tmp_path / "one.wav").read_bytes() + b"data" + struct.pack("<I", len(rest)) + rest
    (tmp_path / "call.wav").write_bytes(content)
    recording = open_recording(tmp_path / "call.wav")
    (sound,) = recording.read()
    np.testing.assert_allclose(sound[-16000:], SOUND[16000:], atol=1e-3)
    assert recording.flaws.warnings() == ["2.0 s lie behind the end that the header declares: used, too"]


def test_a_broadcast_wave_of_64_bits_is_read_to_its_end(tmp_path: Path) -> None:
    """BW64 (ITU-R BS.2088) is RF64 with another name."""
    kind = next(kind for kind in KINDS if kind.name == "RF64")
    path = promising(made(tmp_path, kind), kind, BYTES // 4)
    path.write_bytes(b"BW64" + path.read_bytes()[4:])
    assert heard(path) == (4.0, ["3.0 s lie behind the end that the header declares: used, too"])


@pytest.mark.parametrize("valid", [16, 20, 24, 32])
def test_samples_in_more_bytes_than_their_valid_bits_need_are_read_as_they_lie(tmp_path: Path, valid: int) -> None:
    sound = (SOUND * 2.0**31).astype("<i4") >> (32 - valid) << (32 - valid)
    guid = b"\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    form = struct.pack("<HHIIHHHHIHH", 0xFFFE, 1, 8000, 32000, 4, 32, 22, valid, 4, 1, 0) + guid
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", sound.nbytes) + sound.tobytes()
    (tmp_path / "call.wav").write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    assert heard(tmp_path / "call.wav") == (4.0, [])


def test_a_recording_whose_clock_does_not_start_at_0_is_not_truncated(tmp_path: Path) -> None:
    path = encode_file(tmp_path / "call.mkv", np.repeat(SOUND, 6)[None], 48000, "libopus", start_s=7.0)
    recording = open_recording(path)
    assert recording.read().shape[1] == pytest.approx(4 * 16000, abs=320)
    assert recording.declared_ms == pytest.approx(4000, abs=20)
    assert recording.flaws.warnings() == []


def test_pauses_that_amr_leaves_out_are_silence_and_no_damage(tmp_path: Path) -> None:
    """A frame of 4.75 kbit/s has 12 bytes behind its first one; `7c` says that there is nothing for 20 ms."""
    speech = (b"\x04" + bytes(range(12))) * 50
    (tmp_path / "call.amr").write_bytes(b"#!AMR\n" + speech + b"\x7c" * 50 + speech)
    recording = open_recording(tmp_path / "call.amr")
    (sound,) = recording.read()
    assert len(sound) == 3 * 8000
    assert not sound[8000:16000].any() and sound[:8000].any() and sound[16000:].any()
    assert recording.flaws.warnings() == ["1.0 s of silence inserted where time stamps jump"]


@pytest.mark.parametrize(("name", "codec"), [("call.wv", "wavpack"), ("call.tta", "tta"), ("call.ac3", "ac3")])
def test_rarer_formats_are_read(tmp_path: Path, name: str, codec: str) -> None:
    recording = open_recording(encode_file(tmp_path / name, np.repeat(SOUND, 4)[None], 32000, codec))
    assert recording.read().shape[1] == pytest.approx(4 * 16000, abs=900)
    assert recording.flaws.warnings() == []
