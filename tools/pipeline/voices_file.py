"""Where the voices are kept that were enrolled on this machine."""

import os
from pathlib import Path

from speakerline.tools.failure import Failure


class NoHome(Failure):
    """Nobody knows where this user's files are, so nobody can be enrolled there either."""


def voices_file() -> Path:
    """$SPEAKERLINE_VOICES, or ~/.local/share/speakerline/voices.json. Raises NoHome where no home is known."""
    if chosen := os.environ.get("SPEAKERLINE_VOICES"):
        return Path(chosen)
    try:
        return Path.home() / ".local" / "share" / "speakerline" / "voices.json"
    except RuntimeError as error:
        raise NoHome("no home folder is known: SPEAKERLINE_VOICES names the file of the enrolled voices") from error
