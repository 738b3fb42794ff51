"""JSON of a producer as typed messages; what can't be read is a Violation that quotes nothing."""

from typing import TypeVar

import msgspec

from speakerline.services.gateway.dialects.closing import Violation

Message = TypeVar("Message")


def read(decoder: "msgspec.json.Decoder[Message]", text: str | bytes) -> Message:
    """The message. Raises Violation with the field that was wrong, or the size of what is no JSON."""
    if isinstance(text, bytes):
        raise Violation.unsupported(f"a binary message of {len(text)} bytes: expected JSON in a text message")
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        raise Violation.malformed(f"message of {len(text)} characters: {_place(error)}") from None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError, ValueError):
        raise Violation.malformed(f"message of {len(text)} characters: expected JSON") from None


def _place(error: msgspec.ValidationError) -> str:
    """What was expected and where. msgspec quotes no value, but for a tag that is not known: that is left out."""
    text = str(error)
    return "a value that can't be" if "Invalid value" in text else text[:200]
