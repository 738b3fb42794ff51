"""Text from outside, shown as it is: no character of it moves a cursor, turns the line around or changes a colour."""

import unicodedata

_KEPT = {"\u200c", "\u200d"}
"""Joiners, which scripts such as Persian and Hindi are written with."""


def shown(text: str) -> str:
    """The text on one line: characters that are not printable as escapes, such as \\x1b, \\u202e; bytes as \\xe9."""
    return "".join(one if one.isprintable() or one in _KEPT else _escaped(one) for one in text)


def _escaped(one: str) -> str:
    if 0xDC80 <= ord(one) <= 0xDCFF:  # a byte of a file name that is no UTF-8
        return f"\\x{ord(one) - 0xDC00:02x}"
    if unicodedata.category(one) == "Zs":
        return " "
    return ascii(one)[1:-1]
