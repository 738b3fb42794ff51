"""The private Redis of a command is this user's alone."""

import stat
from pathlib import Path
from urllib.parse import urlsplit

from speakerline.tools.pipeline.private_redis import private_redis


async def test_nobody_else_may_look_into_the_folder_or_use_the_socket() -> None:
    async with private_redis() as url:
        folder = Path(urlsplit(url).path).parent
        modes = {path.name: stat.filemode(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes == {folder.name: "drwx------", "redis.sock": "srw-------", "redis.log": "-rw-------"}
