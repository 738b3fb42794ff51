"""AudioSocket connections that are the legs of one call: each message is a piece of one, `| leg u8 | piece |`."""

from dataclasses import replace

from speakerline.services.gateway.dialects.audiosocket import AudioSocket
from speakerline.services.gateway.dialects.base import Dialect, Ended, Key, Opened, Signal, Sound
from speakerline.services.gateway.dialects.closing import Violation


class AudioSocketLegs(Dialect):
    """`call`: what the first sound opens, at the rate of that sound. A leg that ends does not end the call."""

    def __init__(self, call: Opened, legs: int) -> None:
        self._call = call
        self._legs = [AudioSocket() for _ in range(legs)]
        self._rate = 0

    def receive(self, message: str | bytes) -> list[Signal]:
        assert isinstance(message, bytes)
        number, piece = message[0], message[1:]
        signals = self._legs[number].receive(piece)
        return [told for signal in signals if (told := self._of_leg(number, signal)) is not None]

    def _of_leg(self, number: int, signal: Signal) -> Signal | None:
        if isinstance(signal, Opened):
            return self._open(signal)
        if isinstance(signal, Sound):
            return Sound(number, signal.pcm, signal.at)
        if isinstance(signal, Key):
            return replace(signal, channel=number)
        assert isinstance(signal, Ended)
        return None

    def _open(self, opened: Opened) -> Opened | None:
        if self._rate and opened.sample_rate != self._rate:
            expected = f"the other leg of the call has {self._rate} Hz"
            raise Violation.unsupported(f"sound at {opened.sample_rate} Hz: {expected}")
        if self._rate:
            return None
        self._rate = opened.sample_rate
        return replace(self._call, sample_rate=opened.sample_rate, encoding=opened.encoding, channels=len(self._legs))
