"""One training of the separator: its settings, steps and checkpoints. The seed determines everything.

warm-up ──> constant learning rate ──────────────────> decay to nothing over the last steps
"""

import random as chance
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from speakerline.shared.arrays import Float32s
from speakerline.tools.score.separation import improvement_db
from speakerline.tools.simulate.voices import Speakers
from speakerline.tools.training.export import read_network
from speakerline.tools.training.exported import read_exported
from speakerline.tools.training.loss import separation_loss
from speakerline.tools.training.mixtures import VOICES, Corpus, MixtureSettings, find_audio, find_speakers
from speakerline.tools.training.muon import optimizers
from speakerline.tools.training.network import NetworkSettings, Separator


class TrainSettings(BaseModel):
    """A training. Folders of recordings are relative to the data folder, other paths to the working directory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    """Where checkpoints, the curve and the result go."""
    speech: tuple[Path, ...]
    """Folders with single-speaker utterances (`tools.simulate.voices.find_utterances`)."""
    start: Path | None = None
    """What a new training begins with, such as one for other voices: the averaged weights of a checkpoint, or an
    exported network (.onnx), such as the one that ships; else chance."""
    rooms: Path | None = None
    noises: Path | None = None
    leave_out: tuple[str, ...] = ()
    """Speakers that are neither trained on nor validated with."""
    validation_speakers: int = Field(30, ge=2)
    """Drawn by `seed` from all others."""
    validation_mixtures: int = Field(64, ge=1)
    speeds: tuple[int, ...] = (100,)
    """In percent: training plays its utterances at any of them; validation leaves them as they are."""
    seed: int = 7
    steps: int = Field(40_000, ge=1)
    warmup_steps: int = Field(300, ge=0)
    decay_steps: int = Field(6_000, ge=0)
    """The learning rate falls to nothing over the last so many steps."""
    easy_steps: int = Field(4_000, ge=0)
    """Rooms and noise come in over the first so many steps."""
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    clip_norm: float = Field(5.0, gt=0)
    average: float = Field(0.999, ge=0, lt=1)
    """Decay of the moving average of the weights, which is what is validated and shipped."""
    batch: int = Field(4, ge=1)
    validate_every: int = Field(1000, ge=1)
    threads: int = Field(1, ge=1)
    """One thread is nearly as fast as two on so small a network."""
    device: str = "cpu"
    bfloat16: bool = True
    """Compute in bfloat16 where the machine does that fast; losses stay in float32."""
    network: NetworkSettings = NetworkSettings()
    mixtures: MixtureSettings = MixtureSettings()

    @field_validator("network")
    @classmethod
    def _as_many_voices_as_are_mixed(cls, network: NetworkSettings) -> NetworkSettings:
        if network.voices != VOICES:
            raise ValueError(f"voices {network.voices}: expected {VOICES}, as many as there are in a mixture")
        return network


@dataclass(frozen=True, slots=True)
class Validation:
    """One validation: SI-SDRi of the mixtures with two voices, loss of all, in dB."""

    step: int
    improvement_db: float
    loss_db: float
    learning_rate: float


def read_settings(path: Path, data: Path) -> TrainSettings:
    """Settings from a YAML file, with the folders of recordings in `data`.

    Raises ValueError with the option, its value, and what was expected."""
    try:
        settings = TrainSettings.model_validate(yaml.safe_load(path.read_text()) or {})
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ValueError(f"{path}: {name} = {first.get('input')!r}: {first['msg']}") from error
    folders = {"rooms": settings.rooms, "noises": settings.noises}
    found = {name: folder and data / folder for name, folder in folders.items()}
    return settings.model_copy(update={"speech": tuple(data / folder for folder in settings.speech), **found})


def speakers_of(settings: TrainSettings) -> tuple[Speakers, Speakers]:
    """The speakers that a training learns from, and those that it is validated with."""
    speakers = find_speakers(settings.speech, settings.leave_out)
    return split_speakers(speakers, settings.validation_speakers, settings.seed)


def split_speakers(utterances: Speakers, held_out: int, seed: int) -> tuple[Speakers, Speakers]:
    """Speakers to train on and speakers to validate with: never the same person in both."""
    if len(utterances) < held_out + 2:
        raise ValueError(f"{held_out} validation speakers of {len(utterances)} leave fewer than two to train on")
    names = sorted(utterances)
    chance.Random(seed).shuffle(names)
    held = set(names[:held_out])
    return {n: p for n, p in utterances.items() if n not in held}, {n: p for n, p in utterances.items() if n in held}


class Training:
    """Opens the corpus, makes the network, or takes both up where `folder` has a checkpoint."""

    def __init__(self, settings: TrainSettings) -> None:
        self.settings = settings
        settings.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(settings.seed)
        train, held = speakers_of(settings)
        rooms, noises = find_audio(settings.rooms), find_audio(settings.noises)
        self._corpus = Corpus(train, rooms, noises, settings.speeds)
        self._validation = _validation_set(Corpus(held, rooms, noises), settings)
        self._separator = Separator(settings.network).to(settings.device)
        if settings.start:
            self._begin_with(settings.start)
        self._average = deepcopy(self._separator)
        self._optimizers = optimizers(self._separator, settings.learning_rate, settings.weight_decay)
        self.step = 0
        self.history: list[Validation] = []
        if self._checkpoint.exists():
            self._load()

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self._separator.parameters())

    def corpus(self) -> str:
        people = self._corpus.speakers.values()
        hours = sum(len(one) for own in people for one in own) / 8000 / 3600
        return f"{len(people)} speakers, {hours:.1f} h"

    def advance(self) -> float:
        """One step; gives its loss in dB."""
        settings = self.settings
        mixture, truth = (torch.from_numpy(array).to(settings.device) for array in self._batch())
        for group in (group for optimizer in self._optimizers for group in optimizer.param_groups):
            group["lr"] = self.learning_rate
        with torch.autocast(torch.device(settings.device).type, torch.bfloat16, enabled=settings.bfloat16):
            estimates = self._separator(mixture)
        loss = separation_loss(estimates.float(), truth, mixture)
        self._separator.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self._separator.parameters(), settings.clip_norm)
        if torch.isfinite(norm):
            for optimizer in self._optimizers:
                optimizer.step()
            self._follow()
        self.step += 1
        return float(loss.detach())

    def _batch(self) -> tuple[Float32s, Float32s]:
        """What this step learns from: it follows from the seed and the step, so that a training may be cut anywhere."""
        settings = self.settings
        difficulty = min(1.0, self.step / settings.easy_steps) if settings.easy_steps else 1.0
        random = np.random.default_rng((settings.seed, self.step))
        return self._corpus.batch(settings.mixtures.eased(difficulty), settings.batch, random)

    @property
    def learning_rate(self) -> float:
        settings = self.settings
        warm = min(1.0, (self.step + 1) / max(1, settings.warmup_steps))
        left = min(1.0, (settings.steps - self.step) / max(1, settings.decay_steps))
        return settings.learning_rate * warm * left

    def validate(self) -> Validation:
        """The averaged network on mixtures of people it was not trained on; the same mixtures every time."""
        losses, improvements = [], []
        with torch.no_grad():
            for mixture, truth in self._validation:
                estimates = self._average(mixture)
                losses.append(separation_loss(estimates, truth, mixture))
                both = (truth.square().sum(-1) > 0).all(-1)
                arrays = (one[both].float().cpu().numpy() for one in (estimates, truth, mixture))
                improvements += [improvement_db(*one) for one in zip(*arrays, strict=True)]
        improvement, loss = float(np.mean(improvements)), float(torch.stack(losses).mean())
        found = Validation(self.step, improvement, loss, self.learning_rate)
        self.history.append(found)
        return found

    def save(self) -> None:
        """Everything that going on needs, written whole or not at all."""
        content = {
            "settings": self.settings.model_dump(mode="json"),
            "step": self.step,
            "network": self._separator.state_dict(),
            "average": self._average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "history": [asdict(found) for found in self.history],
        }
        beside = self._checkpoint.with_suffix(".tmp")
        torch.save(content, beside)
        beside.replace(self._checkpoint)

    @property
    def _checkpoint(self) -> Path:
        return self.settings.folder / "checkpoint.pt"

    def _begin_with(self, checkpoint: Path) -> None:
        network = read_exported(checkpoint) if checkpoint.suffix == ".onnx" else read_network(checkpoint)
        self._check(checkpoint, network.settings)
        self._separator.network.load_state_dict(network.state_dict())

    def _check(self, checkpoint: Path, network: NetworkSettings) -> None:
        if network != self.settings.network:
            raise ValueError(f"{checkpoint} holds {network}, the settings ask for {self.settings.network}")

    def _load(self) -> None:
        content: dict[str, Any] = torch.load(self._checkpoint, map_location=self.settings.device, weights_only=True)
        self._check(self._checkpoint, NetworkSettings(**content["settings"]["network"]))
        self._separator.load_state_dict(content["network"])
        self._average.load_state_dict(content["average"])
        for optimizer, state in zip(self._optimizers, content["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.step = content["step"]
        self.history = [Validation(**found) for found in content["history"]]

    def _follow(self) -> None:
        """Let the average follow the network; faster while it is young."""
        keep = min(self.settings.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, new in zip(self._average.parameters(), self._separator.parameters(), strict=True):
                mean.lerp_(new, 1 - keep)


def _validation_set(corpus: Corpus, settings: TrainSettings) -> list[tuple[torch.Tensor, torch.Tensor]]:
    random = np.random.default_rng(settings.seed + 1)
    batches = (corpus.batch(settings.mixtures, 16, random) for _ in range(-(-settings.validation_mixtures // 16)))
    return [
        (torch.from_numpy(mixture).to(settings.device), torch.from_numpy(truth).to(settings.device))
        for mixture, truth in batches
    ]
