"""Silero VAD under onnxruntime, with the models that ship (NOTICE has their licence).

https://github.com/snakers4/silero-vad (MIT). A model takes chunks, each with the end of the chunk before, and a
recurrent state. With one thread its results are the same bits however many chunks of however many channels share a run
(tests/vad/test_silero.py).

    state of one channel = recurrent [2, 128] | context [32 at 8 kHz, 64 at 16 kHz], float32
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from speakerline.services.vad.detector import Answer, Request, chunk_samples, chunks_of
from speakerline.shared.arrays import Float32s
from speakerline.shared.models.onnx import open_session

CONTEXTS = {8000: 32, 16000: 64}
"""Samples of the chunk before, by sample rate."""
MODEL_FILES = {rate: Path(__file__).with_name(f"silero_{rate // 1000}khz.onnx") for rate in CONTEXTS}
MOST_ROWS = 512
"""Chunks in one run: more are no cheaper, and take some kilobytes each."""
_RECURRENT = 2 * 128


class Silero:
    """Detector over Silero; many channels, of both rates, share a run. Raises ModelMissing."""

    def __init__(self, models: Mapping[int, Path] = MODEL_FILES) -> None:
        self._sessions = {sample_rate: open_session(model) for sample_rate, model in models.items()}

    def run(self, requests: list[Request]) -> list[Answer]:
        answers: dict[int, Answer] = {}
        for sample_rate in CONTEXTS:
            chosen = [i for i, request in enumerate(requests) if request.sample_rate == sample_rate]
            longest_first = sorted(chosen, key=lambda i: -len(requests[i].samples))
            batch = [requests[i] for i in longest_first]
            answers.update(zip(longest_first, self._run_batch(sample_rate, batch), strict=True))
        if len(answers) < len(requests):
            wrong = next(request.sample_rate for request in requests if request.sample_rate not in CONTEXTS)
            raise ValueError(f"sample rate {wrong}: expected 8000 or 16000")
        return [answers[i] for i in range(len(requests))]

    def _run_batch(self, sample_rate: int, requests: list[Request]) -> list[Answer]:
        """As many chunks of every request in one run as all have that have any. Requests come longest first, so those
        that still have a chunk lead."""
        context = CONTEXTS[sample_rate]
        states = [_state(request, context) for request in requests]
        windows = [_windows(request, state[_RECURRENT:]) for request, state in zip(requests, states, strict=True)]
        recurrent = np.empty((2, len(requests), 128), np.float32)
        for at, state in enumerate(states):
            recurrent[:, at] = state[:_RECURRENT].reshape(2, 128)
        lengths = [len(window) for window in windows]
        probabilities = np.empty((max(lengths, default=0), len(requests)), np.float32)
        start = 0
        while start < len(probabilities):
            alive = sum(length > start for length in lengths)
            end = min(lengths[alive - 1], start + max(1, MOST_ROWS // alive))
            inputs = {
                "input": np.stack([window[start:end] for window in windows[:alive]], axis=1),
                "state": recurrent[:, :alive],
            }
            probabilities[start:end, :alive], recurrent[:, :alive] = self._sessions[sample_rate].run(None, inputs)
            start = end
        return [
            Answer(
                probabilities[: lengths[at], at].copy(),
                recurrent[:, at].tobytes() + window[-1, -context:].tobytes() if len(window) else requests[at].state,
            )
            for at, window in enumerate(windows)
        ]


def _state(request: Request, context: int) -> Float32s:
    if not request.state:
        return np.zeros(_RECURRENT + context, np.float32)
    state = np.frombuffer(request.state, np.float32)
    if len(state) != _RECURRENT + context:
        raise ValueError(f"state of {len(state)} numbers at {request.sample_rate} Hz: expected {_RECURRENT + context}")
    return state


def _windows(request: Request, context: Float32s) -> Float32s:
    """[chunk, context + chunk]: every chunk behind the end of the one before."""
    chunks = chunks_of(request)
    sound = np.concatenate([context, chunks.ravel()])
    width = len(context) + chunk_samples(request.sample_rate)
    strides = (chunks.strides[0], sound.strides[0])
    return np.lib.stride_tricks.as_strided(sound, (len(chunks), width), strides, writeable=False)
