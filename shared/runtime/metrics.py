"""What operators see of every stage. Three latencies: queue, work and lag; labels are few, never a call id."""

import time
from importlib.metadata import version

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from speakerline.shared.contract.v1 import Degraded, Gap

VERSION = version("speakerline")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60)
"""To a minute: so long may the words of a long utterance take."""

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """The series of this process; `for_stage` binds them to one stage."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.registry = registry

        def histogram(
            name: str, text: str, buckets: tuple[float, ...] = SECONDS, labels: tuple[str, ...] = ()
        ) -> Histogram:
            return Histogram(f"speakerline_{name}", text, ("stage", *labels), buckets=buckets, registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"speakerline_{name}", text, ("stage", *labels), registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"speakerline_{name}", text, ("stage", *labels), registry=registry)

        self.queue = histogram("queue_seconds", "From the writing of an entry to its being handled.")
        self.work = histogram("work_seconds", "One step of one call in the stage, models included.")
        self.lag = histogram("lag_seconds", "From the arrival of the sound concerned to the event's publication.")
        self.step = histogram("step_entries", "Entries given to a stage at once.", SIZES)
        self.batch = histogram("batch_size", "Inputs of one model run.", SIZES, ("model",))
        self.model = histogram("model_seconds", "One run of a model, whatever the batch.", SECONDS, ("model",))
        self.lost_models = counter(
            "lost_models_total",
            "Models in processes of their own that hung, crashed or took too much memory.",
            "model",
            "reason",
        )
        self.commits = counter("commits_total", "Commits by outcome.", "outcome")
        self.events = counter("events_total", "Events published.")
        self.takes = counter("takes_total", "Calls taken up: new, or taken over from another worker.", "kind")
        self.handed_over = counter("handed_over_calls_total", "Calls handed over to a worker with less to do.")
        self.unknown = counter("unknown_events_total", "Entries passed over, because only a newer version knows them.")
        self.dead = counter("dead_letters_total", "Entries that a stage gave up on.")
        self.guarded = counter("guarded_words_total", "Words that a guard of asr took for made up.", "guard")
        self.failures = counter("failures_total", "Steps that failed and were tried again.")
        self.outages = counter("outages_total", "Times that Redis could not be reached or could not write.")
        self.refused = counter("refused_calls_total", "Announcements that are no calls.")
        self.closed = counter("closed_calls_total", "Calls that vad closed, because no sound came.", "why")
        self.degraded = counter(
            "degraded_seconds_total", "Time of calls in which the stage left something out.", "what"
        )
        self.gaps = counter("gap_seconds_total", "Time of calls without usable sound or result.", "reason")
        self.capacity = gauge("capacity_calls", "The most calls that this worker holds.")
        self.comfortable = gauge("comfortable_calls", "The calls that this worker keeps up with.")
        self.owned = gauge("owned_calls", "Calls in the hands of this worker.")
        self.silent = gauge("silent_calls", "Announced calls of which no sound has come; they take no place.")
        self.group_lag = gauge("group_lag_calls", "Calls that no worker of the stage has taken yet.")
        self.parked = gauge("parked_calls", "Calls whose state no worker that tried could read; they wait for another.")
        self.oldest_waiting = gauge("oldest_waiting_call_seconds", "Age of the oldest call that no worker has taken.")
        self.oldest_entry = gauge("oldest_entry_seconds", "How long the oldest entry that waits for its step is there.")
        self.oldest_commit = gauge(
            "oldest_commit_seconds", "The longest that a call with work has been without a commit."
        )
        self.redis_silent = gauge("redis_silent_seconds", "Since Redis answered the worker.", "shard")
        self.redis_memory = gauge("redis_used_memory_bytes", "Memory that Redis uses; asked every 15 s.", "shard")
        self.redis_max_memory = gauge("redis_max_memory_bytes", "Memory that Redis may use; 0 = no limit.", "shard")
        self.redis_evicted = gauge("redis_evicted_keys", "Keys that Redis deleted to make room.", "shard")
        self.redis_write_errors = gauge("redis_write_errors", "Kinds of writing to disk that failed.", "shard")
        self.build = gauge("build_info", "1, with the version that runs.", "version")
        self.started = gauge("start_time_seconds", "When the process started; every change is a restart.")
        self.odd_times = counter("odd_times_total", "Frames whose audio_at is more than 60 s old, or in the future.")
        self.drains = gauge("drains", "Whether this worker leaves new calls to workers of a newer version.")
        self.sheds = gauge("sheds", "Whether this worker does less, because it has more to do than it can.")
        self.behind = gauge("behind_seconds", "How late steps of live calls began in the last second; median.")

    def for_stage(self, stage: str) -> "StageMetrics":
        return StageMetrics(self, stage)


class StageMetrics:
    """The series of one stage, under the names that the runtime uses."""

    def __init__(self, metrics: Metrics, stage: str) -> None:
        self._metrics = metrics
        self._stage = stage
        self.queue = metrics.queue.labels(stage)
        self.work = metrics.work.labels(stage)
        self.lag = metrics.lag.labels(stage)
        self.step = metrics.step.labels(stage)
        self.events = metrics.events.labels(stage)
        self.handed_over = metrics.handed_over.labels(stage)
        self.unknown = metrics.unknown.labels(stage)
        self.dead = metrics.dead.labels(stage)
        self.failures = metrics.failures.labels(stage)
        self.outages = metrics.outages.labels(stage)
        self.refused = metrics.refused.labels(stage)
        self.capacity = metrics.capacity.labels(stage)
        self.comfortable = metrics.comfortable.labels(stage)
        self.owned = metrics.owned.labels(stage)
        self.silent = metrics.silent.labels(stage)
        self.group_lag = metrics.group_lag.labels(stage)
        self.parked = metrics.parked.labels(stage)
        self.oldest_waiting = metrics.oldest_waiting.labels(stage)
        self.oldest_entry = metrics.oldest_entry.labels(stage)
        self.oldest_commit = metrics.oldest_commit.labels(stage)
        self.odd_times = metrics.odd_times.labels(stage)
        self.drains = metrics.drains.labels(stage)
        self.sheds = metrics.sheds.labels(stage)
        self.behind = metrics.behind.labels(stage)

        metrics.build.labels(stage, VERSION).set(1)
        metrics.started.labels(stage).set(time.time())

    def redis(self, shard: str) -> "RedisMetrics":
        return RedisMetrics(self._metrics, self._stage, shard)

    def commit(self, outcome: str) -> None:
        self._metrics.commits.labels(self._stage, outcome).inc()

    def close(self, why: str) -> None:
        self._metrics.closed.labels(self._stage, why).inc()

    def lose(self, event: object) -> None:
        """An event of the stage's own that tells what the call does not get."""
        if isinstance(event, Degraded) and event.stage == self._stage:
            what = event.shed.partition(":")[0]
            self._metrics.degraded.labels(self._stage, what).inc((event.end_ms - event.start_ms) / 1000)
        elif isinstance(event, Gap) and event.stage == self._stage:
            reason = (event.reason.name or "unknown").lower()
            self._metrics.gaps.labels(self._stage, reason).inc((event.end_ms - event.start_ms) / 1000)

    def take(self, kind: str) -> None:
        self._metrics.takes.labels(self._stage, kind).inc()

    def batch(self, model: str, size: int, seconds: float) -> None:
        self._metrics.batch.labels(self._stage, model).observe(size)
        self._metrics.model.labels(self._stage, model).observe(seconds)

    def lost_model(self, model: str, reason: str) -> None:
        """For an IsolatedModel's `on_loss`."""
        self._metrics.lost_models.labels(self._stage, model, reason).inc()

    def guarded(self, guard: str, words: int) -> None:
        self._metrics.guarded.labels(self._stage, guard).inc(words)


class RedisMetrics:
    """What a worker of a stage knows of the Redis of a shard. `shard`: its number; empty where there is one alone."""

    def __init__(self, metrics: Metrics, stage: str, shard: str) -> None:
        self.silent = metrics.redis_silent.labels(stage, shard)
        self.memory = metrics.redis_memory.labels(stage, shard)
        self.max_memory = metrics.redis_max_memory.labels(stage, shard)
        self.evicted = metrics.redis_evicted.labels(stage, shard)
        self.write_errors = metrics.redis_write_errors.labels(stage, shard)
