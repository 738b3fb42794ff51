"""Nothing of a file is left out without a line that says so: what follows its header's end, second tracks, starts."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from speakerline.shared.arrays import Float32s
from speakerline.tools.media.parts import parts_of
from speakerline.tools.media.reading import open_recording
from tests.media.make_audio import encode_file, tone, two_tones
from tests.recordings import fixtures

FIRST, SECOND = tone(440, 2.0, 8000), tone(700, 3.0, 8000)


def joined(folder: Path, name: str, make: Callable[[Path, Float32s], Path]) -> Path:
    """Two recordings in one file, as `cat` and some recorders make it."""
    pieces = [make(folder / f"{number}{name}", one).read_bytes() for number, one in enumerate((FIRST, SECOND))]
    (folder / name).write_bytes(b"".join(pieces))
    return folder / name


def coded(codec: str, rate: int = 8000) -> Callable[[Path, Float32s], Path]:
    return lambda path, sound: encode_file(path, np.repeat(sound, rate // 8000)[None], rate, codec)


def written(path: Path, sound: Float32s) -> Path:
    soundfile.write(path, sound, 8000)
    return path


@pytest.mark.parametrize(
    ("name", "make"),
    [
        pytest.param("call.wav", written, id="wav"),
        pytest.param("call.flac", written, id="flac"),
        pytest.param("call.aiff", written, id="aiff"),
        pytest.param("call.au", written, id="au"),
        pytest.param("call.caf", written, id="caf"),
        pytest.param("call.w64", written, id="w64"),
        pytest.param("call.ogg", written, id="the links of an Ogg Vorbis chain"),
        pytest.param("call.opus", coded("libopus", 48000), id="the links of an Ogg Opus chain"),
        pytest.param("call.mp3", coded("libmp3lame"), id="mp3"),
        pytest.param("call.m4a", coded("aac"), id="m4a"),
        pytest.param("call.webm", coded("libopus", 48000), id="webm"),
    ],
)
def test_recordings_one_after_the_other_in_a_file_are_all_heard(
    tmp_path: Path, name: str, make: Callable[[Path, Float32s], Path]
) -> None:
    recording = open_recording(joined(tmp_path, name, make))
    heard = recording.read()[0]
    assert len(heard) / recording.sample_rate == pytest.approx(5.0, abs=0.2)
    rate = recording.sample_rate
    hertz = [np.argmax(np.abs(np.fft.rfft(heard[at * rate : (at + 1) * rate]))) for at in (0, 3)]
    assert hertz == [pytest.approx(440, abs=3), pytest.approx(700, abs=3)]
    told = "; ".join(recording.flaws.warnings())
    assert "begins another recording in the same file (2 of 2): it follows" in told
    assert "truncated" not in told


KINDS: dict[str, Callable[[Path, Float32s], Path]] = {
    "wav": written,
    "flac": written,
    "ogg": written,
    "mp3": coded("libmp3lame"),
    "m4a": coded("aac"),
    "webm": coded("libopus", 48000),
    "voc": coded("pcm_u8"),
    "mpg": coded("mp2", 48000),
}


@pytest.mark.parametrize("behind", ["wav", "flac", "ogg", "mp3", "m4a", "webm"])
@pytest.mark.parametrize("first", ["wav", "ogg", "m4a", "webm", "voc", "mpg"])
def test_a_recording_of_another_kind_behind_the_first_is_heard_too(tmp_path: Path, first: str, behind: str) -> None:
    pieces = [KINDS[kind](tmp_path / f"{kind}.{kind}", one) for kind, one in ((first, FIRST), (behind, FIRST))]
    call = tmp_path / f"call.{first}"
    call.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    recording = open_recording(call)
    assert recording.read().shape[1] / recording.sample_rate == pytest.approx(4.0, abs=0.2)
    told = "; ".join(recording.flaws.warnings())
    assert "begins another recording in the same file (2 of 2): it follows" in told
    assert "truncated" not in told and "beyond" not in told


@pytest.mark.parametrize("first", ["ogg", "m4a", "webm", "voc", "mpg"])
def test_what_cannot_be_read_behind_a_recording_is_told_and_padding_is_not(tmp_path: Path, first: str) -> None:
    whole = KINDS[first](tmp_path / f"one.{first}", FIRST).read_bytes()
    for rest, told in (
        (b"\x55" * 5000, ["5000 bytes behind the end of the recording can't be read: left out"]),
        (bytes(5000), []),
    ):
        (tmp_path / f"call.{first}").write_bytes(whole + rest)
        recording = open_recording(tmp_path / f"call.{first}")
        assert recording.read().shape[1] / recording.sample_rate == pytest.approx(2.0, abs=0.1)
        assert [line for line in recording.flaws.warnings() if "bytes" in line] == told


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_ends_amid_a_header_has_one_part(tmp_path: Path, kind: str) -> None:
    whole = KINDS[kind](tmp_path / f"one.{kind}", FIRST).read_bytes()
    for length in (*range(64, 110), 2050, 2056, 2060):
        (tmp_path / "call").write_bytes(whole[:length])
        assert len(parts_of(tmp_path / "call")) == 1


def test_links_of_a_chain_may_have_another_rate_and_more_channels(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.ogg", FIRST, 8000)
    soundfile.write(tmp_path / "two.ogg", two_tones(3, 16000).T, 16000)
    (tmp_path / "call.ogg").write_bytes((tmp_path / "one.ogg").read_bytes() + (tmp_path / "two.ogg").read_bytes())
    recording = open_recording(tmp_path / "call.ogg")
    (heard,) = recording.read()
    assert len(heard) == pytest.approx(5 * 8000, abs=800)
    assert "at 2.0 s it changes to 16000 Hz and 2 channels: converted to 8000 Hz and 1" in "".join(
        recording.flaws.warnings()
    )


def test_links_of_a_chain_may_have_padding_between_them(tmp_path: Path) -> None:
    one, two = (written(tmp_path / name, sound).read_bytes() for name, sound in (("1.ogg", FIRST), ("2.ogg", SECOND)))
    (tmp_path / "call.ogg").write_bytes(one + bytes(777) + two)
    recording = open_recording(tmp_path / "call.ogg")
    assert recording.read().shape[1] == pytest.approx(5 * 8000, abs=800)
    assert recording.flaws.warnings() == ["at 2.0 s begins another recording in the same file (2 of 2): it follows"]


def container(path: Path, tracks: list[tuple[Float32s, float]], codec: str = "aac") -> Path:
    """A file with a video of 6 s and these tracks: sound (channels, n) at 8 kHz, and when it starts in s."""
    with av.open(str(path), "w") as output:
        picture = output.add_stream("mpeg4", rate=10)
        assert isinstance(picture, av.VideoStream)
        picture.width, picture.height, picture.pix_fmt = 16, 16, "yuv420p"
        rate = 48000 if codec == "libopus" else 8000
        streams = [output.add_stream(codec, rate=rate, layout=["mono", "stereo"][len(one) - 1]) for one, _ in tracks]
        packets = []
        for number in range(60):
            frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8))
            frame.pts = number
            packets += picture.encode(frame)
        packets += picture.encode(None)
        for stream, (planes, start_s) in zip(streams, tracks, strict=True):
            assert isinstance(stream, av.AudioStream) and stream.codec_context.codec.audio_formats
            stream.time_base = Fraction(1, rate)
            layout = stream.layout.name
            sound = av.AudioFrame.from_ndarray(np.repeat(planes, rate // 8000, axis=1), format="fltp", layout=layout)
            sound.sample_rate, sound.pts, sound.time_base = rate, round(start_s * rate), Fraction(1, rate)
            form = stream.codec_context.codec.audio_formats[0].name
            ready = av.AudioResampler(form, layout, rate).resample(sound)
            packets += [packet for one in (*ready, None) for packet in stream.encode(one)]
        for packet in packets:
            output.mux(packet)
    return path


@pytest.mark.parametrize(("name", "codec"), [("call.mp4", "aac"), ("call.mkv", "libopus"), ("call.ts", "aac")])
def test_every_track_is_heard_as_channels(tmp_path: Path, name: str, codec: str) -> None:
    path = container(tmp_path / name, [(FIRST[None], 0.0), (SECOND[None], 0.0)], codec)
    recording = open_recording(path, "separate")
    heard, rate = recording.read(), recording.sample_rate
    assert len(heard) == 2 and heard.shape[1] == pytest.approx(3 * rate, abs=0.2 * rate)
    hertz = [np.argmax(np.abs(np.fft.rfft(one[rate // 2 : rate + rate // 2]))) for one in heard]
    assert hertz == [pytest.approx(440, abs=3), pytest.approx(700, abs=3)]
    assert "2 audio tracks: each is heard, side by side as channels" in recording.flaws.warnings()


@pytest.mark.parametrize(("name", "codec"), [("call.mp4", "aac"), ("call.mkv", "libopus"), ("call.ts", "aac")])
def test_times_are_those_of_a_player(tmp_path: Path, name: str, codec: str) -> None:
    path = container(tmp_path / name, [(FIRST[None], 2.5)], codec)
    recording = open_recording(path)
    loud = np.flatnonzero(np.abs(recording.read()[0]) > 0.05)
    assert loud[0] / recording.sample_rate == pytest.approx(2.5, abs=0.2)
    assert "the sound starts at 2." in "".join(recording.flaws.warnings())


def test_tracks_that_start_at_different_times_stay_in_step(tmp_path: Path) -> None:
    recording = open_recording(container(tmp_path / "call.mp4", [(FIRST[None], 0.0), (FIRST[None], 3.0)]), "separate")
    starts = [np.flatnonzero(np.abs(one) > 0.05)[0] / recording.sample_rate for one in recording.read()]
    assert starts[1] - starts[0] == pytest.approx(3.0, abs=0.2)
    assert "audio track 2: the sound starts at " in "".join(recording.flaws.warnings())


def test_parts_begin_at_the_same_time_on_all_tracks(tmp_path: Path) -> None:
    whole = container(tmp_path / "one.mp4", [(FIRST[None], 0.0), (SECOND[None], 0.0)]).read_bytes()
    (tmp_path / "call.mp4").write_bytes(whole + whole)
    recording = open_recording(tmp_path / "call.mp4", "separate")
    heard = recording.read()
    ends_s = [np.flatnonzero(np.abs(one) > 0.05)[-1] / 8000 for one in heard]
    assert heard.shape[1] == pytest.approx(6.1 * 8000, abs=1600)
    assert ends_s == [pytest.approx(5.1, abs=0.15), pytest.approx(6.1, abs=0.15)]


def test_a_track_that_ends_before_the_picture_is_not_truncated(tmp_path: Path) -> None:
    path = container(tmp_path / "call.mkv", [(FIRST[None], 0.0), (SECOND[None], 2.0)], "libopus")
    recording = open_recording(path, "separate")
    assert recording.read().shape[1] / recording.sample_rate == pytest.approx(5.0, abs=0.1)
    assert not [line for line in recording.flaws.warnings() if "truncated" in line]


@pytest.mark.parametrize(("peak", "down_db"), [(1.5, 6), (3.9, 12), (32768, 90)])
def test_floats_beyond_full_scale_are_turned_down_and_it_is_said(tmp_path: Path, peak: float, down_db: int) -> None:
    soundfile.write(tmp_path / "call.wav", tone(440, 2.0, 8000, 0.999) * peak, 8000, subtype="FLOAT")
    recording = open_recording(tmp_path / "call.wav")
    expected = tone(440, 2.0, 8000, 0.999) * peak / 2 ** round(down_db / 6.02)
    np.testing.assert_allclose(recording.read()[0], expected, rtol=0.01, atol=0.002)
    assert recording.flaws.warnings() == [f"samples beyond full scale: the sound was turned down by {down_db} dB"]


def test_broken_samples_do_not_silence_the_call(tmp_path: Path) -> None:
    samples = tone(440, 5.0, 8000)
    samples[1000:1100] = 1e30
    soundfile.write(tmp_path / "call.wav", samples, 8000, subtype="FLOAT")
    recording = open_recording(tmp_path / "call.wav")
    assert np.abs(recording.read()[0][2000:]).max() == pytest.approx(0.3, rel=0.01)
    assert recording.flaws.warnings() == ["100 samples beyond full scale: clipped"]


def test_a_click_beyond_full_scale_does_not_turn_the_call_down(tmp_path: Path) -> None:
    samples = tone(440, 20.0, 8000)
    samples[1000] = 1e20
    soundfile.write(tmp_path / "call.wav", samples, 8000, subtype="FLOAT")
    recording = open_recording(tmp_path / "call.wav")
    assert np.abs(recording.read()[0][2000:]).max() == pytest.approx(0.3, rel=0.01)
    assert recording.flaws.warnings() == ["1 samples beyond full scale: clipped"]


@pytest.mark.parametrize(
    ("name", "seconds", "told"),
    [
        ("two_wavs_in_one.wav", 20.0, "begins another recording"),
        ("two_tracks.mp4", 20.0, "2 audio tracks"),
        ("sound_starts_at_5s.mp4", 25.0, "the sound starts at 4.9 s"),
        ("asterisk.ulaw", 20.0, ""),
    ],
)
def test_what_users_stumbled_over(name: str, seconds: float, told: str) -> None:
    recording = open_recording(fixtures("reports") / name)
    heard = recording.read()
    assert heard.shape[1] / recording.sample_rate == pytest.approx(seconds, abs=0.15)
    assert told in "".join(recording.flaws.warnings())
