"""The error of this package."""

from pathlib import Path

import av

from speakerline.shared.errors import SpeakerlineError
from speakerline.tools.media.formats import EXPECTED, NO_HEADER


class MediaError(SpeakerlineError, ValueError):
    """A file that can't be used as call audio: `problem` says what is wrong with it and what was expected."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


def unreadable(path: Path, error: OSError | av.FFmpegError) -> MediaError:
    """What is told of a file that can't be opened or decoded."""
    if isinstance(error, FileNotFoundError):
        return MediaError(path, "no such file")
    if isinstance(error, IsADirectoryError):
        return MediaError(path, "is a folder: expected a file")
    if isinstance(error, PermissionError):
        return MediaError(path, "permission denied")
    return MediaError(path, f"could not be decoded ({error.strerror}): {EXPECTED}, {NO_HEADER}")
