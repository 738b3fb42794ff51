"""Genesys AudioHook: JSON text messages with sequence numbers, and binary sound; one session is one conversation.

    open ──> opened ──> (sound | ping ──> pong | paused | discarded | resumed | update)* ──> close ──> closed

https://developer.genesys.cloud/devapps/audiohook/. Both sides number their messages and name the last number of the
other. A connection probe opens a conversation of zeros: it is answered and makes no call. As a transcription
connector our words go back as `event` messages.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from speakerline.services.gateway.dialects.base import (
    MAX_CHANNELS,
    Dialect,
    Ended,
    Opened,
    Reply,
    Signal,
    Sound,
    checked_sound,
)
from speakerline.services.gateway.dialects.closing import Violation
from speakerline.services.gateway.dialects.interleaved import parted
from speakerline.services.gateway.dialects.json_messages import read
from speakerline.services.gateway.dialects.transcript_entity import transcript_entity
from speakerline.shared.contract.v1 import Encoding, Transcript

VERSION = "2"
MAX_TEXT = 65_536
PROBE = "00000000-0000-0000-0000-000000000000"
RATE = 8000
LANGUAGES = "en-US"
"""What the model that ships writes."""

_PARTIES = (["external", "internal"], ["external"], ["internal"])
_DURATION = re.compile(r"PT(\d{1,9}(?:\.\d{1,9})?)S")


class _Message(msgspec.Struct):
    type: str
    id: str
    seq: int
    version: str
    parameters: dict[str, Any] = {}
    serverseq: int = 0
    position: str = "PT0S"


_MESSAGES = msgspec.json.Decoder(_Message)


class AudioHook(Dialect):
    """One session. `?languages=en-US,es-US` says which ones the words may be in, where Genesys asks for that."""

    wants_words = True

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._languages = parameters.get("languages", LANGUAGES).split(",")
        self._session = ""
        self._heard = self._said = 0
        self._opened: Opened | None = None
        self._parties: tuple[str, ...] = ()
        self._position = 0
        """The sample that comes next, in what is not discarded."""
        self._probe = False

    def receive(self, message: str | bytes) -> list[Signal]:
        if isinstance(message, bytes):
            return self._sound(message)
        if len(message) > MAX_TEXT:
            raise Violation.malformed(f"a text message of {len(message)} characters: expected at most {MAX_TEXT}")
        said = read(_MESSAGES, message)
        self._check(said)
        if said.type == "open":
            return self._open(said.parameters)
        if not self._session:
            raise Violation.out_of_turn(f"a message before the open message: expected open, got one of {_size(said)}")
        if said.type == "ping":
            return [self._reply("pong")]
        if said.type == "close":
            return [Ended()]
        if said.type in ("discarded", "resumed"):
            self._skip(said.parameters)
        return []

    def tell(self, transcript: Transcript) -> str:
        """The transcript as an entity of an `event` message, on the channel that Genesys offered for it."""
        if not self._session or transcript.channel >= len(self._parties):
            return ""
        return self._reply("event", {"entities": [transcript_entity(transcript)]}).text

    def farewell(self, problem: str) -> str:
        if not self._session:
            return ""
        if not problem:
            return self._reply("closed").text
        return self._reply("disconnect", {"reason": "error", "info": problem[:200]}).text

    def _open(self, parameters: Mapping[str, Any]) -> list[Signal]:
        if self._opened or self._probe:
            raise Violation.out_of_turn("a second open message: expected one")
        conversation = parameters.get("conversationId")
        if not isinstance(conversation, str):
            raise Violation.malformed("conversationId: expected text")
        if conversation == PROBE:
            self._probe = True
            return [self._opened_with([], parameters)]
        media = _chosen(parameters.get("media"))
        self._parties = tuple(media["channels"])
        participant = parameters.get("participant")
        language = parameters.get("language")
        self._opened = Opened(
            call_id=conversation,
            sample_rate=RATE,
            encoding=Encoding.MULAW,
            channels=len(self._parties),
            parties=self._parties,
            metadata=_metadata(parameters, participant if isinstance(participant, dict) else {}),
            language=language if isinstance(language, str) else "",
        )
        return [self._opened, self._opened_with([media], parameters)]

    def _opened_with(self, media: Sequence[Mapping[str, Any]], asked: Mapping[str, Any]) -> Reply:
        languages = {"supportedLanguages": self._languages} if asked.get("supportedLanguages") is True else {}
        return self._reply("opened", {"startPaused": False, "media": media, **languages})

    def _sound(self, message: bytes) -> list[Signal]:
        if self._probe and not message:
            return []
        if self._opened is None:
            raise Violation.out_of_turn("sound before the open message")
        pcm = checked_sound(message, self._opened.channels)
        sides = parted(pcm, 1) if self._opened.channels == MAX_CHANNELS else (pcm,)
        at, self._position = self._position, self._position + len(sides[0])
        return [Sound(channel, side, at) for channel, side in enumerate(sides) if side]

    def _skip(self, parameters: Mapping[str, Any]) -> None:
        """`start` and `discarded` say exactly what was left out."""
        end = _samples(parameters.get("start", "PT0S")) + _samples(parameters.get("discarded"))
        if end > self._position:
            self._position = end

    def _check(self, said: _Message) -> None:
        if said.version != VERSION:
            raise Violation.unsupported("version: expected 2")
        if said.seq != self._heard + 1:
            raise Violation.out_of_turn(f"message number {said.seq}: expected {self._heard + 1}")
        if self._session and said.id != self._session:
            raise Violation.malformed("the id of another session")
        if said.serverseq > self._said:
            raise Violation.malformed(f"serverseq {said.serverseq}: {self._said} messages were sent")
        if not self._session and said.type == "open":
            self._session = said.id
        self._heard += 1

    def _reply(self, kind: str, parameters: Mapping[str, Any] | None = None) -> Reply:
        self._said += 1
        body = {
            "version": VERSION,
            "id": self._session,
            "type": kind,
            "seq": self._said,
            "clientseq": self._heard,
            "parameters": parameters or {},
        }
        return Reply(msgspec.json.encode(body).decode())


def _size(said: _Message) -> str:
    return f"type {said.type[:20]!r}"


def _chosen(offers: object) -> dict[str, Any]:
    """The offer with the most parties. Raises Violation where none is mu-law at 8 kHz."""
    if not isinstance(offers, list):
        raise Violation.malformed("media: expected a list")
    for parties in _PARTIES:
        for offer in offers:
            if isinstance(offer, dict) and offer.get("format") == "PCMU" and offer.get("channels") == parties:
                return {"type": "audio", "format": "PCMU", "channels": parties, "rate": RATE}
    raise Violation.unsupported("media: expected PCMU at 8000 Hz, of external, internal or both")


def _metadata(parameters: Mapping[str, Any], participant: Mapping[str, Any]) -> dict[str, str]:
    found = {
        "organization": parameters.get("organizationId"),
        **{f"participant.{k}": v for k, v in participant.items()},
    }
    return {name: value for name, value in found.items() if isinstance(value, str) and value}


def _samples(duration: object) -> int:
    """An ISO 8601 duration of seconds, such as PT1.2S, in samples."""
    found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if not found:
        raise Violation.malformed("a duration that is none: expected one such as PT1.2S")
    return round(float(found[1]) * RATE)
