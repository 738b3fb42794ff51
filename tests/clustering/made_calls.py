"""Made-up voice windows: people are random directions, their windows noisy copies; no model runs."""

import numpy as np

from speakerline.shared.voiceprints.calibration import Calibration
from speakerline.shared.voiceprints.windows import LocalVoice, VoiceWindow, encode_vector

SIZE = 16


def calibration() -> Calibration:
    """A calibration under which people are well apart."""
    return Calibration(
        name="made",
        prior_mean=np.full(SIZE, 0.2, np.float32),
        projection=np.eye(SIZE, dtype=np.float32),
        between=np.ones(SIZE, np.float32),
        merge=np.array([-3.0, 10.0, -0.5, -1.0]),
        known=np.array([0.5, 12.0]),
    )


def person(number: int) -> np.ndarray:
    """The uncentred voiceprint of one person."""
    random = np.random.default_rng([number, 7])
    vector = np.full(SIZE, 0.2) + random.standard_normal(SIZE) * 0.12
    return vector / np.linalg.norm(vector)


def conversation(
    turns: list[tuple[int, int, int]], end_ms: int, channel: int = 0, noise: float = 0.01, seed: int = 0
) -> list[VoiceWindow]:
    """Windows every second of what (person, start_ms, end_ms) turns say."""
    random = np.random.default_rng([seed, channel])
    windows = []
    for end in range(1000, end_ms + 1, 1000):
        start = max(0, end - 5000)
        heard = [(who, max(a, start), min(b, end)) for who, a, b in turns if min(b, end) > max(a, start)]
        if not any(b > end - 1000 for _, _, b in heard):
            continue
        voices = []
        for who in sorted({who for who, _, _ in heard}):
            spans = [edge for w, a, b in heard if w == who for edge in (a, b)]
            clean_ms = sum(spans[1::2]) - sum(spans[::2])
            vector = person(who) + random.standard_normal(SIZE) * noise
            text = encode_vector((vector / np.linalg.norm(vector)).astype(np.float32)) if clean_ms >= 200 else ""
            voices.append(LocalVoice(spans, clean_ms, text))
        windows.append(VoiceWindow(channel, start, end, voices))
    return windows


def dialogue(
    end_ms: int, people: tuple[int, ...] = (1, 2), turn_ms: int = 3000, pause_ms: int = 300
) -> list[tuple[int, int, int]]:
    """People who take turns."""
    return [
        (people[at % len(people)], start, min(start + turn_ms - pause_ms, end_ms))
        for at, start in enumerate(range(200, end_ms - 500, turn_ms))
    ]
