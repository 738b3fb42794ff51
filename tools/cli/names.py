"""Names of results: that of the recording, in whatever script it is written, and a call id made of it."""

import hashlib
import itertools
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote_from_bytes

LONGEST_STEM = 180
"""Bytes. A call id has at most 200 characters, a file name at most 255 bytes with its extensions."""
_SAFE = "".join(map(chr, range(33, 127))).translate(str.maketrans("", "", "{}%"))


def result_stems(files: list[Path], taken: Callable[[str], bool] = lambda stem: False) -> list[str]:
    """One for each file: its name without extension, numbered where another has it or `taken` says so."""
    stems: list[str] = []
    for path in files:
        stem = _shortened(re.sub(r"[\x00-\x1f\x7f/]", "_", path.stem)) or "call"
        numbered = (f"{stem}-{number}" for number in itertools.count(2))
        free = (one for one in itertools.chain([stem], numbered) if one not in stems and not taken(one))
        stems.append(next(free))
    return stems


def call_id_of(stem: str) -> str:
    """The stem as a call id: blanks and braces as `_`, letters beyond ASCII percent-encoded, so that two names stay
    two; the end of a long one becomes its digest."""
    encoded = quote_from_bytes(os.fsencode(re.sub(r"[\s{}]", "_", stem)), _SAFE)
    if len(encoded) <= LONGEST_STEM:
        return encoded
    return f"{encoded[: LONGEST_STEM - 13]}-{hashlib.sha256(encoded.encode()).hexdigest()[:12]}"


def _shortened(stem: str) -> str:
    """At most LONGEST_STEM bytes, no letter cut."""
    while len(os.fsencode(stem)) > LONGEST_STEM:
        stem = stem[:-1]
    return stem
