"""The options of the archive, from the environment."""

from typing import Annotated, Any

from pydantic import Field, model_validator
from typing_extensions import Self

from speakerline.services.archive.retention import Limits
from speakerline.shared.archive.database import open_database
from speakerline.shared.archive.settings import ArchiveSettings
from speakerline.shared.redaction import without_password
from speakerline.shared.runtime.process_settings import ProcessSettings

Days = Annotated[float, Field(ge=0, le=36_500)]


class ArchiveServiceSettings(ProcessSettings):
    """`SPEAKERLINE_ARCHIVE_URL=sqlite:///archive.db` sets the database."""

    host: str = "127.0.0.1"
    """Where /healthz, /readyz and /metrics are served: loopback by default."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """The port for them; 0 = any free one."""
    archive: ArchiveSettings = ArchiveSettings()
    archive_calls_days: Days = 0.0
    """How long a call is kept after its last event, with all that is known of it; 0 = until it is erased."""
    archive_words_days: Days = 0.0
    """The same of words alone: turns, speakers and statistics stay."""
    archive_sound_days: Days = 0.0
    """The same of recorded sound."""
    archive_wait_s: Annotated[int, Field(ge=0, le=31_536_000)] = 86_400
    """How long Redis keeps an ended call for an archive that is away."""
    grace_s: Annotated[float, Field(ge=1, le=600)] = 20.0
    """How long a stop may take: what was read is written."""

    @model_validator(mode="after")
    def _with_a_database(self) -> Self:
        open_database(self.archive.url).dispose()
        self.archive.check()
        return self

    @property
    def limits(self) -> Limits:
        """How long what is kept."""
        return Limits(self.archive_calls_days, self.archive_words_days, self.archive_sound_days)

    def printable(self) -> dict[str, Any]:
        """All options, without passwords."""
        urls = {"redis_url": without_password(self.redis_url), "archive": self.archive.printable()}
        return {**self.model_dump(), **urls}
