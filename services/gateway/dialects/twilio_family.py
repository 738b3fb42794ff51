"""Twilio Media Streams and its relatives: JSON text messages with base64 sound. They differ in names alone.

    connected? ──> start ──> (media | dtmf | mark)* ──> stop | the socket closes

https://www.twilio.com/docs/voice/media-streams/websocket-messages,
https://developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket,
https://developer.exotel.com/docs/agentstream/websocket-protocol. A track is one party: `timestamp` (ms since the start
of the stream) says where each piece lies, so that a missing one is silence and nothing shifts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from speakerline.services.gateway.dialects.base import (
    Dialect,
    Ended,
    Key,
    Opened,
    Signal,
    Sound,
    as_text,
    checked_rate,
    checked_sound,
)
from speakerline.services.gateway.dialects.closing import Violation
from speakerline.services.gateway.dialects.json_messages import read
from speakerline.shared.audio.pcm import bytes_per_sample
from speakerline.shared.codec import DTMF_DIGITS
from speakerline.shared.contract.v1 import Encoding

TRACKS = ("inbound", "outbound")
LATEST_MS = 2**32 - 1

_ENCODINGS = {
    "audio/x-mulaw": Encoding.MULAW,
    "audio/x-alaw": Encoding.ALAW,
    "audio/x-l16": Encoding.S16LE,
    "audio/x-raw": Encoding.S16LE,
    "pcmu": Encoding.MULAW,
    "pcma": Encoding.ALAW,
    "l16": Encoding.S16LE,
}


@dataclass(frozen=True, slots=True)
class Names:
    """How a relative names what its start message holds."""

    call: str
    media_format: str
    sample_rate: str
    parameters: str
    default_encoding: str = "audio/x-mulaw"
    has_clock: bool = True
    """Whether `timestamp` counts from the start of the stream. Plivo's is the time of day: arrival is as good."""


FAMILY = {
    "twilio": Names("callSid", "mediaFormat", "sampleRate", "customParameters"),
    "telnyx": Names("call_control_id", "media_format", "sample_rate", "custom_parameters", "PCMU"),
    "plivo": Names("callId", "mediaFormat", "sampleRate", "extraHeaders", has_clock=False),
    "exotel": Names("call_sid", "media_format", "sample_rate", "custom_parameters", "audio/x-raw"),
}


class _Media(msgspec.Struct, gc=False):
    payload: bytes
    track: str = "inbound"
    timestamp: str | int = 0


class _Dtmf(msgspec.Struct):
    digit: str
    track: str = "inbound"


class _Message(msgspec.Struct):
    event: str
    media: _Media | None = None
    start: dict[str, Any] | None = None
    dtmf: _Dtmf | None = None


_MESSAGES = msgspec.json.Decoder(_Message)


class TwilioFamily(Dialect):
    """One stream. `?tracks=inbound,outbound` says which there are, for relatives whose start message does not."""

    def __init__(self, names: Names, parameters: Mapping[str, str]) -> None:
        self._names = names
        self._parameters = parameters
        self._opened: Opened | None = None
        self._width = 1
        self._channels: Mapping[str, int] = {}

    def receive(self, message: str | bytes) -> list[Signal]:
        said = read(_MESSAGES, message)
        if said.event == "media":
            return self._media(said.media)
        if said.event == "start":
            return [self._start(said.start)]
        if said.event == "dtmf":
            return self._dtmf(said.dtmf)
        return [Ended()] if said.event == "stop" else []

    def _start(self, start: Mapping[str, Any] | None) -> Opened:
        if start is None:
            raise Violation.malformed("a start message without `start`")
        if self._opened:
            raise Violation.out_of_turn("a second start message: expected one")
        names = self._names
        media_format = _mapping(start.get(names.media_format) or {}, names.media_format)
        tracks = self._tracks(start.get("tracks"))
        custom = as_text(_mapping(start.get(names.parameters) or {}, names.parameters))
        call_id = custom.pop("call_id", "") or self._parameters.get("call_id", "") or start.get(names.call)
        self._opened = Opened(
            call_id=call_id if isinstance(call_id, str) else "",
            sample_rate=checked_rate(media_format.get(names.sample_rate, 8000)),
            encoding=_encoding(media_format.get("encoding") or names.default_encoding),
            channels=len(tracks),
            parties=tracks,
            metadata=custom,
            language=custom.pop("language", ""),
        )
        self._width = bytes_per_sample(self._opened.encoding)
        self._channels = {track: channel for channel, track in enumerate(tracks)}
        return self._opened

    def _tracks(self, told: object) -> tuple[str, ...]:
        if told is None:
            told = self._parameters.get("tracks", "inbound").split(",")
        if isinstance(told, list) and 0 < len(told) <= len(TRACKS) and all(track in TRACKS for track in told):
            return tuple(track for track in TRACKS if track in told)
        raise Violation.unsupported(f"tracks: expected one or both of {', '.join(TRACKS)}")

    def _media(self, media: _Media | None) -> list[Signal]:
        opened = self._running("media")
        if media is None:
            raise Violation.malformed("a media message without `media`")
        pcm = checked_sound(media.payload, self._width)
        at = _milliseconds(media.timestamp) * opened.sample_rate // 1000 if self._names.has_clock else None
        return [Sound(self._channel(media.track), pcm, at)] if pcm else []

    def _dtmf(self, dtmf: _Dtmf | None) -> list[Signal]:
        self._running("dtmf")
        if dtmf is None or dtmf.digit not in DTMF_DIGITS:
            raise Violation.malformed("a dtmf message without a digit: expected one of " + " ".join(DTMF_DIGITS))
        return [Key(self._channel(dtmf.track.removesuffix("_track")), dtmf.digit)]

    def _running(self, event: str) -> Opened:
        if self._opened is None:
            raise Violation.out_of_turn(f"a {event} message before the start message")
        return self._opened

    def _channel(self, track: str) -> int:
        channel = self._channels.get(track)
        if channel is None:
            announced = ", ".join(self._channels)
            raise Violation.unsupported(
                f"a track that was not announced: expected {announced}, or ?tracks=inbound,outbound in the address"
            )
        return channel


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Violation.malformed(f"{name}: expected an object")
    return value


def _encoding(name: object) -> Encoding:
    known = _ENCODINGS.get(str(name).partition(";")[0].strip().lower())
    if known is None:
        raise Violation.unsupported("encoding: expected mu-law, A-law or 16-bit linear PCM")
    return known


def _milliseconds(timestamp: str | int) -> int:
    try:
        number = int(timestamp)
    except ValueError:
        number = -1
    if not 0 <= number <= LATEST_MS:
        raise Violation.malformed(f"a timestamp that is none: expected 0 to {LATEST_MS} ms")
    return number
