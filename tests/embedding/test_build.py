"""The stage with the models that its settings name: real sound in, voiceprints out."""

import numpy as np
import pytest
import soundfile
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from speakerline.services.embedding.build import Settings, build
from speakerline.shared.contract.v1 import AudioEnded, CallStarted, Encoding, SpeechState
from speakerline.shared.pipeline import EMBEDDING, SPEECH
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.stage import Event
from speakerline.shared.voiceprints.vectors import decode_vector
from speakerline.tools.sample_call import sample_call
from tests.asr.toy import Sound
from tests.embedding.test_stage import run, speech, windows


def test_the_models_of_the_settings_describe_who_speaks() -> None:
    registry = CollectorRegistry()
    samples, rate = soundfile.read(sample_call(), dtype="float32")
    stage = build(Settings(embedding_step_ms=2000), Metrics(registry).for_stage(EMBEDDING.name))
    call = stage.open(CallStarted("c", rate, Encoding.S16LE, 1), {}, Sound([samples[7 * rate : 13 * rate]]))
    found = windows(run(call, [speech(450, SpeechState.OPENED, 300, 450), Event(SPEECH, 6000, AudioEnded(6000))]))
    assert [window.end_ms for window in found] == [2000, 4000, 6000]
    prints = [decode_vector(voice.voiceprint) for window in found for voice in window.voices if voice.voiceprint]
    assert prints
    for vector in prints:
        assert vector.shape == (192,)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)
    for model, inputs in (("segmentation", 3), ("campplus", len(prints))):
        labels = {"stage": EMBEDDING.name, "model": model}
        assert registry.get_sample_value("speakerline_batch_size_sum", labels) == inputs


@pytest.mark.parametrize("threads", [0, 65])
def test_how_many_runs_there_may_be_side_by_side(threads: int) -> None:
    assert [Settings(model_threads=number).model_threads for number in (1, 64)] == [1, 64]
    assert Settings().model_threads == 2
    with pytest.raises(ValidationError):
        Settings(model_threads=threads)
