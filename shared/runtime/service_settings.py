"""The options of a service, from the environment: defaulted, validated, printed at start."""

from typing import Annotated, Any

from pydantic import Field

from speakerline.shared.pipeline import StageSpec
from speakerline.shared.redaction import without_password
from speakerline.shared.runtime.cores import usable_cores
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.process_settings import ProcessSettings


class ServiceSettings(ProcessSettings):
    """`SPEAKERLINE_LEASE_S=3` sets `lease_s`; times are seconds."""

    host: str = "127.0.0.1"
    """Where /healthz, /readyz and /metrics are served: loopback by default."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """The port for them; 0 = any free one."""
    capacity: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """The most calls that one worker holds. A call takes a place when its first sound comes."""
    comfortable_calls: Annotated[int, Field(ge=0, le=100_000)] = 0
    """How many calls a worker keeps up with; 0 = by the cores that it may use and what a call costs in its stage."""
    silent_calls: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """The most announced calls without any sound that one worker of vad keeps; beyond, the oldest is closed."""
    lease_s: Annotated[float, Field(ge=0.5, le=300)] = 5.0
    """After so long without a sign of life a worker loses its calls to others."""
    linger_s: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Pause after a read, so that the entries of many calls are handled at once: more of it takes less of the CPU, and
    labels come up to so much later for each stage that they pass."""
    idle_s: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """After so long without sound a call is idle; it goes on when sound comes."""
    idle_close_s: Annotated[float, Field(ge=1, le=86_400)] = 7200.0
    """After so long without sound a call is closed."""
    ttl_s: Annotated[int, Field(ge=1, le=31_536_000)] = 3600
    """How long an ended call stays in Redis."""
    firehose_age_s: Annotated[float, Field(ge=1, le=31_536_000)] = 3600.0
    """How long an event stays in the firehose. Set it for the aggregator."""
    shed_lag_s: Annotated[float, Field(ge=0, le=600)] = 3.0
    """How far the steps of any stage may stay behind the sound before less is done, level by level; 0 = this worker
    takes no part in that."""
    grace_s: Annotated[float, Field(ge=1, le=600)] = 20.0
    """How long a stop may take: the steps at hand are finished and committed."""
    drain_s: Annotated[float, Field(ge=0, le=86_400)] = 3600.0
    """How long a stop waits before that for calls whose states only this version reads, beside workers of a newer one.
    A second signal ends the wait."""
    otlp_endpoint: str = ""
    """Traces go there (OTLP over HTTP, such as http://collector:4318/v1/traces); empty = no traces."""

    def options_for(self, spec: StageSpec) -> WorkerOptions:
        """How a worker of the stage behaves on this machine."""
        return WorkerOptions(
            capacity=self.capacity,
            comfortable=self.comfortable_calls or max(1, round(spec.calls_a_core * usable_cores())),
            silent_calls=self.silent_calls,
            lease_s=self.lease_s,
            linger_s=self.linger_s,
            idle_s=self.idle_s,
            idle_close_s=self.idle_close_s,
            ttl_s=self.ttl_s,
            firehose_age_s=self.firehose_age_s,
            shed_lag_s=self.shed_lag_s,
        )

    def printable(self) -> dict[str, Any]:
        """All options, without passwords."""
        urls = {name: without_password(getattr(self, name)) for name in ("redis_url", "otlp_endpoint")}
        return {**self.model_dump(), **urls}
