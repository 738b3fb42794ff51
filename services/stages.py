"""Builds the stages with their models: one place for what a service, a single process and a test have in common."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from services.embedding.windows import Floats
from services.front_end.stage import FrontEndStage
from services.settings import Settings
from shared.pipeline import AGGREGATOR, ASR, CLUSTERING, EMBEDDING, PIPELINE, SEPARATION, VAD, StageSpec
from shared.runtime.batcher import Batcher
from shared.runtime.metrics import StageMetrics
from shared.runtime.stage import Stage

MODEL_BATCH = 4
"""Windows in one run of a model. More gain nothing (8 ms a window in runs of 4, 8.5 in runs of 16), and every window
of a run waits for the whole run."""


def spec_of(name: str) -> StageSpec:
    """The place of a stage in the pipeline. Raises ValueError for a name that it does not have."""
    for spec in PIPELINE:
        if spec.name == name:
            return spec
    raise ValueError(f"stage {name!r}: expected one of {', '.join(spec.name for spec in PIPELINE)}")


def build_stage(name: str, settings: Settings, metrics: StageMetrics) -> Stage:
    """One stage, its models loaded. Raises ModelMissing where one can't be found."""
    builders = {
        VAD.name: _vad,
        EMBEDDING.name: _embedding,
        SEPARATION.name: _separation,
        CLUSTERING.name: _clustering,
        ASR.name: _asr,
        AGGREGATOR.name: _aggregator,
    }
    spec = spec_of(name)
    stage = builders[spec.name](settings, metrics)
    return FrontEndStage(stage) if spec.reads_audio and spec is not VAD else stage


def _vad(settings: Settings, metrics: StageMetrics) -> Stage:
    from services.vad.energy import Energy
    from services.vad.silero import Silero
    from services.vad.stage import VadStage

    detector = Silero() if settings.vad_model == "silero" else Energy()
    executor = ThreadPoolExecutor(1, "vad")
    detect = Batcher(detector.run, 256, executor, lambda size, s: metrics.batch(settings.vad_model, size, s))
    return VadStage(detect, settings.vad)


def _embedding(settings: Settings, metrics: StageMetrics) -> Stage:
    from services.embedding.segmentation import Segmentation
    from services.embedding.stage import EmbeddingStage

    segmentation = Segmentation()
    embedder = settings.embedder()
    executor = ThreadPoolExecutor(settings.model_threads, "embedding")
    scores: Batcher[Floats, Floats] = Batcher(
        lambda windows: list(segmentation.scores(np.stack(windows))),
        MODEL_BATCH,
        executor,
        lambda size, s: metrics.batch("segmentation", size, s),
    )
    voiceprint = Batcher(
        embedder.embed, MODEL_BATCH, executor, lambda size, s: metrics.batch(settings.embedding_model, size, s)
    )
    return EmbeddingStage(scores, voiceprint, settings.embedding_step_ms)


def _separation(settings: Settings, metrics: StageMetrics) -> Stage:
    from services.separation.separator import Chosen, build, check_source
    from services.separation.stage import SeparationStage, Separator
    from shared.runtime.isolation import AGAIN_LIMIT_S, START_LIMIT_S, IsolatedModel

    name = settings.separation_model
    if name == "off":
        return SeparationStage(None, settings.embedding_step_ms)
    chosen = Chosen(name, settings.separation_source, settings.separation_three_source)
    check_source(chosen)
    embedder = settings.embedder()
    limit_s, memory_mb = settings.separation_limit_s, settings.separation_memory_mb
    lost = partial(metrics.lost_model, name)
    small = name == "dualpath"
    start_limit_s = AGAIN_LIMIT_S if small else START_LIMIT_S
    model = IsolatedModel(partial(build, chosen), limit_s, memory_mb, name, lost, start_limit_s)
    if not small:
        model.start()
    executor = ThreadPoolExecutor(2, "separation")
    run = Batcher(model.run, 1, executor, lambda size, s: metrics.batch(name, size, s))
    voiceprint = Batcher(
        embedder.embed, MODEL_BATCH, executor, lambda size, s: metrics.batch(settings.embedding_model, size, s)
    )
    return SeparationStage(Separator(name, run, voiceprint), settings.embedding_step_ms)


def _clustering(settings: Settings, metrics: StageMetrics) -> Stage:
    from services.clustering.stage import ClusteringStage

    return ClusteringStage(settings.embedder().calibration, settings.clustering)


def _asr(settings: Settings, metrics: StageMetrics) -> Stage:
    from services.asr.choice import choose
    from services.asr.hearing import Ear
    from services.asr.off import OffStage
    from services.asr.stage import AsrOptions, AsrStage
    from shared.runtime.isolation import IsolatedModel

    chosen = choose(
        settings.asr_model,
        settings.asr_whisper,
        settings.asr_device,
        settings.asr_precision,
        settings.asr_alignment,
    )
    if chosen is None:
        return OffStage()
    lost = partial(metrics.lost_model, chosen.name)
    model = IsolatedModel(chosen.build, settings.asr_limit_s, settings.asr_memory_mb, chosen.name, lost)
    model.start()
    executor = ThreadPoolExecutor(1, "asr")
    recognise = Batcher(model.run, chosen.batch, executor, lambda size, s: metrics.batch(chosen.name, size, s))
    ear = Ear(recognise, chosen.name, chosen.languages, chosen.batch, metrics.guarded, chosen.doubtful)
    options = AsrOptions(
        settings.asr_language, settings.embedding_step_ms, settings.asr_interims, settings.asr_max_lag_s
    )
    return AsrStage(ear, options)


def _aggregator(settings: Settings, metrics: StageMetrics) -> Stage:
    from services.aggregator.stage import AggregatorStage

    return AggregatorStage()
