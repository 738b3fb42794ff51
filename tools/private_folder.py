"""Folders for what only this user may see."""

import contextlib
import os
import stat
from pathlib import Path

from speakerline.tools.failure import Failure


def private_folder(path: Path) -> Path:
    """The folder, made where it is missing. Raises Failure unless it is this user's, no link, and closed to others."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        found = path.lstat()
    except OSError as error:
        raise Failure(f"{path}: expected a folder that can be made or used ({error.strerror})") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise Failure(f"{path}: expected a folder of your own, and no link")
    if found.st_mode & 0o077:
        raise Failure(f"{path}: others may look into this folder; `chmod 700 {path}` closes it")
    return path
