"""A plain offline VAD for measurements: Silero's network over a whole file, then hysteresis."""

from __future__ import annotations

import numpy as np

from speakerline.shared.models.files import packaged_file
from speakerline.shared.models.prepare import open_session
from speakerline.shared.voiceprints.vectors import Floats

FRAME, CONTEXT, RATE = 512, 64, 16_000


def find_speech(
    samples: Floats, on: float = 0.5, off: float = 0.35, hang_s: float = 0.2, pad_s: float = 0.06
) -> list[tuple[int, int]]:
    """Speech as [start_ms, end_ms) of 16 kHz samples: above `on` it starts, below `off` for `hang_s` it ends."""
    session = open_session(packaged_file("silero_vad", "data/silero_vad.onnx"))
    state: Floats = np.zeros((2, 1, 128), np.float32)
    context: Floats = np.zeros(CONTEXT, np.float32)
    spans: list[tuple[int, int]] = []
    start, last = -1, 0
    for at in range(0, len(samples), FRAME):
        frame = np.zeros(FRAME, np.float32)
        frame[: len(samples[at : at + FRAME])] = samples[at : at + FRAME]
        given = {"input": np.concatenate([context, frame])[None], "state": state, "sr": np.array(RATE)}
        score, next_state = session.run(None, given)
        state = np.asarray(next_state, np.float32)
        context = frame[-CONTEXT:]
        if score[0, 0] >= (on if start < 0 else off):
            start, last = (at if start < 0 else start), at + FRAME
        elif start >= 0 and at + FRAME - last > hang_s * RATE:
            spans.append((start, last))
            start = -1
    if start >= 0:
        spans.append((start, last))
    pad, joined = int(pad_s * RATE), list[tuple[int, int]]()
    for first, end in spans:
        a, b = max(0, first - pad) * 1000 // RATE, min(len(samples), end + pad) * 1000 // RATE
        if joined and a <= joined[-1][1]:
            joined[-1] = (joined[-1][0], b)
        else:
            joined.append((a, b))
    return joined
