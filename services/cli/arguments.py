"""Numbers on the command line, refused with what was expected."""

import argparse


def one_or_more(text: str) -> int:
    return _whole_number(text, 1)


def zero_or_more(text: str) -> int:
    return _whole_number(text, 0)


def _whole_number(text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from {least} on")
    return int(text)
