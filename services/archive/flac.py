"""Writes sound as FLAC, one channel of 16 bits, in memory (FFmpeg, by PyAV). RFC 9639."""

from io import BytesIO

import av

from speakerline.shared.arrays import Int16s

BLOCK = 4096
"""Samples in a frame of FLAC: RFC 9639 lets readers of a subset expect no more at telephone rates."""


def to_flac(samples: Int16s, sample_rate: int) -> bytes:
    """A file of these samples (n,), n > 0."""
    file = BytesIO()
    with av.open(file, "w", format="flac", options={"metadata_header_padding": "0"}) as container:
        stream = container.add_stream("flac", rate=sample_rate, layout="mono", format="s16")
        assert isinstance(stream, av.AudioStream)
        for start in range(0, len(samples), BLOCK):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + BLOCK], format="s16", layout="mono")
            frame.sample_rate, frame.pts = sample_rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()
