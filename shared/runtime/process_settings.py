"""The options that every process has: its Redis, and its logs."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from speakerline.shared.addresses import MOST_SHARDS, with_shards
from speakerline.shared.environment import EnvironmentSettings
from speakerline.shared.runtime.connection import check_url


class ProcessSettings(EnvironmentSettings):
    """`SPEAKERLINE_REDIS_URL=redis://...` sets `redis_url`."""

    shards: Annotated[int, Field(ge=1, le=MOST_SHARDS)] = 1
    """Over how many shards calls are spread, where `redis_url` does not say so itself."""
    redis_url: Annotated[str, Field(validate_default=True)] = "redis://127.0.0.1:6379/0"
    """Where Redis is: redis://, rediss://, unix://, several of them with commas, Sentinel or a cluster, as
    docs/operations.md has it. The number of shards may be in it, too."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level of log lines."""
    log_call_ids: bool = False
    """Whether log lines show the ids of calls: they stay there when a call is erased."""

    @field_validator("redis_url")
    @classmethod
    def _of_a_redis(cls, url: str, info: ValidationInfo) -> str:
        return check_url(with_shards(url, info.data.get("shards", 1)))
