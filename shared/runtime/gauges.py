"""What operators see of a worker at any moment, over all its shards: sums of calls, and the worst of each Redis."""

from collections.abc import Sequence

from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.observing import Server
from speakerline.shared.runtime.shard_worker import ShardWorker
from speakerline.shared.runtime.workplace import Workplace


def set_gauges(metrics: StageMetrics, workplace: Workplace, shards: Sequence[ShardWorker]) -> None:
    """They are read when Prometheus asks."""

    def servers() -> list[Server]:
        return [shard.observer.server for shard in shards]

    metrics.owned.set_function(lambda: workplace.held)
    metrics.silent.set_function(lambda: sum(shard.lobby.silent for shard in shards))
    metrics.group_lag.set_function(lambda: sum(shard.heartbeat.waiting.count for shard in shards))
    metrics.parked.set_function(lambda: sum(shard.heartbeat.waiting.parked for shard in shards))
    metrics.oldest_waiting.set_function(lambda: max(shard.heartbeat.waiting.age_s for shard in shards))
    metrics.oldest_commit.set_function(lambda: max(shard.observer.oldest_commit_s for shard in shards))
    metrics.oldest_entry.set_function(lambda: max(shard.observer.oldest_entry_s for shard in shards))
    metrics.redis_silent.set_function(lambda: max(shard.observer.silent_s for shard in shards))
    metrics.redis_memory.set_function(lambda: _fullest(servers()).memory)
    metrics.redis_max_memory.set_function(lambda: _fullest(servers()).max_memory)
    metrics.redis_evicted.set_function(lambda: max(server.evicted for server in servers()))
    metrics.redis_write_errors.set_function(lambda: max(server.write_errors for server in servers()))


def _fullest(servers: Sequence[Server]) -> Server:
    return max(
        servers, key=lambda server: (server.memory / server.max_memory if server.max_memory else 0.0, server.memory)
    )
