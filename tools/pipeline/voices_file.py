"""Where the voices are kept that were enrolled on this machine."""

import os
from pathlib import Path


def voices_file() -> Path:
    """$SPEAKERLINE_VOICES, or ~/.local/share/speakerline/voices.json."""
    chosen = os.environ.get("SPEAKERLINE_VOICES")
    return Path(chosen) if chosen else Path.home() / ".local" / "share" / "speakerline" / "voices.json"
