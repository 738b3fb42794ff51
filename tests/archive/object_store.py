"""An object store for tests: whole objects under keys, listings that may be old, and nothing else of a file system.

`objects://<folder>!/<prefix>` keeps them in a folder, so that processes share them. An empty file `away` in it makes
the store refuse everything, with an error that is no OSError.
"""

import os
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, unquote

import fsspec
from fsspec.spec import AbstractFileSystem


def objects_url(folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    return f"objects://{folder}!/calls"


class StoreError(Exception):
    """As botocore and the like raise."""


class ObjectStore(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    protocol = "objects"

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """An upload that ends half-way leaves nothing."""
        at = _file(path)
        upload = at.with_name(f"{os.getpid()}.upload")
        upload.write_bytes(value)
        upload.replace(at)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        return _file(path).read_bytes()[start:end]

    def rm_file(self, path: str) -> None:
        """Whether there was one isn't told."""
        _file(path).unlink(missing_ok=True)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """What is below a prefix, up to the next slash; from what was listed before, where it was."""
        path = self._strip_protocol(path)
        if path not in self.dircache:
            self.dircache[path] = self._listed(path)
        return list(self.dircache[path]) if detail else [one["name"] for one in self.dircache[path]]

    def invalidate_cache(self, path: str | None = None) -> None:
        self.dircache.clear()

    def _listed(self, path: str) -> list[dict[str, Any]]:
        folder, _, prefix = path.partition("!/")
        keys = sorted(unquote(one.name) for one in _file(path).parent.iterdir() if not one.name.endswith(".upload"))
        if prefix in keys:
            return [{"name": path, "size": 1, "type": "file"}]
        below = [key[len(prefix) + 1 :] for key in keys if key.startswith(f"{prefix}/")]
        if not below:
            raise FileNotFoundError(path)
        names = {key.split("/")[0]: "directory" if "/" in key else "file" for key in below}
        return [{"name": f"{folder}!/{prefix}/{name}", "size": 1, "type": kind} for name, kind in names.items()]

    def _no_file_system(self, *_: Any, **__: Any) -> NoReturn:
        raise AssertionError("an object store can't do that")

    mkdir = makedirs = rmdir = mv = cp_file = touch = open = _open = _no_file_system


def _file(path: str) -> Path:
    folder, _, key = path.partition("!/")
    if Path(folder, "away").exists():
        raise StoreError("could not connect to the endpoint")
    return Path(folder, quote(key, safe=""))


fsspec.register_implementation("objects", ObjectStore, clobber=True)
