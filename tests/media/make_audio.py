"""Audio files for tests, encoded by the same library that decodes them, and the sounds that they hold."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

from speakerline.shared.arrays import Float32s


def tone(hertz: float, seconds: float, sample_rate: int, level: float = 0.3) -> Float32s:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * sample_rate)) / sample_rate)).astype(
        np.float32
    )


def two_tones(seconds: float, sample_rate: int) -> Float32s:
    """Two channels that differ, 440 and 700 Hz."""
    return np.stack([tone(440, seconds, sample_rate), tone(700, seconds, sample_rate)])


def encode_file(
    path: Path,
    planes: Float32s,
    sample_rate: int,
    codec: str,
    container: str | None = None,
    lost_packets: range = range(0),
    options: dict[str, str] | None = None,
    start_s: float = 0.0,
) -> Path:
    """Write (channels, n) with one of ffmpeg's encoders and its `options`; `lost_packets` are left out of the file.

    The `av` wheel carries no good encoder of Vorbis: that one is libsndfile's."""
    if codec == "vorbis":
        soundfile.write(path, planes.T, sample_rate, format="OGG", subtype="VORBIS")
        return path
    layout = {1: "mono", 2: "stereo"}.get(planes.shape[0], f"{planes.shape[0]}c")
    with av.open(str(path), mode="w", format=container) as output:
        stream = output.add_stream(codec, rate=sample_rate, layout=layout, options=options)
        assert isinstance(stream, av.AudioStream) and stream.codec_context.codec.audio_formats
        stream.time_base = Fraction(1, sample_rate)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), format="fltp", layout=layout)
        frame.sample_rate = sample_rate
        frame.pts = round(start_s * sample_rate)
        accepted = stream.codec_context.codec.audio_formats[0].name
        resampler = av.AudioResampler(format=accepted, layout=layout, rate=sample_rate)
        packets = [packet for ready in (*resampler.resample(frame), None) for packet in stream.encode(ready)]
        for number, packet in enumerate(packets):
            if number not in lost_packets:
                output.mux(packet)
    return path
