"""The call that demonstrations, benchmarks and tests play."""

from pathlib import Path


def sample_call() -> Path:
    """A real phone call of two women, 30 s, as WAV; who spoke when is beside it, in sample.rttm."""
    return Path(__file__).parent / "media" / "sample" / "sample.wav"
