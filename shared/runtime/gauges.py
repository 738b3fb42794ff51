"""What operators see of a worker at any moment: sums and extremes of the calls of all its shards, and each Redis."""

from collections.abc import Sequence

from speakerline.shared.runtime.metrics import RedisMetrics, StageMetrics
from speakerline.shared.runtime.observing import Observer
from speakerline.shared.runtime.shard_worker import ShardWorker
from speakerline.shared.runtime.workplace import Workplace


def set_gauges(metrics: StageMetrics, workplace: Workplace, shards: Sequence[ShardWorker]) -> None:
    """They are read when Prometheus asks."""
    metrics.owned.set_function(lambda: workplace.held)
    metrics.silent.set_function(lambda: sum(shard.lobby.silent for shard in shards))
    metrics.group_lag.set_function(lambda: sum(shard.heartbeat.waiting.count for shard in shards))
    metrics.parked.set_function(lambda: sum(shard.heartbeat.waiting.parked for shard in shards))
    metrics.oldest_waiting.set_function(lambda: max(shard.heartbeat.waiting.age_s for shard in shards))
    metrics.oldest_commit.set_function(lambda: max(shard.observer.oldest_commit_s for shard in shards))
    metrics.oldest_entry.set_function(lambda: max(shard.observer.oldest_entry_s for shard in shards))
    for number, shard in enumerate(shards):
        _set_redis_gauges(metrics.redis(str(number) if len(shards) > 1 else ""), shard.observer)


def _set_redis_gauges(metrics: RedisMetrics, observer: Observer) -> None:
    metrics.silent.set_function(lambda: observer.silent_s)
    metrics.memory.set_function(lambda: observer.server.memory)
    metrics.max_memory.set_function(lambda: observer.server.max_memory)
    metrics.evicted.set_function(lambda: observer.server.evicted)
    metrics.write_errors.set_function(lambda: observer.server.write_errors)
