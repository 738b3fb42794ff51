"""Where the archive is: options that the service which writes it and those that read it have in common."""

from dataclasses import asdict, dataclass
from typing import Any

from speakerline.shared.redaction import without_password


@dataclass(frozen=True, slots=True)
class ArchiveSettings:
    """`SPEAKERLINE_ARCHIVE_URL=sqlite:////var/lib/speakerline/archive.db` sets `url`."""

    url: str = ""
    """The database: sqlite:///file, or postgresql://user:password@host/name; empty = there is no archive."""
    sound_url: str = ""
    """Where sound is recorded: a folder, or what fsspec takes, such as s3://bucket/calls; empty = nowhere."""

    def check(self) -> None:
        """Raises InvalidArchive for what no archive can be kept in, or none that is installed here."""
        if self.url:
            from speakerline.shared.archive.database import open_database

            open_database(self.url, read_only=True).dispose()
        if self.sound_url:
            from speakerline.shared.archive.sound import SoundFolder

            SoundFolder(self.sound_url)

    def printable(self) -> dict[str, Any]:
        """All options, without passwords."""
        return {name: without_password(value) for name, value in asdict(self).items()}
