"""Asterisk's AudioSocket: messages over plain TCP, `kind u8 | length u16 big-endian | payload`.

    0x01 UUID (16 bytes, first, once) ──> (0x10..0x18 sound | 0x03 DTMF digit)* ──> 0x00, or the connection ends

https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket/. One connection is one direction of one channel.
There are no timestamps: nothing is sent while the channel yields no media.
"""

from collections.abc import Iterator
from uuid import UUID

from speakerline.services.gateway.dialects.base import Dialect, Ended, Key, Opened, Signal, Sound, checked_sound
from speakerline.services.gateway.dialects.closing import Violation
from speakerline.shared.codec import DTMF_DIGITS
from speakerline.shared.contract.v1 import Encoding

HANG_UP = 0x00
UUID_KIND = 0x01
FIRST_MESSAGE = bytes((UUID_KIND, 0, 16))
"""Before the 16 bytes of the UUID."""
DTMF = 0x03
MAX_KEYS_BEFORE = 64
SOUND = {
    0x10: 8000,
    0x11: 12000,
    0x12: 16000,
    0x13: 24000,
    0x14: 32000,
    0x15: 44100,
    0x16: 48000,
    0x17: 96000,
    0x18: 192_000,
}
"""Kinds of signed 16-bit little-endian sound, and their rates."""
ERROR = 0xFF

_HEADER = 3


class AudioSocket(Dialect):
    """One connection; `receive` takes any piece of its bytes. The rate of the call is that of its first sound."""

    def __init__(self) -> None:
        self._unread = bytearray()
        self._uuid = ""
        self._rate = 0
        self._keys_before: list[Key] = []
        """What was pressed before the first sound, with which the call begins."""

    def receive(self, message: str | bytes) -> list[Signal]:
        assert isinstance(message, bytes)
        self._unread += message
        return [signal for kind, payload in self._messages() for signal in self._take(kind, payload)]

    @property
    def named(self) -> bool:
        """Whether the UUID has come."""
        return bool(self._uuid)

    def _messages(self) -> Iterator[tuple[int, bytes]]:
        while len(self._unread) >= _HEADER:
            end = _HEADER + int.from_bytes(self._unread[1:_HEADER], "big")
            self._check_kind(self._unread[0], end - _HEADER)
            if len(self._unread) < end:
                return
            kind, payload = self._unread[0], bytes(self._unread[_HEADER:end])
            del self._unread[:end]
            yield kind, payload

    def _check_kind(self, kind: int, length: int) -> None:
        """What can be known before the payload is there, so that nobody waits for what never comes."""
        if kind not in (HANG_UP, UUID_KIND, DTMF, ERROR, *SOUND):
            raise Violation.malformed(f"a message of kind {kind:#04x}: expected 0x00, 0x01, 0x03 or 0x10 to 0x18")
        if not self._uuid and kind != UUID_KIND:
            raise Violation.out_of_turn(f"a message of kind {kind:#04x}: expected the UUID first")
        if kind == UUID_KIND and length != 16:
            raise Violation.malformed(f"a UUID of {length} bytes: expected 16")
        if kind == DTMF and length != 1:
            raise Violation.malformed(f"a DTMF digit of {length} bytes: expected 1")

    def _take(self, kind: int, payload: bytes) -> list[Signal]:
        if kind in (HANG_UP, ERROR):
            return [Ended()]
        if kind == UUID_KIND:
            if self._uuid:
                raise Violation.out_of_turn("a second UUID: expected one")
            self._uuid = str(UUID(bytes=payload))
            return []
        if kind == DTMF:
            return self._key(payload.decode("ascii", "replace"))
        return self._sound(SOUND[kind], checked_sound(payload, 2))

    def _key(self, digit: str) -> list[Signal]:
        if digit not in DTMF_DIGITS:
            raise Violation.malformed("a DTMF digit that is none: expected one of " + " ".join(DTMF_DIGITS))
        if self._rate:
            return [Key(0, digit)]
        if len(self._keys_before) == MAX_KEYS_BEFORE:
            raise Violation.out_of_turn(f"{MAX_KEYS_BEFORE} DTMF digits without sound: expected sound")
        self._keys_before.append(Key(0, digit))
        return []

    def _sound(self, rate: int, pcm: bytes) -> list[Signal]:
        signals: list[Signal] = []
        if not self._rate:
            self._rate = rate
            signals += [Opened(self._uuid, rate, Encoding.S16LE), *self._keys_before]
            self._keys_before = []
        if rate != self._rate:
            raise Violation.unsupported(f"sound at {rate} Hz: the call began with {self._rate} Hz")
        return [*signals, Sound(0, pcm)] if pcm else signals
