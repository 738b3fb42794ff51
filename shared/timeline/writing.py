"""How words are written one after the other: with a blank between them, but not in scripts that know none."""

import re
from collections.abc import Iterable

_UNSPACED = re.compile(
    "[\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Myanmar, Khmer
    "\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff9f"  # Chinese, Japanese, and their punctuation
    "\U00020000-\U0003ffff]"
)


def written(words: Iterable[str]) -> str:
    """The words as a line of text, whatever blanks and line ends are within them."""
    text: list[str] = []
    for part in (part for word in words for part in word.split()):
        text += [blank_between(text[-1], part), part] if text else [part]
    return "".join(text)


def blank_between(one: str, other: str) -> str:
    """What comes between two words: a blank, or nothing."""
    return "" if is_unspaced(one[-1:]) or is_unspaced(other[:1]) else " "


def is_unspaced(text: str) -> bool:
    """Whether a character of it is of a script that is written without blanks."""
    return bool(_UNSPACED.search(text))
