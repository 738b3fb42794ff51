"""The options that every process has: its Redis, and its logs."""

from typing import Literal

from pydantic import field_validator

from speakerline.shared.environment import EnvironmentSettings
from speakerline.shared.runtime.connection import connect


class ProcessSettings(EnvironmentSettings):
    """`SPEAKERLINE_REDIS_URL=redis://...` sets `redis_url`."""

    redis_url: str = "redis://127.0.0.1:6379/0"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_call_ids: bool = False
    """Whether log lines show the ids of calls: they stay there when a call is erased."""

    @field_validator("redis_url")
    @classmethod
    def _of_a_redis(cls, url: str) -> str:
        try:
            connect(url)
        except ValueError:
            raise ValueError("expected redis://host:port/db, rediss://... or unix:///path?db=0") from None
        return url
