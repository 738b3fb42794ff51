"""Sound without a header is known by the ending of its name, or by what the user says it is."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speakerline.shared.arrays import Float32s
from speakerline.tools.media.headerless import FORMATS, parse
from speakerline.tools.media.media_error import MediaError
from speakerline.tools.media.reading import open_recording
from tests.media.make_audio import encode_file, tone


def raw(path: Path, samples: Float32s, rate: int, subtype: str, endian: str = "LITTLE") -> Path:
    soundfile.write(path, samples, rate, format="RAW", subtype=subtype, endian=endian)
    return path


def g722(path: Path, samples: Float32s, rate: int) -> Path:
    encode_file(path.with_suffix(".wav"), samples[None], rate, "g722", "wav")
    whole = path.with_suffix(".wav").read_bytes()
    path.write_bytes(whole[whole.index(b"data") + 8 :])
    return path


@pytest.mark.parametrize(
    ("name", "rate", "subtype"),
    [
        ("call.ulaw", 8000, "ULAW"),
        ("call.ul", 8000, "ULAW"),
        ("CALL.PCMU", 8000, "ULAW"),
        ("call.alaw", 8000, "ALAW"),
        ("call.al", 8000, "ALAW"),
        ("call.sln", 8000, "PCM_16"),
        ("call.sln16", 16000, "PCM_16"),
        ("call.sln48", 48000, "PCM_16"),
        ("call.gsm", 8000, "GSM610"),
        ("call.vox", 8000, "VOX_ADPCM"),
    ],
)
def test_the_ending_says_what_a_headerless_file_is(tmp_path: Path, name: str, rate: int, subtype: str) -> None:
    sent = tone(440, 2.0, rate)
    recording = open_recording(raw(tmp_path / name, sent, rate, subtype))
    heard = recording.read()[0]
    assert recording.sample_rate == min(rate, 16000)
    assert len(heard) == pytest.approx(2.0 * recording.sample_rate, abs=0.03 * recording.sample_rate)
    expected = tone(440, 2.0, recording.sample_rate)
    middle = slice(recording.sample_rate // 2, recording.sample_rate)
    assert np.corrcoef(heard[middle], expected[middle])[0, 1] > 0.97
    doubt = ["no header: taken for 8000 Hz; where that is too fast, --format vox,6000"] if "VOX" in subtype else []
    assert recording.flaws.warnings() == doubt


def test_a_card_that_recorded_at_6000_hz_is_told_so(tmp_path: Path) -> None:
    path = raw(tmp_path / "call.vox", tone(440, 2.0, 6000), 6000, "VOX_ADPCM")
    recording = open_recording(path, headerless=parse("vox,6000"))
    assert recording.read().shape == (1, 16000)
    assert recording.flaws.warnings() == []


@pytest.mark.parametrize(
    ("name", "bits"), [("g726-16", 2), ("g726-24", 3), ("g726-32", 4), ("g726-40", 5), ("g726", 4)]
)
def test_g726_is_read_at_each_of_its_rates(tmp_path: Path, name: str, bits: int) -> None:
    sent = tone(440, 2.0, 8000)
    options = {"code_size": str(bits)}
    encode_file(tmp_path / f"call.{name}", sent[None], 8000, "g726le", "g726le", options=options)
    heard = open_recording(tmp_path / f"call.{name}").read()[0]
    assert len(heard) == pytest.approx(16000, abs=80)
    power = np.abs(np.fft.rfft(heard[4000:12000]))
    assert np.argmax(power) == 440


def test_g722_is_known_by_its_ending(tmp_path: Path) -> None:
    recording = open_recording(g722(tmp_path / "call.g722", tone(440, 2.0, 16000), 16000))
    heard = recording.read()[0]
    assert recording.sample_rate == 16000 and len(heard) == pytest.approx(32000, abs=200)
    assert np.sqrt(np.mean(heard[8000:24000] ** 2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)


def test_a_file_with_a_header_is_what_the_header_says_whatever_its_ending(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "call.sln", tone(440, 1.0, 16000), 16000, format="WAV", subtype="PCM_16")
    assert open_recording(tmp_path / "call.sln").read().shape == (1, 16000)


@pytest.mark.parametrize(
    ("text", "rate", "channels"),
    [("sln,16000,2", 16000, 2), ("SLN16", 16000, 1), ("ulaw,16000", 16000, 1), ("s16be,8000,2", 8000, 2)],
)
def test_the_user_says_what_a_file_without_ending_is(tmp_path: Path, text: str, rate: int, channels: int) -> None:
    planes = np.stack([tone(440, 1.0, rate), tone(700, 1.0, rate)])[:channels]
    subtype = "ULAW" if "ulaw" in text else "PCM_16"
    path = raw(tmp_path / "recording", planes.T, rate, subtype, "BIG" if "be" in text else "LITTLE")
    recording = open_recording(path, "separate", parse(text))
    np.testing.assert_allclose(recording.read(), planes, atol=0.02)


def test_a_file_that_nobody_knows_is_refused_with_the_option_that_helps(tmp_path: Path) -> None:
    path = raw(tmp_path / "recording", tone(440, 1.0, 8000), 8000, "ULAW")
    with pytest.raises(MediaError, match=r"or --format, where it has no header: ulaw, alaw, sln, sln12, sln16"):
        open_recording(path)


@pytest.mark.parametrize(
    "text", ["mp3", "", "sln,0", "sln,8000,1,1", "gsm,8000", "sln;16000", "vox,8000,2", "g726,8000,2"]
)
def test_what_is_no_headerless_format_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(text)


def test_every_format_has_a_name_that_is_an_ending() -> None:
    assert all(parse(name) == replace(form, assumed="") for name, form in FORMATS.items())


def test_nist_sphere_is_read(tmp_path: Path) -> None:
    sent = (tone(440, 1.0, 8000) * 32767).astype(">i2")
    head = (
        "NIST_1A\n   1024\nchannel_count -i 1\nsample_rate -i 8000\nsample_n_bytes -i 2\nsample_byte_format -s2 10\n"
        f"sample_coding -s3 pcm\nsample_count -i {len(sent)}\nend_head\n"
    )
    (tmp_path / "call.sph").write_bytes(head.encode().ljust(1024) + sent.tobytes())
    np.testing.assert_allclose(open_recording(tmp_path / "call.sph").read()[0], tone(440, 1.0, 8000), atol=1e-3)


def test_a_big_endian_wav_is_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "call.wav", tone(440, 1.0, 8000), 8000, format="WAV", subtype="PCM_16", endian="BIG")
    assert (tmp_path / "call.wav").read_bytes().startswith(b"RIFX")
    recording = open_recording(tmp_path / "call.wav")
    np.testing.assert_allclose(recording.read()[0], tone(440, 1.0, 8000), atol=1e-3)
    assert recording.flaws.warnings() == []


def test_a_big_endian_wav_of_the_extensible_kind_is_read(tmp_path: Path) -> None:
    kind = struct.pack(">HHIIHHHHII12x", 0xFFFE, 1, 8000, 16000, 2, 16, 22, 16, 4, 1)
    sound = (tone(440, 1.0, 8000) * 32767).astype(">i2").tobytes()
    chunks = b"fmt " + struct.pack(">I", len(kind)) + kind + b"data" + struct.pack(">I", len(sound)) + sound
    (tmp_path / "call.wav").write_bytes(b"RIFX" + struct.pack(">I", 4 + len(chunks)) + b"WAVE" + chunks)
    np.testing.assert_allclose(open_recording(tmp_path / "call.wav").read()[0], tone(440, 1.0, 8000), atol=1e-3)
