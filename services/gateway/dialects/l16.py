"""Producers that say hello in one text message and then send binary sound, mostly 16-bit linear PCM.

    hello (text) ──> (sound (binary) | DTMF (text) | anything else (text))* ──> the socket closes

Vonage, FreeSWITCH's mod_audio_fork, jambonz `listen`, Sinch, Asterisk's chan_websocket, and our own hello, which the
microphone of a browser sends. They differ in the hello, and `HELLOS` has a reader for each. What a hello does not say,
the address may: `?rate=16000&channels=2&call_id=desk-7&encoding=l16`.

There are no timestamps. Two channels are interleaved, one sample of each in turn.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from speakerline.services.gateway.dialects.base import (
    MAX_CHANNELS,
    Dialect,
    Ended,
    Key,
    Opened,
    Reply,
    Signal,
    Sound,
    as_text,
    checked_rate,
    checked_sound,
)
from speakerline.services.gateway.dialects.closing import Violation
from speakerline.services.gateway.dialects.interleaved import parted
from speakerline.services.gateway.dialects.json_messages import read
from speakerline.shared.audio.pcm import bytes_per_sample
from speakerline.shared.codec import DTMF_DIGITS
from speakerline.shared.contract.v1 import Encoding

_OBJECTS = msgspec.json.Decoder(dict[str, Any])
_NOT_OURS = ("event", "command", "type")
"""Fields of the first messages of other producers: Twilio, Sinch and Genesys."""
_ENCODINGS = {"l16": Encoding.S16LE, "mulaw": Encoding.MULAW, "alaw": Encoding.ALAW}
_ASTERISK_FORMATS = {
    "ulaw": (Encoding.MULAW, 8000),
    "alaw": (Encoding.ALAW, 8000),
    "slin": (Encoding.S16LE, 8000),
    "slin12": (Encoding.S16LE, 12000),
    "slin16": (Encoding.S16LE, 16000),
    "slin24": (Encoding.S16LE, 24000),
    "slin32": (Encoding.S16LE, 32000),
    "slin44": (Encoding.S16LE, 44100),
    "slin48": (Encoding.S16LE, 48000),
    "slin96": (Encoding.S16LE, 96000),
    "slin192": (Encoding.S16LE, 192_000),
}


@dataclass(frozen=True, slots=True)
class Hello:
    """What a hello says; None where it is left to the address."""

    call_id: object = ""
    rate: object = None
    channels: object = None
    encoding: Encoding | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    language: object = ""
    reply: str = ""


def _own(text: str) -> Hello:
    """`{"call_id": "desk-7", "sample_rate": 16000, "channels": 1, "metadata": {}, "language": "en"}`: all optional."""
    said = read(_OBJECTS, text)
    if others := [name for name in _NOT_OURS if name in said]:
        expected = "its path, such as /twilio, or no such field"
        raise Violation.unsupported(f"a hello with `{others[0]}`, as another producer sends it: expected {expected}")
    encoding = said.get("encoding")
    if encoding is not None and encoding not in tuple(_ENCODINGS):
        raise Violation.unsupported(f"encoding: expected one of {', '.join(_ENCODINGS)}")
    return Hello(
        said.get("call_id", ""),
        said.get("sample_rate"),
        said.get("channels"),
        _ENCODINGS.get(str(encoding)),
        _object(said.get("metadata", {}), "metadata"),
        said.get("language", ""),
    )


def _vonage(text: str) -> Hello:
    """`{"event": "websocket:connected", "content-type": "audio/l16;rate=16000", ...}`, a mix of the parties."""
    said = read(_OBJECTS, text)
    if said.get("event") != "websocket:connected":
        raise Violation.malformed("expected the event websocket:connected first")
    kind, _, rate = str(said.get("content-type", "")).replace(" ", "").partition(";rate=")
    if kind != "audio/l16":
        raise Violation.unsupported("content-type: expected audio/l16;rate=<rate>")
    rest = {name: value for name, value in said.items() if name not in ("event", "content-type")}
    return Hello(rest.pop("call_id", rest.pop("uuid", "")), rate or 16000, 1, Encoding.S16LE, rest)


def _jambonz(text: str) -> Hello:
    """Attributes of the call, `callSid`, `sampleRate` and `mixType` (mono, mixed or stereo) among them."""
    said = read(_OBJECTS, text)
    kinds = {"mono": 1, "mixed": 1, "stereo": 2, None: None}
    mix = said.get("mixType")
    if not isinstance(mix, (str, type(None))) or mix not in kinds:
        raise Violation.unsupported("mixType: expected mono, mixed or stereo")
    return Hello(said.get("callSid", ""), said.get("sampleRate"), kinds[mix], Encoding.S16LE, said)


def _freeswitch(text: str) -> Hello:
    """Whatever metadata the dialplan gave: as pairs where it is an object of JSON, else none of our business."""
    try:
        said = read(_OBJECTS, text)
    except Violation:
        return Hello(metadata={"metadata": text[:1000]})
    call_id = said.get("call_id") or said.get("uuid") or said.get("callSid") or ""
    return Hello(call_id, said.get("sampleRate"), None, Encoding.S16LE, said)


def _sinch(text: str) -> Hello:
    """`{"command": "connect", "callId": "...", "codec": "PCM", "sampleRate": 16000, ...}`, to be answered."""
    said = read(_OBJECTS, text)
    if said.get("command") != "connect":
        raise Violation.malformed("expected the command connect first")
    headers = _object(said.get("callHeaders") or {}, "callHeaders")
    answer = '{"command":"answer"}'
    return Hello(said.get("callId", ""), said.get("sampleRate"), 1, Encoding.S16LE, headers, reply=answer)


def _asterisk(text: str) -> Hello:
    """`MEDIA_START connection_id:... channel:... format:slin16 optimal_frame_size:640`, or the same as JSON."""
    said = asterisk_event(text)
    if said.get("event") != "MEDIA_START":
        raise Violation.malformed("expected MEDIA_START first")
    known = _ASTERISK_FORMATS.get(str(said.get("format")))
    if known is None:
        raise Violation.unsupported(f"format: expected one of {', '.join(_ASTERISK_FORMATS)}")
    names = ("channel", "channel_id", "connection_id")
    metadata = {name: said[name] for name in names if name in said}
    return Hello(said.get("channel_id") or said.get("connection_id") or "", known[1], 1, known[0], metadata)


def asterisk_event(text: str) -> Mapping[str, Any]:
    """A message of chan_websocket in either of its formats, the event under `event`."""
    if text.lstrip().startswith("{"):
        return read(_OBJECTS, text)
    name, *pairs = text.split() or [""]
    return {"event": name, **dict(pair.split(":", 1) for pair in pairs if ":" in pair)}


HELLOS: Mapping[str, Callable[[str], Hello]] = {
    "l16": _own,
    "mic": _own,
    "vonage": _vonage,
    "jambonz": _jambonz,
    "freeswitch": _freeswitch,
    "sinch": _sinch,
    "asterisk": _asterisk,
}


class L16(Dialect):
    """One connection of the producer `name`, a key of HELLOS."""

    def __init__(self, name: str, parameters: Mapping[str, str]) -> None:
        self._name = name
        self._parameters = parameters
        self._opened: Opened | None = None

    def receive(self, message: str | bytes) -> list[Signal]:
        if isinstance(message, bytes):
            return self._sound(message)
        if self._opened is None:
            return self._open(HELLOS[self._name](message))
        return self._control(message)

    def _open(self, hello: Hello) -> list[Signal]:
        given = self._parameters
        encoding = hello.encoding or _ENCODINGS.get(given.get("encoding", "l16"))
        if encoding is None:
            raise Violation.unsupported(f"?encoding: expected one of {', '.join(_ENCODINGS)}")
        channels = _channels(given.get("channels", 1) if hello.channels is None else hello.channels)
        call_id = given.get("call_id") or hello.call_id
        self._opened = Opened(
            call_id=call_id if isinstance(call_id, str) else "",
            sample_rate=checked_rate(given.get("rate", 8000) if hello.rate is None else hello.rate),
            encoding=encoding,
            channels=channels,
            metadata=as_text(hello.metadata),
            language=hello.language if isinstance(hello.language, str) else "",
        )
        return [self._opened, Reply(hello.reply)] if hello.reply else [self._opened]

    def _sound(self, message: bytes) -> list[Signal]:
        signals: list[Signal] = []
        if self._opened is None:
            if "rate" not in self._parameters:
                raise Violation.out_of_turn("sound before the hello: expected a text message, or ?rate= in the address")
            signals += self._open(Hello())
        opened = self._opened
        assert opened
        width = bytes_per_sample(opened.encoding)
        pcm = checked_sound(message, width * opened.channels)
        sides = parted(pcm, width) if opened.channels == MAX_CHANNELS else (pcm,)
        return signals + [Sound(channel, side) for channel, side in enumerate(sides) if side]

    def _control(self, text: str) -> list[Signal]:
        """Keys and the end; other messages say nothing about the sound."""
        try:
            said = asterisk_event(text)
        except Violation:
            return []
        event = said.get("event")
        if event in ("websocket:dtmf", "dtmf", "DTMF_END"):
            digit = said.get("digit", said.get("dtmf"))
            if digit not in DTMF_DIGITS:
                raise Violation.malformed("a DTMF event without a digit: expected one of " + " ".join(DTMF_DIGITS))
            return [Key(0, str(digit))]
        return [Ended()] if event in ("stop", "MEDIA_STOP") else []


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Violation.malformed(f"{name}: expected an object")
    return value


def _channels(told: object) -> int:
    if str(told) not in ("1", "2"):
        raise Violation.unsupported("channels: expected 1 or 2")
    return int(str(told))
