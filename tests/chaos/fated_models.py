"""Models that do well over most sounds, and hang, crash or eat the memory over some: the sound alone decides."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.pipeline import ASR, SEPARATION
from speakerline.shared.runtime.batcher import Batcher
from speakerline.shared.runtime.isolation import IsolatedModel, ModelFailed
from speakerline.shared.runtime.stage import AudioReader, CallStage, Stage
from tests.runtime.toy_models import build_toy
from tests.runtime.toy_stages import STAGES, Model, ToyAsr, ToySeparation

LIMIT_S = 10.0
"""Of a busy machine on which the model has nothing to do."""
MEMORY_MB = 60.0
"""The toy alone takes 31. Little, because a busy virtual machine may hand out only some MB a second."""
FATES = {"hung": 1, "crashed": 6, "out of memory": 6}
"""Of 1000 sounds; a model that hangs holds the calls of its worker up for its limit."""
NEVER = 10**9
COMMANDS = {"hung": "hang", "crashed": "exit", "out of memory": "grow"}
"""What the toy model does when it is told."""


def fate(sound: bytes) -> str:
    """The reason of the failure, or nothing."""
    lot = int.from_bytes(hashlib.blake2b(sound, digest_size=4).digest(), "big") % 1000
    for reason, share in FATES.items():
        if lot < share:
            return reason
        lot -= share
    return ""


async def judge(sound: bytes) -> None:
    """What the models do, told without one."""
    if reason := fate(sound):
        raise ModelFailed(f"toy: {reason}", reason)


def isolated(name: str) -> Model:
    """A model in a process of its own, as a stage uses it; it never rests, as that has nothing to do with the sound."""
    model: IsolatedModel[object, object] = IsolatedModel(build_toy, LIMIT_S, MEMORY_MB, name, rest_after=NEVER)
    run = Batcher(model.run, 1, ThreadPoolExecutor(1, name))

    async def ask(sound: bytes) -> None:
        await run(COMMANDS.get(fate(sound), 1))

    return ask


def fated_stages(separation: Model = judge, asr: Model = judge) -> Mapping[str, Stage]:
    """The toys, those with a model asking these."""
    return {
        **STAGES,
        SEPARATION.name: _Asking(ToySeparation, separation),
        ASR.name: _Asking(ToyAsr, asr),
    }


class _Asking:
    def __init__(self, kind: type[ToySeparation] | type[ToyAsr], model: Model) -> None:
        self._kind, self._model = kind, model

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> CallStage:
        return self._kind(call, parts, audio, self._model)
