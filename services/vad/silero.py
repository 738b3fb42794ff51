"""Silero VAD under onnxruntime, with the model that ships (NOTICE has its licence).

https://github.com/snakers4/silero-vad (MIT). The model takes a chunk with the end of the chunk before, and a recurrent
state. With one thread its results are the same bits at any batch size (tests/vad/test_silero.py).

    state of one channel = recurrent [2, 128] | context [32 at 8 kHz, 64 at 16 kHz], float32
"""

from pathlib import Path

import numpy as np

from speakerline.services.vad.detector import Answer, Request, chunk_samples, chunks_of
from speakerline.shared.arrays import Float32s
from speakerline.shared.models.onnx import open_session

MODEL_FILE = Path(__file__).with_name("silero.onnx")
_RECURRENT = 2 * 128
_CONTEXTS = {8000: 32, 16000: 64}


class Silero:
    """Detector over Silero; many channels, of both rates, share a run. Raises ModelMissing."""

    def __init__(self, model: Path = MODEL_FILE) -> None:
        self._session = open_session(model)

    def run(self, requests: list[Request]) -> list[Answer]:
        answers: dict[int, Answer] = {}
        for sample_rate in _CONTEXTS:
            chosen = [i for i, request in enumerate(requests) if request.sample_rate == sample_rate]
            longest_first = sorted(chosen, key=lambda i: -len(requests[i].samples))
            batch = [requests[i] for i in longest_first]
            answers.update(zip(longest_first, self._run_batch(sample_rate, batch), strict=True))
        if len(answers) < len(requests):
            wrong = next(request.sample_rate for request in requests if request.sample_rate not in _CONTEXTS)
            raise ValueError(f"sample rate {wrong}: expected 8000 or 16000")
        return [answers[i] for i in range(len(requests))]

    def _run_batch(self, sample_rate: int, requests: list[Request]) -> list[Answer]:
        """Chunk i of every request in one run. Requests come longest first, so those that still have a chunk lead."""
        context = _CONTEXTS[sample_rate]
        windows = [_windows(request, _state(request, context)[_RECURRENT:]) for request in requests]
        recurrent = np.empty((2, len(requests), 128), np.float32)
        for at, request in enumerate(requests):
            recurrent[:, at] = _state(request, context)[:_RECURRENT].reshape(2, 128)
        lengths = [len(window) for window in windows]
        probabilities = np.empty((len(requests), max(lengths, default=0)), np.float32)
        for i in range(max(lengths, default=0)):
            alive = sum(length > i for length in lengths)
            inputs = {
                "input": np.stack([window[i] for window in windows[:alive]]),
                "state": recurrent[:, :alive],
                "sr": np.array(sample_rate, np.int64),
            }
            probability, recurrent[:, :alive] = self._session.run(None, inputs)
            probabilities[:alive, i] = probability[:, 0]
        return [
            Answer(
                probabilities[at, : lengths[at]].copy(),
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
