"""New producers are told their mistakes within seconds of sound, and nobody is told of one that is none."""

import base64
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from speakerline.services.vad.format_watch import WINDOW, FormatWatch, looks_like
from speakerline.shared.arrays import Int16s
from speakerline.shared.audio import pcm
from speakerline.shared.contract.v1 import Encoding, FormatDoubt, SoundFormat
from speakerline.shared.runtime.stage import Frame
from tests.vad.listening import Call, Quiet, conversation

MULAW, ALAW, S16LE = Encoding.MULAW, Encoding.ALAW, Encoding.S16LE
WAYS: dict[str, Callable[[Int16s], bytes]] = {
    "MULAW": lambda sound: pcm.encode(sound, MULAW),
    "ALAW": lambda sound: pcm.encode(sound, ALAW),
    "S16LE": lambda sound: pcm.encode(sound, S16LE),
    "S16BE": lambda sound: sound.astype(">i2").tobytes(),
    "U8": lambda sound: ((sound >> 8) + 128).astype(np.uint8).tobytes(),
    "F32LE": lambda sound: pcm.to_float32(sound).astype("<f4").tobytes(),
    "S24LE": lambda sound: (sound.astype("<i4") << 8).view(np.uint8).reshape(-1, 4)[:, :3].tobytes(),
    "S32LE": lambda sound: (sound.astype("<i4") << 16).tobytes(),
    "F64LE": lambda sound: pcm.to_float32(sound).astype("<f8").tobytes(),
    "BASE64": lambda sound: base64.b64encode(pcm.encode(sound, MULAW)),
    "TEXT": lambda sound: pcm.encode(sound, MULAW).hex(" ").encode(),
}
ANNOUNCED = (MULAW, ALAW, S16LE)


def speech(sample_rate: int) -> Int16s:
    """Six seconds of a call, from where somebody speaks."""
    return conversation(sample_rate)[7 * sample_rate : 13 * sample_rate]


def doubts(raw: bytes, encoding: Encoding, sample_rate: int = 8000, frame_bytes: int = 1600) -> list[FormatDoubt]:
    """What is told of these bytes, sent in frames of this size at the positions that follow."""
    call, width = Call(Quiet(), sample_rate, encoding), pcm.bytes_per_sample(encoding)
    for at in range(0, len(raw), frame_bytes):
        piece = raw[at : at + frame_bytes]
        call.push(Frame(0, (at + len(piece)) // width, piece))
    call.close()
    return call.bodies(FormatDoubt)


@pytest.mark.parametrize("sample_rate", [8000, 16000])
@pytest.mark.parametrize("announced", ANNOUNCED, ids=lambda one: one.name)
@pytest.mark.parametrize("sent", WAYS)
def test_what_was_sent_is_recognised_within_seconds_of_sound(sent: str, announced: Encoding, sample_rate: int) -> None:
    told = doubts(WAYS[sent](speech(sample_rate)), announced, sample_rate)
    if sent == announced.name:
        assert told == []
        return
    (doubt,) = told
    assert doubt.looks_like.name == sent
    assert doubt.end_ms <= 6000
    assert f"announced as {announced}" in doubt.detail


@pytest.mark.parametrize("cut", [160, 161, 1000, 40_000])
def test_how_the_bytes_are_cut_makes_no_difference(cut: int) -> None:
    (doubt,) = doubts(WAYS["ALAW"](speech(8000)), MULAW, frame_bytes=cut)
    assert doubt.looks_like == SoundFormat.ALAW


def test_a_header_of_a_file_is_told_at_once() -> None:
    (doubt,) = doubts(b"RIFF" + bytes(4) + b"WAVEfmt " + WAYS["S16LE"](speech(8000)), S16LE, frame_bytes=320)
    assert doubt.looks_like == SoundFormat.FILE
    assert doubt.end_ms <= 40


def test_positions_that_count_bytes_are_told() -> None:
    call, raw = Call(Quiet()), WAYS["S16LE"](speech(8000))
    for at in range(0, 32_000, 320):
        call.push(Frame(0, at + 320, raw[at : at + 320]))
    (doubt,) = call.close().bodies(FormatDoubt)
    assert doubt.looks_like == SoundFormat.BYTE_POSITIONS
    assert doubt.end_ms <= 1000


@pytest.mark.parametrize(
    "position",
    [
        pytest.param(lambda number: 20 * number, id="milliseconds"),
        pytest.param(lambda number: number, id="frames"),
        pytest.param(lambda number: 960 * number, id="the clock of Opus"),
        pytest.param(lambda number: 1_718_000_000_000 + 21 * number, id="the wall clock, as Redis writes it for *"),
    ],
)
def test_positions_that_count_something_else_are_told(position: Callable[[int], int]) -> None:
    call, raw = Call(Quiet(), 8000, MULAW), WAYS["MULAW"](speech(8000))
    for number in range(1, 40):
        call.push(Frame(0, position(number), raw[160 * number : 160 * (number + 1)]))
    (doubt,) = call.close().bodies(FormatDoubt)
    assert doubt.looks_like == SoundFormat.OTHER_POSITIONS


def test_packets_of_rtp_are_told_and_none_is_seen_in_sound_alone() -> None:
    call, raw = Call(Quiet(), 8000, MULAW), WAYS["MULAW"](speech(8000))
    for number in range(20):
        header = struct.pack(">BBHII", 0x80, 0, (65_530 + number) % 65_536, 160 * number, 0x12345678)
        call.push(Frame(0, 160 * (number + 1), header + raw[160 * number : 160 * (number + 1)]))
    (doubt,) = call.close().bodies(FormatDoubt)
    assert doubt.looks_like == SoundFormat.RTP
    assert doubt.end_ms <= 260


def test_lost_and_repeated_frames_are_no_mistake() -> None:
    call, raw = Call(Quiet(), 8000, MULAW), WAYS["MULAW"](speech(8000))
    for number in range(1, 200):
        if number % 7:
            for _ in range(1 + number % 3):
                call.push(Frame(0, 160 * (number + 1), raw[160 * number : 160 * (number + 1)]))
    assert call.close().bodies(FormatDoubt) == []


@pytest.mark.parametrize("announced", ANNOUNCED, ids=lambda one: one.name)
def test_two_channels_that_are_the_same_are_told_at_8_khz(announced: Encoding) -> None:
    twice = pcm.encode(np.repeat(speech(8000), 2), announced)
    (doubt,) = doubts(twice, announced, frame_bytes=1600)
    assert doubt.looks_like == SoundFormat.INTERLEAVED
    assert doubts(twice, announced, 16_000, frame_bytes=1600) == [], "samples of 8 kHz, each twice, are sound of 16 kHz"


def test_floats_of_the_full_scale_of_16_bits_are_told() -> None:
    (doubt,) = doubts(speech(8000).astype("<f4").tobytes(), S16LE)
    assert doubt.looks_like == SoundFormat.F32LE


def test_a_doubt_is_told_once_and_after_a_restart_too() -> None:
    call, raw = Call(Quiet(), 8000, MULAW), WAYS["ALAW"](speech(8000))
    for at in range(0, len(raw), 800):
        call.push(Frame(0, at + 800, raw[at : at + 800])).reopen()
    assert [one.looks_like for one in call.close().bodies(FormatDoubt)] == [SoundFormat.ALAW]


def packets(sound: Int16s, codec: str, rate: int, **options: Any) -> bytes:
    """The frames of a compressed format, without a container."""
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.AudioCodecContext) and context.codec.audio_formats
    context.sample_rate, context.layout, context.format = rate, "mono", context.codec.audio_formats[0].name
    for name, value in options.items():
        setattr(context, name, value)
    context.open()
    frame = av.AudioFrame.from_ndarray(sound[None], format="s16", layout="mono")
    frame.sample_rate = 8000
    resampler = av.AudioResampler(context.format.name, "mono", rate, frame_size=context.frame_size)
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return b"".join(bytes(packet) for one in (*frames, None) for packet in context.encode(one))


@pytest.mark.parametrize("announced", ANNOUNCED, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("codec", "rate", "bits"),
    [("libopus", 48000, 24000), ("libopus", 16000, 48000), ("libmp3lame", 8000, 16000), ("libmp3lame", 44100, 128000)],
)
def test_compressed_sound_is_told(codec: str, rate: int, bits: int, announced: Encoding) -> None:
    raw = packets(conversation(8000), codec, rate, bit_rate=bits)
    (doubt,) = doubts(raw[:40_000], announced)
    assert doubt.looks_like == SoundFormat.COMPRESSED


@pytest.mark.parametrize("announced", ANNOUNCED, ids=lambda one: one.name)
def test_encrypted_sound_is_told(announced: Encoding) -> None:
    raw = np.random.default_rng(1).bytes(40_000)
    (doubt,) = doubts(raw, announced)
    assert doubt.looks_like == SoundFormat.COMPRESSED


@pytest.mark.parametrize("sample_rate", [8000, 16000])
@pytest.mark.parametrize("announced", ANNOUNCED, ids=lambda one: one.name)
@pytest.mark.parametrize("other", ["a voice", "silence", "noise"])
def test_two_channels_on_one_are_told(other: str, announced: Encoding, sample_rate: int) -> None:
    one = speech(sample_rate)
    beside = {
        "a voice": conversation(sample_rate)[20 * sample_rate : 26 * sample_rate],
        "silence": np.zeros_like(one),
        "noise": np.random.default_rng(1).normal(0, 20, len(one)).astype(np.int16),
    }
    turn_by_turn = pcm.encode(np.stack([one, beside[other]], 1).reshape(-1), announced)
    (doubt,) = doubts(turn_by_turn, announced, sample_rate)
    assert doubt.looks_like == SoundFormat.INTERLEAVED


def test_silence_is_no_evidence_and_does_not_use_up_the_time_to_judge() -> None:
    quiet = pcm.encode(np.zeros(60 * 8000, np.int16), ALAW)
    (doubt,) = doubts(quiet + WAYS["ALAW"](speech(8000)), MULAW)
    assert doubt.looks_like == SoundFormat.ALAW


def test_noise_of_a_line_does_not_use_up_the_time_to_judge() -> None:
    """In swapped bytes it is as loud as speech, and rough in every encoding."""
    noise = np.random.default_rng(1).normal(0, 8, 8 * 8000).astype(np.int16)
    (doubt,) = doubts(WAYS["S16BE"](np.concatenate([noise, speech(8000)])), S16LE)
    assert doubt.looks_like == SoundFormat.S16BE


@pytest.mark.parametrize("encoding", ANNOUNCED, ids=lambda one: one.name)
@pytest.mark.parametrize("level", [30, 1000, 8000])
def test_noise_tones_and_silence_are_no_mistake(encoding: Encoding, level: int) -> None:
    rng, times = np.random.default_rng(1), np.arange(8 * 8000)
    sounds = [
        rng.normal(0, level, len(times)),
        rng.uniform(-level, level, len(times)),
        level * np.sin(times * 2 * np.pi * 3400 / 8000),
        level * np.sign(np.sin(times * 2 * np.pi * 50 / 8000)),
        np.zeros(len(times)),
    ]
    assert [doubts(pcm.encode(one.astype(np.int16), encoding), encoding) for one in sounds] == [[]] * len(sounds)


@pytest.mark.parametrize("encoding", ANNOUNCED, ids=lambda one: one.name)
@pytest.mark.parametrize("offset", [-0.41, -0.2, -0.1, -0.02, 0.1, 0.2, 0.4])
def test_an_offset_of_the_line_is_no_mistake(offset: float, encoding: Encoding) -> None:
    """Samples around 0x3333 or 0x4040 are bytes of printable text, and so are all negative ones of mu-law."""
    rng, level = np.random.default_rng(1), int(offset * 32768)
    near = {level, *(sign * one for one in (0x2222, 0x3333, 0x4040, 0x5555) for sign in (1, -1) if one * offset > 0)}
    for at in sorted(near):
        quiet = at + rng.normal(0, 6, 3 * 8000)
        voice = at + 0.2 * speech(8000)[: 3 * 8000].astype(np.float64)
        sound = np.clip(np.concatenate([quiet, voice, quiet]), -32768, 32767).astype(np.int16)
        assert doubts(pcm.encode(sound, encoding), encoding, frame_bytes=3200) == []


def test_no_recording_of_the_development_data_raises_a_doubt() -> None:
    """Calls, meetings and noise, in each encoding."""
    soundfile, soxr = pytest.importorskip("soundfile"), pytest.importorskip("soxr")
    folder = Path(__file__).parents[2].parent / "shared" / "data"
    files = [
        file
        for kind in ("calls", "meetings", "music", "noise", "transcripts")
        for file in sorted(folder.glob(f"{kind}/**/*"))[:: 1 if kind != "transcripts" else 8]
        if file.suffix in (".flac", ".wav")
    ]
    if not files:
        pytest.skip("the development data is not beside the checkout")
    wrong = []
    for file in files:
        sound, rate = soundfile.read(file, frames=soundfile.info(file).samplerate * 12, dtype="float32", always_2d=True)
        for now in (8000, 16000):
            samples = pcm.to_int16(soxr.resample(np.ascontiguousarray(sound[:, 0]), rate, now))
            for encoding in ANNOUNCED:
                watch = FormatWatch(encoding)
                if found := watch.push(pcm.encode(samples, encoding), len(samples), 0):
                    wrong.append((file.name, now, encoding.name, found))
    assert wrong == []


def test_of_a_window_that_is_smooth_as_announced_nothing_else_is_thought() -> None:
    smooth = (8000 * np.sin(np.arange(WINDOW) * 0.1)).astype(np.int16)
    assert {looks_like(pcm.encode(smooth, one), one) for one in ANNOUNCED} == {SoundFormat.UNSPECIFIED}
