"""Separates an overlap 32 ms after the sound: frame by frame, by a causal network that carries its state on.

    samples ──> frame of 32 ms every 16 ms ──> network (state) ──> voices' frames ──> overlap-add ──> samples

The network is trained with `tools/training/train_low_latency.yaml` and exported like the other one.
"""

from pathlib import Path

import numpy as np

from speakerline.services.separation.spectrum import BINS, HOP, RATE, SHAPE, WINDOW
from speakerline.shared.arrays import Complex128s, Float32s, Float64s
from speakerline.shared.models.files import ModelMissing
from speakerline.shared.models.onnx import open_session

SHIPPED = Path(__file__).with_name("separator_low_latency.onnx")


class LowLatencySeparator:
    """A `services.separation.streaming.VoiceStream`; the voices keep their order as long as the state is carried on."""

    def __init__(self, model: Path = SHIPPED, threads: int = 1) -> None:
        """model: a causal network made by `tools.training.export`; by default the one that ships."""
        if not model.is_file():
            raise ModelMissing(
                f"no file {model}: train a causal network with tools/training/train_low_latency.yaml and write "
                "it with `python -m speakerline.tools.training.export CHECKPOINT OUT`"
            )
        try:
            self._session = open_session(model, threads)
            facts = self._session.get_modelmeta().custom_metadata_map
            self.voices = int(facts["voices"])
            self._state_shape = (1, int(facts["bands"]), int(facts["hidden"]))
        except Exception as error:
            raise ModelMissing(f"{model} is no separator of tools.training.export: {error}") from error
        if facts.get("causal") != "1":
            raise ValueError(f"{model}: causal = {facts.get('causal')}, expected a causal network, causal = 1")
        self._states = [one.name for one in self._session.get_inputs() if one.name.startswith("state_")]
        self._outputs = ["voices", *(name.replace("state_", "after_") for name in self._states)]
        self.reset()

    @property
    def rate(self) -> int:
        return RATE

    @property
    def latency(self) -> int:
        """One frame, 256 samples: the last frame that has a sample in it ends so much later at most."""
        return WINDOW

    def reset(self) -> None:
        """See VoiceStream."""
        self._memory = {name: np.zeros(self._state_shape, np.float32) for name in self._states}
        self._power = 0.0
        self._frames = 0
        self._frame: Float32s = np.zeros(WINDOW, np.float32)
        self._waiting: Float32s = np.zeros(0, np.float32)
        self._tail: Float64s = np.zeros((self.voices, HOP))
        self._taken = 0

    def push(self, samples: Float32s) -> Float32s:
        """See VoiceStream."""
        self._waiting = np.concatenate([self._waiting, samples])
        self._taken += len(samples)
        out: list[Float32s] = [np.zeros((self.voices, 0), np.float32)]
        while len(self._waiting) >= HOP:
            hop, self._waiting = self._waiting[:HOP], self._waiting[HOP:]
            ready = self._step(hop)
            if self._frames > 1:
                out.append(ready)
        return np.concatenate(out, axis=1)

    def flush(self) -> Float32s:
        """See VoiceStream. The end is padded with silence."""
        whole, part = divmod(self._taken, HOP)
        left = self._taken - max(0, whole - 1) * HOP
        rest = self.push(np.zeros(HOP - part if part else 0, np.float32))
        rest = np.concatenate([rest, self.push(np.zeros(HOP, np.float32))], axis=1)[:, :left]
        self.reset()
        return rest

    def _step(self, hop: Float32s) -> Float32s:
        """One frame on: the voices' samples (voices, 128) of the hop before this one."""
        self._frame = np.concatenate([self._frame[HOP:], hop])
        bins = np.fft.rfft(self._frame * SHAPE)[:BINS]
        spectrum = np.stack([bins.real, bins.imag], -1).astype(np.float32)
        self._frames += 1
        self._power += float(np.square(spectrum, dtype=np.float64).sum()) / BINS
        level = np.full((1, 1, 1, 1), np.sqrt(self._power / self._frames + 1e-8), np.float32)
        voices, *after = self._session.run(
            self._outputs, {"spectrum": spectrum[None, None], "level": level, **self._memory}
        )
        self._memory = dict(zip(self._states, after, strict=True))
        full: Complex128s = np.zeros((self.voices, BINS + 1), np.complex128)
        full[:, :BINS] = voices[0, :, 0, :, 0] + 1j * voices[0, :, 0, :, 1]
        frames = np.fft.irfft(full, WINDOW, axis=-1) * SHAPE
        ready = self._tail + frames[:, :HOP]
        self._tail = frames[:, HOP:]
        return np.asarray(ready, np.float32)
