"""Whether a file ends amid what its format counts, where ffmpeg says nothing: VOC, AVI, MPEG program and transport
streams."""

import mmap
import struct
from collections.abc import Callable
from pathlib import Path

from speakerline.tools.media.part_ends import blocks, packets

_TS_PACKET = 188


def is_cut_off(path: Path, container: str) -> bool:
    """`container`: its name by ffmpeg. False also where nothing can be said."""
    check = {"voc": _ends_behind(blocks), "avi": _avi, "mpeg": _ends_behind(packets), "mpegts": _transport_stream}.get(
        container
    )
    if check is None:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            return check(content)
        except (struct.error, IndexError):  # amid a header
            return True


def _ends_behind(walk: Callable[[mmap.mmap, int, int], int | None]) -> Callable[[mmap.mmap], bool]:
    """Whether what is counted ends behind the file."""

    def check(content: mmap.mmap) -> bool:
        end = walk(content, 0, len(content))
        return end is not None and end > len(content)

    return check


def _avi(content: mmap.mmap) -> bool:
    (size,) = struct.unpack_from("<I", content, 4)
    return bool(len(content) < 8 + size < 0xFFFFFFFF)


def _transport_stream(content: mmap.mmap) -> bool:
    """Packets of one size, where the file is of nothing else."""
    whole = content[0] == 0x47 and content[_TS_PACKET] == 0x47
    return whole and len(content) % _TS_PACKET != 0
