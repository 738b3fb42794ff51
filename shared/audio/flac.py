"""Reads sound as FLAC, one channel of 16 bits, in memory: lossless, about half as large as the samples. RFC 9639."""

from io import BytesIO

import soundfile

from speakerline.shared.arrays import Int16s
from speakerline.shared.audio.pcm import InvalidAudio


def from_flac(file: bytes) -> Int16s:
    """The samples (n,) of a file of one channel. Raises InvalidAudio for anything else."""
    try:
        samples, _ = soundfile.read(BytesIO(file), dtype="int16")
    except soundfile.SoundFileError as error:
        raise InvalidAudio(f"{len(file)} bytes: expected FLAC ({type(error).__name__})") from error
    if samples.ndim != 1:
        raise InvalidAudio(f"FLAC of {samples.shape[1]} channels: expected one")
    found: Int16s = samples
    return found
