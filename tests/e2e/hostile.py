"""Announcements and frames as no producer should write them: each field of the contract in every wrong form."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from speakerline.shared.contract.v1 import CallStarted, FrontEnd
from tests.e2e.wire import CLOSING

Words = list[Any]
"""Fields and values of one XADD."""

GOOD: dict[str, Any] = {"sample_rate": 8000, "encoding": "ENCODING_MULAW", "channels": 1}

WRONG: dict[str, Any] = {
    "null": None,
    "true": True,
    "zero": 0,
    "negative": -1,
    "32 bits": 2**32,
    "64 bits": 2**64,
    "400 digits": 10**400,
    "a fraction": 1.5,
    "beyond a double": "1e999",
    "not a number": "NaN",
    "a number in quotes": "8000",
    "no text": "",
    "a word": "word",
    "a line break": "a\nb",
    "a zero byte": "a\0b",
    "braces": "a{b}c",
    "beyond ASCII": "gespräch \U0001f4de",
    "half a character": "\ud800",
    "long text": "x" * 100_000,
    "a list": [],
    "a list of lists": [[[]]],
    "an object": {},
    "an object of objects": {"a": {"b": {}}},
    "many names": {f"name {number}": "value" for number in range(3000)},
    "an enum of others": "GAP_REASON_LOST",
}

TIMES = ("", "noon", "nan", "inf", "-inf", "1e999", "-1", "9" * 400, "1_000", b"\xff\xfe", "0x10", "99999999999")

PCM = bytes([0xFF, 0x7F] * 4000)
"""A second of mu-law."""


@dataclass(frozen=True, slots=True)
class Variant:
    """`what` is wrong; `words` is what is written."""

    what: str
    words: Words

    @property
    def event(self) -> bytes:
        """What a reader finds in the field `event`."""
        found: bytes = dict(zip(self.words[::2], self.words[1::2], strict=True)).get("event", b"")
        return found or b""


def announcements() -> Iterator[Variant]:
    """Every field missing and in every wrong form, then text that is none of ours."""
    names = [field.name for field in fields(CallStarted)]
    for name in names:
        good = {"call_id": f"without-{name}", **GOOD}
        yield _announcement(f"{name} missing", {key: value for key, value in good.items() if key != name})
        for form, value in WRONG.items():
            made = {"call_id": f"{name}-{form.replace(' ', '-')}", **GOOD, name: value}
            yield _announcement(f"{name}: {form}", made)
    for option in fields(FrontEnd):
        for form, value in WRONG.items():
            made = {"call_id": f"{option.name}-{form.replace(' ', '-')}", **GOOD, "front_end": {option.name: value}}
            yield _announcement(f"front_end.{option.name}: {form}", made)
    yield from _garbage()


def _announcement(what: str, made: dict[str, Any]) -> Variant:
    return Variant(what, ["event", json.dumps(made).encode()])


def _garbage() -> Iterator[Variant]:
    good = json.dumps({"call_id": "garbage", **GOOD}).encode()
    for at in range(0, len(good), 7):
        yield Variant(f"cut after {at} bytes", ["event", good[:at]])
    for name, text in {
        "bytes": bytes(range(256)),
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "UTF-16": good.decode().encode("utf-16"),
        "deep lists": b"[" * 100_000,
        "deep objects": b'{"a":' * 100_000,
        "a deep field": b'{"call_id":"deep","later":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        "megabytes": b" " * 2_000_000,
        "a bare word": b"call",
        "a number": b"17",
        "NaN": b"NaN",
        "two objects": good + good,
        "protobuf": b"\x0a\x04name\x10\xc0\x3e\x18\x01",
    }.items():
        yield Variant(name, ["event", text])
    yield Variant("another field", ["call", good])
    yield Variant("a field without name", ["", good])
    yield Variant("the field in capitals", ["EVENT", good])
    yield Variant("a thousand fields", [word for number in range(1000) for word in (f"f{number}", "x")])
    yield Variant("the field twice, and at last empty", ["event", good, "event", b""])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the timeline shows: whether a gap says that a frame was invalid, and where the call ends."""

    invalid: bool
    end_ms: int


HARMLESS = Outcome(invalid=False, end_ms=3000)
INVALID = Outcome(invalid=True, end_ms=3000)
ENDS = Outcome(invalid=False, end_ms=1000)
BEYOND = Outcome(invalid=True, end_ms=1000)
"""Redis takes nothing after such a position."""


def frames() -> Iterator[tuple[str, Outcome, str, Words]]:
    """What is wrong, what comes of it, and id and words of an entry after the first second of a call."""
    at = "16000-0"
    for size in (0, 16_001, 1_500_000):
        yield f"pcm of {size} bytes", INVALID, at, ["pcm", b"\xff" * size]
    wrong: dict[str, Words] = {
        "no pcm": ["wav", PCM],
        "an empty name": ["", PCM],
        "pcm in capitals": ["PCM", PCM],
        "a thousand fields": [word for number in range(1000) for word in (f"f{number}", "x")],
        "pcm twice, and at last empty": ["pcm", PCM, "pcm", b""],
    }
    for name, words in wrong.items():
        yield name, INVALID, at, words
    for field in ("audio_at", "sent_at"):
        for value in TIMES:
            yield f"{field} {value[:9]!r}", HARMLESS, at, ["pcm", PCM, field, value]
    for value in ("", "0", "no", b"\xff", "x" * 10_000):
        yield f"shed {value[:9]!r}", HARMLESS, at, ["pcm", PCM, "shed", value]
    for value in ("hangup", "idle", "", b"\xff"):
        yield f"end {value!r} in a frame", HARMLESS, at, ["pcm", PCM, "end", value]
        yield f"the closing entry with end {value!r}", ENDS, CLOSING, ["end", value]
    for words in (["pcm", PCM], ["start", "1"], ["", ""]):
        yield f"the closing entry with {words[0]!r}", ENDS, CLOSING, words
    yield "a number beside the position", HARMLESS, "16000-7", ["pcm", PCM]
    yield "the largest number beside the position", HARMLESS, f"16000-{2**64 - 1}", ["pcm", PCM]
    yield "start in the middle", HARMLESS, "8000-1", ["start", "1"]
    yield "the same position again", HARMLESS, "8000-9", ["pcm", PCM]
    for position in (2**50, 2**53 - 2):
        yield f"position {position}", BEYOND, f"{position}-0", ["pcm", PCM]
    for position in (2**53, 2**63, 2**64 - 1):
        yield f"position {position}", ENDS, f"{position}-0", ["pcm", PCM]
