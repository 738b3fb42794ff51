"""Types of command line arguments. Each raises ArgumentTypeError with what was expected."""

import argparse

from speakerline.shared.contract.v1 import FrontEnd
from speakerline.tools.media.headerless import Headerless, parse

FRONT_END = {
    "level": "level",
    "denoise": "denoise",
    "dereverberate": "dereverberate",
    "music": "find_music",
}
"""The choices of --front-end, and the field of FrontEnd that each sets."""


def one_or_more(text: str) -> int:
    """A whole number, 1 or more."""
    return _whole_number(text, 1)


def zero_or_more(text: str) -> int:
    """A whole number, 0 or more."""
    return _whole_number(text, 0)


def seconds(text: str) -> float:
    """A length of time: more than 0, at most a day."""
    try:
        given = float(text)
    except ValueError:
        given = 0.0
    if not 0 < given <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds, more than 0 and at most 86400")
    return given


def _whole_number(text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, {least} or more")
    return int(text)


def front_end(text: str) -> FrontEnd:
    """Choices of --front-end, such as `level,music`."""
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in FRONT_END]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r}: expected one or more of {','.join(FRONT_END)}")
    return FrontEnd(**{FRONT_END[name]: True for name in names})


def language(text: str) -> str:
    """An ISO 639-1 code: two letters."""
    if len(text) != 2 or not (text.isascii() and text.isalpha()):
        raise argparse.ArgumentTypeError(f"{text!r}: expected two letters, such as en (ISO 639-1)")
    return text.lower()


def headerless(text: str) -> Headerless:
    """What a file without a header is, such as `ulaw` or `sln,16000,2`."""
    try:
        return parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
