"""Two channels in one sequence of samples, a sample of each in turn."""

import numpy as np


def parted(pcm: bytes, width: int) -> tuple[bytes, bytes]:
    """The bytes of the first channel and those of the second; `width`: bytes of a sample, 1 or 2."""
    if width == 1:
        return pcm[::2], pcm[1::2]
    samples = np.frombuffer(pcm, np.uint16)
    return samples[::2].tobytes(), samples[1::2].tobytes()
