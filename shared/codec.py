"""Events to JSON and back, and the checks that proto3 can't express.

An event travels as the JSON mapping of its message, in one field of its stream entry. Streams that carry several kinds
hold an envelope message with a oneof (`SpeechEvent`, `TurnEvent`, ...); here the body goes in and comes out.

Errors of what was read name fields and sizes. They quote no text: they go to logs, where no word of a call may be.
"""

import re
from typing import Any, overload

import betterproto2
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from speakerline.shared.contract import v1
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.event_kinds import ENVELOPES, FIELDS
from speakerline.shared.keys import EXPECTED_ID, InvalidCallId, check_call_id, is_call_id
from speakerline.shared.pipeline import TIMELINE, Body, Stream
from speakerline.shared.tenants import tenant_of

MAX_CHANNELS = 8
DTMF_DIGITS = tuple("0123456789ABCD*#")
SAMPLE_RATES = (8000, 16000)
MAX_ANNOUNCEMENT_BYTES = 1_000_000
MAX_METADATA_BYTES = 64_000
MAX_TEXT_BYTES = 200
"""Of every other text of an announcement: who sends it, when it started, its trace."""

_LANGUAGE = re.compile(r"([A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8}){0,3})?")
_EXPECTED_LANGUAGE = "expected an ISO 639 code such as en, or en-US"
_EXPECTED_TENANT = "expected call_id to begin with @<tenant>/ exactly where there is a tenant"
METADATA = "metadata"
"""The one map of the contract: its keys are a producer's own text."""


class InvalidEvent(SpeakerlineError, ValueError):
    """An event that can't be read, or whose values make no sense."""


_ADAPTERS: dict[str, TypeAdapter[Any]] = {stream: TypeAdapter(message) for stream, message in ENVELOPES.items()}
_CALL = TypeAdapter(v1.CallStarted)


def write(stream: Stream[Body], body: Body) -> bytes:
    """JSON of an event body (`Speech`, `Gap`, `Turn`, a `TimelineEvent`, ...) for its stream.

    The epoch of a TimelineEvent travels beside it. Raises InvalidEvent for a kind that the stream does not carry."""
    if stream == TIMELINE:
        return _ADAPTERS[stream].dump_json(body, exclude_defaults=True, exclude={"epoch"})
    if type(body) not in FIELDS[stream]:
        known = ", ".join(kind.__name__ for kind in FIELDS[stream])
        raise InvalidEvent(f"{type(body).__name__} on stream {stream}: expected one of {known}")
    envelope = ENVELOPES[stream](**{FIELDS[stream][type(body)]: body})
    return _ADAPTERS[stream].dump_json(envelope, exclude_defaults=True)


@overload
def read(stream: Stream[v1.TimelineEvent], json: bytes) -> v1.TimelineEvent: ...
@overload
def read(stream: Stream[Body], json: bytes) -> Body | None: ...
def read(stream: Stream[Any], json: bytes) -> Any:
    """The event body, or None where a newer version sent a kind, or a value of an enum, that this one does not know.

    A TimelineEvent is given in any case, for its `seq`; such a value is the first of its enum then. Raises InvalidEvent
    with the field that was wrong and what was expected."""
    unknown: list[str | int] = []
    try:
        event = _ADAPTERS[stream].validate_json(json, context=unknown)
    except ValidationError as error:
        raise InvalidEvent(f"{stream} event of {len(json)} bytes: {_first(error)}") from error
    if stream == TIMELINE:
        return event
    _, body = betterproto2.which_one_of(event, "kind")
    _check_times(stream, body)
    return None if unknown else body


def read_call(json: bytes) -> v1.CallStarted:
    """A CallStarted that passed `check_call`. Raises InvalidEvent."""
    if len(json) > MAX_ANNOUNCEMENT_BYTES:
        raise InvalidEvent(f"CallStarted of {len(json)} bytes: expected at most {MAX_ANNOUNCEMENT_BYTES}")
    try:
        call = _CALL.validate_json(json)
    except ValidationError as error:
        raise InvalidEvent(f"CallStarted of {len(json)} bytes: {_first(error)}") from error
    if not is_call_id(call.call_id):
        raise InvalidEvent(f"call_id of {len(call.call_id)} characters: {EXPECTED_ID}")
    if call.tenant != tenant_of(call.call_id):
        raise InvalidEvent(f"tenant of {len(call.tenant)} characters: {_EXPECTED_TENANT}")
    if not _LANGUAGE.fullmatch(call.language):
        raise InvalidEvent(f"language of {len(call.language)} characters: {_EXPECTED_LANGUAGE}")
    return check_call(call)


def announced_id(announcement: bytes) -> str | None:
    """The id in an announcement, which may be no call for other reasons; None where none can be read."""
    try:
        told = from_json(announcement)
    except ValueError:
        return None
    call_id = told.get("call_id") or told.get("callId") if isinstance(told, dict) else None
    return call_id if isinstance(call_id, str) and is_call_id(call_id) else None


def write_call(call: v1.CallStarted) -> bytes:
    return _CALL.dump_json(check_call(call), exclude_defaults=True)


def check_call(call: v1.CallStarted) -> v1.CallStarted:
    """The call with its defaults filled in. Raises InvalidEvent with the value and what was expected."""
    try:
        check_call_id(call.call_id)
    except InvalidCallId as error:
        raise InvalidEvent(str(error)) from error
    if call.tenant != tenant_of(call.call_id):
        raise InvalidEvent(f"tenant {call.tenant[:40]!r} of call {call.call_id!r}: {_EXPECTED_TENANT}")
    if call.sample_rate not in SAMPLE_RATES:
        raise InvalidEvent(f"sample_rate {call.sample_rate}: expected 8000 or 16000")
    if call.encoding not in (v1.Encoding.MULAW, v1.Encoding.ALAW, v1.Encoding.S16LE):
        known = "ENCODING_MULAW, ENCODING_ALAW or ENCODING_S16LE"
        raise InvalidEvent(f"encoding {call.encoding!s}: expected {known}")
    call.channels = call.channels or 1
    if call.channels > MAX_CHANNELS:
        raise InvalidEvent(f"channels {call.channels}: expected 1 to {MAX_CHANNELS}")
    if call.max_speakers and call.expected_speakers > call.max_speakers:
        raise InvalidEvent(f"expected_speakers {call.expected_speakers}: more than max_speakers {call.max_speakers}")
    if call.channel_mode not in tuple(v1.ChannelMode):
        raise InvalidEvent(
            f"channel_mode {int(call.channel_mode)}: expected CHANNEL_MODE_AUTO or CHANNEL_MODE_SEPARATE"
        )
    if not _LANGUAGE.fullmatch(call.language):
        raise InvalidEvent(f"language {call.language[:40]!r}: {_EXPECTED_LANGUAGE}")
    for name in ("started_at", "producer_id", "traceparent"):
        _check_size(name, getattr(call, name), MAX_TEXT_BYTES)
    _check_size(METADATA, "".join(part for pair in call.metadata.items() for part in pair), MAX_METADATA_BYTES)
    return call


def _check_size(name: str, text: str, most: int) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidEvent(
            f"{name} with half a character at {error.start}: expected text that UTF-8 can hold"
        ) from None
    if size > most:
        raise InvalidEvent(f"{name} of {size} bytes: expected at most {most}")


def _check_times(stream: str, body: Any) -> None:
    start, end = getattr(body, "start_ms", None), getattr(body, "end_ms", None)
    if start is not None and end is not None and end < start:
        raise InvalidEvent(f"{stream} {type(body).__name__}: end_ms {end} before start_ms {start}")


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    place = list(problem["loc"])
    if METADATA in place:
        place = place[: place.index(METADATA) + 1]
    return f"{'.'.join(str(part) for part in place) or 'text'}: {problem['msg']}"
