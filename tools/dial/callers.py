"""What each kind of producer sends for a call. Pure: samples in, messages out."""

import base64
import json
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from speakerline.shared.arrays import Int16s
from speakerline.shared.audio.pcm import encode
from speakerline.shared.contract.v1 import Encoding

Message = str | bytes

TRACKS = ("inbound", "outbound")
PARTIES = ("external", "internal")


class Caller(ABC):
    """One call. `channels` is 1 or 2; `sound` is asked for pieces of `frame_ms`."""

    frame_ms: ClassVar[int] = 20
    telephone_only: ClassVar[bool] = False
    """Whether it can send 8 kHz alone."""
    answered_by: ClassVar[str] = ""
    """The type of the message that it waits for before it sends sound, if any, and in the end."""
    closed_by: ClassVar[str] = ""

    def __init__(self, call_id: str, sample_rate: int, channels: int) -> None:
        self.call_id = call_id
        self.sample_rate = sample_rate
        self.channels = channels
        self._heard = 0

    @abstractmethod
    def hello(self) -> list[Message]: ...

    @abstractmethod
    def sound(self, samples: Int16s, position: int) -> list[Message]:
        """Of samples (channels, n) that begin at sample `position`."""

    def goodbye(self) -> list[Message]:
        return []

    def heard(self, message: Mapping[str, object]) -> None:
        """What the gateway said: it numbers its messages to some."""
        self._heard = int(str(message.get("seq", self._heard)))


class TwilioCaller(Caller):
    """Twilio Media Streams; of two channels the first is the track inbound."""

    telephone_only = True

    def hello(self) -> list[Message]:
        start = {
            "callSid": self.call_id,
            "tracks": list(TRACKS[: self.channels]),
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": self.sample_rate, "channels": 1},
            "customParameters": {},
        }
        return ['{"event":"connected","protocol":"Call","version":"1.0.0"}', _json({"event": "start", "start": start})]

    def sound(self, samples: Int16s, position: int) -> list[Message]:
        timestamp = str(position * 1000 // self.sample_rate)
        return [_json({"event": "media", "media": self._media(*one, timestamp)}) for one in enumerate(samples)]

    def goodbye(self) -> list[Message]:
        return [_json({"event": "stop", "stop": {"callSid": self.call_id}})]

    def _media(self, channel: int, samples: Int16s, timestamp: str) -> dict[str, str]:
        payload = base64.b64encode(encode(np.ascontiguousarray(samples), Encoding.MULAW)).decode()
        return {"track": TRACKS[channel], "timestamp": timestamp, "payload": payload}


class L16Caller(Caller):
    """One hello as JSON, then 16-bit sound, of two channels interleaved."""

    def hello(self) -> list[Message]:
        return [_json({"call_id": self.call_id, "sample_rate": self.sample_rate, "channels": self.channels})]

    def sound(self, samples: Int16s, position: int) -> list[Message]:
        return [np.ascontiguousarray(samples.T).astype("<i2").tobytes()]

    def goodbye(self) -> list[Message]:
        return ['{"event":"stop"}']


class AudioSocketCaller(Caller):
    """Asterisk's AudioSocket: one channel; a call id that is no UUID names one."""

    def hello(self) -> list[Message]:
        return [b"\x01\x00\x10" + named(self.call_id).bytes]

    def sound(self, samples: Int16s, position: int) -> list[Message]:
        pcm = encode(np.ascontiguousarray(samples[0]), Encoding.S16LE)
        return [bytes((0x10 if self.sample_rate == 8000 else 0x12,)) + len(pcm).to_bytes(2, "big") + pcm]


class AudioHookCaller(Caller):
    """Genesys AudioHook; of two channels the first is the external party."""

    frame_ms = 200
    telephone_only = True
    answered_by = "opened"
    closed_by = "closed"

    def __init__(self, call_id: str, sample_rate: int, channels: int) -> None:
        super().__init__(call_id, sample_rate, channels)
        self._session = str(uuid.uuid4())
        self._said = self._position = 0

    def hello(self) -> list[Message]:
        media = {"type": "audio", "format": "PCMU", "channels": list(PARTIES[: self.channels]), "rate": 8000}
        participant = {"id": str(uuid.uuid4()), "ani": "", "aniName": "", "dnis": ""}
        organization = str(uuid.uuid4())
        parameters = {
            "organizationId": organization,
            "conversationId": self.call_id,
            "participant": participant,
            "media": [media],
        }
        return [self._message("open", parameters)]

    def sound(self, samples: Int16s, position: int) -> list[Message]:
        self._position = position + samples.shape[1]
        return [encode(np.ascontiguousarray(samples.T).ravel(), Encoding.MULAW)]

    def goodbye(self) -> list[Message]:
        return [self._message("close", {"reason": "end"})]

    def _message(self, kind: str, parameters: Mapping[str, object]) -> str:
        self._said += 1
        told = {"version": "2", "id": self._session, "type": kind, "seq": self._said, "serverseq": self._heard}
        return _json({**told, "position": f"PT{self._position / 8000:.3f}S", "parameters": parameters})


CALLERS: Mapping[str, type[Caller]] = {
    "twilio": TwilioCaller,
    "audiohook": AudioHookCaller,
    "audiosocket": AudioSocketCaller,
    "l16": L16Caller,
}


def named(call_id: str) -> uuid.UUID:
    """The UUID that the id is, or one that always is the same for it."""
    try:
        return uuid.UUID(call_id)
    except ValueError:
        return uuid.uuid5(uuid.NAMESPACE_URL, call_id)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
