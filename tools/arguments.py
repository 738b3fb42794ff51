"""Values on the command line, refused with what was expected."""

import argparse

from speakerline.shared.contract.v1 import FrontEnd

FRONT_END = {
    "level": "level",
    "denoise": "denoise",
    "dereverberate": "dereverberate",
    "music": "find_music",
}
"""What --front-end may name, and the field that it switches on."""


def one_or_more(text: str) -> int:
    return _whole_number(text, 1)


def zero_or_more(text: str) -> int:
    return _whole_number(text, 0)


def _whole_number(text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from {least} on")
    return int(text)


def front_end(text: str) -> FrontEnd:
    """`level,music` and so on."""
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in FRONT_END]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r}: expected some of {','.join(FRONT_END)}")
    return FrontEnd(**{FRONT_END[name]: True for name in names})


def language(text: str) -> str:
    """ISO 639-1: two letters."""
    if len(text) != 2 or not (text.isascii() and text.isalpha()):
        raise argparse.ArgumentTypeError(f"{text!r}: expected two letters, such as en (ISO 639-1)")
    return text.lower()
