"""What no producer should send, by dialect: messages, the close code, and the reason of the metric."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from speakerline.services.gateway.dialects.closing import MALFORMED, POLICY, UNSUPPORTED
from tests.gateway.calling import twilio_media, twilio_start

REASONS = {MALFORMED: "malformed", UNSUPPORTED: "unsupported", POLICY: "out_of_turn"}


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    messages: Sequence[str | bytes]
    code: int

    @property
    def reason(self) -> str:
        return REASONS[self.code]


def _json(value: Any) -> str:
    return json.dumps(value)


NO_JSON: list[tuple[str, str]] = [
    ("nothing", ""),
    ("a space", " "),
    ("half an object", '{"event":"sta'),
    ("a list", "[]"),
    ("a number", "5"),
    ("null", "null"),
    ("text", '"start"'),
    ("two objects", "{}{}"),
    ("a lone surrogate", '{"event":"\\ud800"'),
    ("deep nesting", "[" * 5000),
    ("a comma too much", '{"event":"media",}'),
    ("single quotes", "{'event':'media'}"),
    ("NaN", "NaN"),
    ("a BOM alone", "\ufeff"),
    ("html", "<html>"),
    ("null bytes", "\x00\x00"),
]


def _twilio_start(**changes: Any) -> str:
    said = json.loads(twilio_start("CA1"))
    said["start"] |= changes
    return _json(said)


def _media(**changes: Any) -> str:
    said = json.loads(twilio_media(0, bytes(160)))
    said["media"] |= changes
    return _json(said)


def _format(**changes: Any) -> str:
    return _twilio_start(mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": 8000, **changes})


_OPENED = twilio_start("CA1")
TWILIO = [
    *(Case(f"{name} first", [text], MALFORMED) for name, text in NO_JSON),
    *(Case(f"{name} in the call", [_OPENED, text], MALFORMED) for name, text in NO_JSON[:4]),
    Case("a binary message", [b"\x00" * 160], UNSUPPORTED),
    Case("a binary message in the call", [_OPENED, b""], UNSUPPORTED),
    Case("no event", ["{}"], MALFORMED),
    Case("an event that is a number", ['{"event":5}'], MALFORMED),
    Case("a start message without start", ['{"event":"start"}'], MALFORMED),
    Case("a start that is a list", ['{"event":"start","start":[]}'], MALFORMED),
    Case("two start messages", [_OPENED, _OPENED], POLICY),
    Case("sound before the start", [twilio_media(0, bytes(160))], POLICY),
    Case("a key before the start", ['{"event":"dtmf","dtmf":{"digit":"1"}}'], POLICY),
    Case("no tracks", [_twilio_start(tracks=[])], UNSUPPORTED),
    Case("a track that is none", [_twilio_start(tracks=["both"])], UNSUPPORTED),
    Case("tracks that are text", [_twilio_start(tracks="inbound")], UNSUPPORTED),
    Case("tracks that are objects", [_twilio_start(tracks=[{}])], UNSUPPORTED),
    Case("three tracks", [_twilio_start(tracks=["inbound"] * 3)], UNSUPPORTED),
    Case("a format that is text", [_twilio_start(mediaFormat="mulaw")], MALFORMED),
    Case("parameters that are a list", [_twilio_start(customParameters=[1])], MALFORMED),
    Case("opus", [_format(encoding="audio/opus")], UNSUPPORTED),
    Case("an encoding that is a number", [_format(encoding=7)], UNSUPPORTED),
    Case("7 kHz", [_format(sampleRate=7000)], UNSUPPORTED),
    Case("a rate of true", [_format(sampleRate=True)], UNSUPPORTED),
    Case("a rate that is a word", [_format(sampleRate="fast")], UNSUPPORTED),
    Case("a rate without end", [_format(sampleRate=10**40)], UNSUPPORTED),
    Case("media without media", [_OPENED, '{"event":"media"}'], MALFORMED),
    Case("media that is a list", [_OPENED, '{"event":"media","media":[]}'], MALFORMED),
    Case("no payload", [_OPENED, '{"event":"media","media":{"timestamp":"0"}}'], MALFORMED),
    Case("a payload that is no base64", [_OPENED, _media(payload="####")], MALFORMED),
    Case("a payload cut short", [_OPENED, _media(payload="abc")], MALFORMED),
    Case("a payload that is a number", [_OPENED, _media(payload=5)], MALFORMED),
    Case("a track that was not announced", [_OPENED, _media(track="outbound")], UNSUPPORTED),
    Case("a timestamp that is a word", [_OPENED, _media(timestamp="soon")], MALFORMED),
    Case("a timestamp before the start", [_OPENED, _media(timestamp="-20")], MALFORMED),
    Case("a timestamp without end", [_OPENED, _media(timestamp="9" * 5000)], MALFORMED),
    Case("a timestamp of next year", [_OPENED, _media(timestamp=str(2**32 - 1))], MALFORMED),
    Case("a timestamp with a fraction", [_OPENED, _media(timestamp=1.5)], MALFORMED),
    Case("a key that is a word", [_OPENED, '{"event":"dtmf","dtmf":{"digit":"one"}}'], MALFORMED),
    Case("a key without digit", [_OPENED, '{"event":"dtmf","dtmf":{}}'], MALFORMED),
    Case(
        "half a sample of L16",
        [_format(encoding="audio/x-l16"), _media(payload=base64.b64encode(bytes(161)).decode())],
        MALFORMED,
    ),
]


def _said(number: int, kind: str, **changes: Any) -> str:
    said = {"version": "2", "id": "s", "type": kind, "seq": number, "serverseq": 0, "parameters": {}, **changes}
    return _json(said)


def audiohook_open(**changes: Any) -> str:
    parameters = {
        "organizationId": "o",
        "conversationId": "conversation",
        "participant": {"id": "p", "ani": "+1", "aniName": "Ann", "dnis": "+2"},
        "media": [{"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}],
        **changes,
    }
    return _said(1, "open", parameters=parameters)


_HOOKED = audiohook_open()
_STEREO = bytes(3200)
AUDIOHOOK = [
    *(Case(f"{name} first", [text], MALFORMED) for name, text in NO_JSON),
    *(Case(f"{name} in the call", [_HOOKED, text], MALFORMED) for name, text in NO_JSON[:3]),
    Case("sound before the open message", [_STEREO], POLICY),
    Case("a ping before the open message", [_said(1, "ping")], POLICY),
    Case("two open messages", [_HOOKED, audiohook_open().replace('"seq": 1', '"seq": 2')], POLICY),
    Case("version 1", [_said(1, "open", version="1")], UNSUPPORTED),
    Case("a version that is a number", [_said(1, "open", version=2)], MALFORMED),
    Case("numbers from 0", [_said(0, "open")], POLICY),
    Case("a number left out", [_HOOKED, _said(3, "ping")], POLICY),
    Case("a number twice", [_HOOKED, _said(1, "ping")], POLICY),
    Case("a number that is text", [_said(1, "open", seq="1")], MALFORMED),
    Case("another session", [_HOOKED, _said(2, "ping", id="t")], MALFORMED),
    Case("an answer to what was not said", [_HOOKED, _said(2, "ping", serverseq=9)], MALFORMED),
    Case("parameters that are a list", [_said(1, "open", parameters=[])], MALFORMED),
    Case("no conversation", [_said(1, "open")], MALFORMED),
    Case("a conversation that is a number", [audiohook_open(conversationId=5)], MALFORMED),
    Case("no media", [audiohook_open(media=None)], MALFORMED),
    Case("media that is text", [audiohook_open(media="PCMU")], MALFORMED),
    Case("no offer", [audiohook_open(media=[])], UNSUPPORTED),
    Case("an offer of nothing we know", [audiohook_open(media=[{"format": "OPUS"}])], UNSUPPORTED),
    Case("three channels", [audiohook_open(media=[{"format": "PCMU", "channels": ["a", "b", "c"]}])], UNSUPPORTED),
    Case("offers that are numbers", [audiohook_open(media=[1, 2])], UNSUPPORTED),
    Case("half a pair of samples", [_HOOKED, bytes(3201)], MALFORMED),
    Case("a text message of 70,000 characters", ['"' + "x" * 70_000 + '"'], MALFORMED),
    Case("discarded without a length", [_HOOKED, _said(2, "discarded", parameters={"start": "PT1S"})], MALFORMED),
    Case("discarded with a number", [_HOOKED, _said(2, "discarded", parameters={"discarded": 3})], MALFORMED),
    Case("discarded with a date", [_HOOKED, _said(2, "discarded", parameters={"discarded": "P1D"})], MALFORMED),
    Case(
        "discarded for 30 years",
        [_HOOKED, _said(2, "discarded", parameters={"discarded": "PT999999999S"}), _STEREO],
        MALFORMED,
    ),
    Case("a duration before the start", [_HOOKED, _said(2, "resumed", parameters={"discarded": "PT-1S"})], MALFORMED),
    Case("no type", [_said(1, "open").replace('"type"', '"kind"')], MALFORMED),
    Case("no id", [_said(1, "open").replace('"id"', '"name"')], MALFORMED),
]

_UUID = b"\x01\x00\x10" + bytes(range(16))
_SOUND = b"\x10\x01\x40" + bytes(320)
AUDIOSOCKET = [
    Case("HTTP", [b"GET / HTTP/1.1\r\n\r\n"], MALFORMED),
    Case("TLS", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], POLICY),
    Case("a UUID of 15 bytes", [b"\x01\x00\x0f" + bytes(15)], MALFORMED),
    Case("a UUID of 0 bytes", [b"\x01\x00\x00"], MALFORMED),
    Case("a UUID of 65535 bytes", [b"\x01\xff\xff"], MALFORMED),
    Case("two UUIDs", [_UUID + _UUID], POLICY),
    Case("two UUIDs, later", [_UUID + _SOUND, _UUID], POLICY),
    Case("no digit", [_UUID + b"\x03\x00\x00"], MALFORMED),
    Case("two digits in one message", [_UUID + b"\x03\x00\x0212"], MALFORMED),
    Case("a digit that is none", [_UUID + _SOUND + b"\x03\x00\x01x"], MALFORMED),
    Case("a digit beyond ASCII", [_UUID + b"\x03\x00\x01\xff"], MALFORMED),
    Case("a thousand keys without sound", [_UUID + b"\x03\x00\x011" * 1000], POLICY),
    Case("half a sample", [_UUID + b"\x10\x00\x03\x00\x00\x00"], MALFORMED),
    Case("half a sample at 16 kHz", [_UUID + b"\x12\x00\x01\x00"], MALFORMED),
    Case("another rate in the call", [_UUID + _SOUND + b"\x12\x02\x80" + bytes(640)], UNSUPPORTED),
    *(Case(f"kind {kind:#04x}", [_UUID + bytes((kind, 0, 0))], MALFORMED) for kind in (2, 4, 5, 9, 0x0F, 0x19, 0x20)),
    *(Case(f"kind {kind:#04x} in the call", [_UUID + _SOUND, bytes((kind, 1, 0))], MALFORMED) for kind in (0x30, 0x80)),
    *(Case(f"kind {kind:#04x} first", [bytes((kind, 0, 0))], POLICY) for kind in (0, 3, *range(0x10, 0x19), 0xFF)),
    *(Case(f"{name!r} as bytes", [bytes([77, 0, 0]) + name.encode()], MALFORMED) for name, _ in NO_JSON[:5]),
]

RATES: list[Any] = [0, -8000, 7999, 1e9, True, "x", [], {}, "8000.0", 10**30]
CHANNELS: list[Any] = [0, 3, -1, 1.5, True, "two", [], 10**30]
_HELLO = '{"sample_rate": 8000}'
L16 = [
    *(Case(f"{name} first", [text], MALFORMED) for name, text in NO_JSON),
    Case("sound before the hello", [bytes(320)], POLICY),
    Case("nothing, as bytes", [b""], POLICY),
    *(Case(f"a rate of {rate!r}", [_json({"sample_rate": rate})], UNSUPPORTED) for rate in RATES),
    *(Case(f"channels {channels!r}", [_json({"channels": channels})], UNSUPPORTED) for channels in CHANNELS),
    *(
        Case(f"an encoding of {encoding!r}", [_json({"encoding": encoding})], UNSUPPORTED)
        for encoding in ("opus", "", 5, "L16 ")
    ),
    *(
        Case(f"the hello of {producer}", [hello], UNSUPPORTED)
        for producer, hello in (
            ("Twilio", '{"event":"connected","protocol":"Call"}'),
            ("Sinch", '{"command":"connect"}'),
            ("Genesys", '{"version":"2","type":"open"}'),
        )
    ),
    Case("metadata that is text", ['{"metadata": "x"}'], MALFORMED),
    Case("metadata that is null", ['{"metadata": null}'], MALFORMED),
    Case("half a sample", [_HELLO, bytes(321)], MALFORMED),
    Case("half a pair of samples", ['{"channels": 2}', bytes(322)], MALFORMED),
    Case("one byte", [_HELLO, b"x"], MALFORMED),
    Case("a key that is a word", [_HELLO, '{"event":"dtmf","digit":"one"}'], MALFORMED),
    Case("a key without digit", [_HELLO, '{"event":"dtmf"}'], MALFORMED),
    Case("a key that is a number", [_HELLO, '{"event":"dtmf","digit":5}'], MALFORMED),
]

MALFORMED_BY_DIALECT = {"twilio": TWILIO, "audiohook": AUDIOHOOK, "audiosocket": AUDIOSOCKET, "l16": L16}
