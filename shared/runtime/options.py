"""How a worker behaves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """The defaults suit live telephone calls."""

    capacity: int = 1000
    """The most calls held at once. A call takes a place when its first sound comes."""
    comfortable: int = 100
    """The calls that a worker keeps up with: workers of a stage share its calls in this proportion."""
    silent_calls: int = 1000
    """The most announced calls without any sound that one worker of vad keeps; beyond, the oldest is closed."""
    lease_s: float = 5.0
    """How long a worker may be silent before others take over its calls."""
    linger_s: float = 0.02
    """Pause after a read, so that batches form; costs up to this much latency, saves most of the wake-ups."""
    lazy_s: float = 0.5
    """Input that produced nothing is committed at most this often."""
    read_count: int = 128
    """The most entries read from one log at once."""
    max_tries: int = 3
    """Attempts at one entry before it is given up."""
    grab: int = 16
    """Calls taken at a time, so that peers get their share."""
    idle_s: float = 60.0
    """A call on which nothing came for this long is idle: the timeline says so, and it goes on."""
    idle_close_s: float = 7200.0
    """vad closes the audio of a call on which nothing came for this long, or nothing at all."""
    ttl_s: int = 3600
    """How long a call stays in Redis after its last stage is done with it."""
    firehose_age_s: float = 3600.0
    """How long an event stays in the firehose; the workers of the aggregator see to that."""
    shed_lag_s: float = 0.0
    """How far steps may stay behind the sound before stages are asked to do less; 0 = takes no part in that."""
