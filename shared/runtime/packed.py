"""Words of commands as they go over the wire to Redis. For what is sent so often that packing it costs: words that stay
the same are packed once, and others together with what is around them.

    *2\\r\\n  $3\\r\\nGET\\r\\n  $5\\r\\ncalls\\r\\n      how many words, and each with its length in bytes

https://redis.io/docs/latest/develop/reference/protocol-spec/#sending-commands-to-a-redis-server
"""

from collections.abc import Sequence

import msgspec


class Packed(msgspec.Struct, frozen=True, gc=False):
    """Words of a command: how many, and their bytes."""

    count: int
    data: bytes


def packed(*words: str | int) -> Packed:
    """The words, a number as its digits."""
    encoded = [str(word).encode() for word in words]
    return Packed(len(words), b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded]))


def ascii_word(text: str) -> str:
    """One word, to be encoded together with others."""
    return f"${len(text)}\r\n{text}\r\n"


def joined(parts: Sequence[Packed]) -> Packed:
    """All of their words, in order."""
    return Packed(sum([part.count for part in parts]), b"".join([part.data for part in parts]))


def command(words: Packed) -> bytes:
    """A whole one."""
    return b"*%d\r\n%b" % (words.count, words.data)
