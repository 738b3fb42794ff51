"""The error of this package."""

from pathlib import Path

from speakerline.shared.errors import SpeakerlineError


class MediaError(SpeakerlineError, ValueError):
    """A file that can't be used as call audio: `problem` says what is wrong with it and what was expected."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem
