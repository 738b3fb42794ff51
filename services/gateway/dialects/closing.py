"""Why the gateway closes a socket: for a producer one code and one reason of the metric for each."""

from typing_extensions import Self

from speakerline.shared.errors import SpeakerlineError

ENDED = 1000
GOING_AWAY = 1001
UNSUPPORTED = 1003
MALFORMED = 1007
POLICY = 1008
TOO_LARGE = 1009
"""The server itself closes such a socket."""
FAULT = 1011
TRY_AGAIN = 1013
NO_HELLO = 4408
IDLE = 4409
TOO_MANY = 4429

LONGEST_REASON = 120
"""A close frame takes 123 bytes (RFC 6455, 5.5)."""


def short_reason(text: str) -> str:
    """So much of it as a close frame has room for."""
    return text.encode()[:LONGEST_REASON].decode(errors="ignore")


class Violation(SpeakerlineError):
    """The producer said what can't be understood, or did what it may not. `reason`: one word, for the metric. The
    message goes to the producer and holds no sound and no words."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason

    @classmethod
    def malformed(cls, message: str) -> Self:
        """It can't be read."""
        return cls(MALFORMED, "malformed", message)

    @classmethod
    def unsupported(cls, message: str) -> Self:
        """It can be read, and is nothing that the gateway can take."""
        return cls(UNSUPPORTED, "unsupported", message)

    @classmethod
    def out_of_turn(cls, message: str) -> Self:
        """It comes before its time, or twice."""
        return cls(POLICY, "out_of_turn", message)
