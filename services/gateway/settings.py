"""The options of the gateway, from the environment."""

from typing import Annotated, Any

from pydantic import Field, model_validator
from typing_extensions import Self

from speakerline.services.gateway.auth.settings import AuthSettings
from speakerline.services.gateway.intake.settings import IntakeSettings
from speakerline.shared.archive.settings import ArchiveSettings
from speakerline.shared.redaction import without_password
from speakerline.shared.runtime.process_settings import ProcessSettings


class GatewaySettings(ProcessSettings):
    """`SPEAKERLINE_GATEWAY_PORT=8080` sets `gateway_port`; times are seconds."""

    gateway_host: str = "127.0.0.1"
    """Where the gateway listens: loopback by default."""
    gateway_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """The port of the gateway; 0 = any free one."""
    gateway_metrics_host: str = "127.0.0.1"
    """On which address /metrics is served."""
    gateway_metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Where /metrics is served, apart from what clients reach; 0 = nowhere."""
    gateway_grace_s: Annotated[float, Field(ge=0, le=86_400)] = 20.0
    """How long the sockets of calls may go on after SIGTERM."""
    gateway_message_bytes: Annotated[int, Field(ge=4096, le=16_777_216)] = 262_144
    """The largest message of a WebSocket; a longer one closes it with code 1009."""

    gateway_watchers: Annotated[int, Field(ge=1, le=1_000_000)] = 5000
    """Streams of events that a tenant may have open."""
    gateway_separations: Annotated[int, Field(ge=0, le=1000)] = 4
    """Live separations that a tenant may have open; each costs about a fifth of a core."""
    gateway_separation_idle_s: Annotated[float, Field(ge=0.1, le=86_400)] = 60.0
    """How long a live separation may be sent nothing."""

    gateway_upload_bytes: Annotated[int, Field(ge=100_000, le=1_000_000_000)] = 33_554_432
    """The largest recording of a voice."""
    auth: AuthSettings = AuthSettings()
    intake: IntakeSettings = IntakeSettings()
    archive: ArchiveSettings = ArchiveSettings()

    @model_validator(mode="after")
    def _of_an_archive(self) -> Self:
        self.archive.check()
        return self

    def printable(self) -> dict[str, Any]:
        """All options, without passwords and keys."""
        urls = {"redis_url": without_password(self.redis_url)}
        groups = {name: getattr(self, name).printable() for name in ("auth", "intake", "archive")}
        return {**self.model_dump(), **urls, **groups}
