"""What each producer says, and what it is told: hellos, sound, keys, replies, words."""

import json
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from speakerline.services.gateway.dialects.audiosocket import AudioSocket
from speakerline.services.gateway.dialects.base import Ended, Key, Opened, Reply, Sound
from speakerline.services.gateway.dialects.closing import short_reason
from speakerline.services.gateway.intake.intake import Intake
from speakerline.shared.contract.v1 import ChannelMode, Encoding, Transcript, Word
from tests.gateway.feeding import signals
from tests.gateway.malformed import audiohook_open
from tests.gateway.scripted import dialect_of

L16, MULAW, ALAW = Encoding.S16LE, Encoding.MULAW, Encoding.ALAW


def opened(name: str, hello: str, **parameters: str) -> Opened:
    first = dialect_of(name, **parameters).receive(hello)[0]
    assert isinstance(first, Opened)
    return first


def start(names: dict[str, Any]) -> str:
    return json.dumps({"event": "start", "start": names})


HELLOS = [
    pytest.param(
        "telnyx",
        start({"call_control_id": "v3:x", "media_format": {"encoding": "PCMA", "sample_rate": 8000, "channels": 1}}),
        Opened("v3:x", 8000, ALAW, 1, ("inbound",)),
        id="telnyx",
    ),
    pytest.param(
        "exotel",
        start({"call_sid": "e1", "media_format": {"encoding": "audio/x-raw", "sample_rate": "16000"}}),
        Opened("e1", 16_000, L16, 1, ("inbound",)),
        id="exotel, whose rate is text",
    ),
    pytest.param(
        "plivo",
        start({"callId": "p1", "tracks": ["inbound"], "mediaFormat": {"encoding": "audio/x-l16", "sampleRate": 16000}}),
        Opened("p1", 16_000, L16, 1, ("inbound",)),
        id="plivo",
    ),
    pytest.param(
        "twilio",
        start({"callSid": "t1", "tracks": ["outbound", "inbound"], "customParameters": {"call_id": "42", "n": "1"}}),
        Opened("42", 8000, MULAW, 2, ("inbound", "outbound"), {"n": "1"}),
        id="twilio, with a call id of the customer",
    ),
    pytest.param(
        "vonage",
        '{"event":"websocket:connected","content-type":"audio/l16;rate=8000","uuid":"v1","queue":"sales"}',
        Opened("v1", 8000, L16, metadata={"queue": "sales"}),
        id="vonage",
    ),
    pytest.param(
        "jambonz",
        '{"callSid":"j1","sampleRate":8000,"mixType":"stereo"}',
        Opened("j1", 8000, L16, 2, metadata={"callSid": "j1", "sampleRate": "8000", "mixType": "stereo"}),
        id="jambonz",
    ),
    pytest.param(
        "sinch", '{"command":"connect","callId":"s","sampleRate":44100}', Opened("s", 44_100, L16), id="sinch"
    ),
    pytest.param(
        "asterisk",
        "MEDIA_START connection_id:c1 channel:PJSIP/7 format:slin16 optimal_frame_size:640",
        Opened("c1", 16_000, L16, metadata={"channel": "PJSIP/7", "connection_id": "c1"}),
        id="chan_websocket, plain text",
    ),
    pytest.param(
        "asterisk",
        '{"event":"MEDIA_START","channel_id":"17.5","format":"ulaw","optimal_frame_size":160}',
        Opened("17.5", 8000, MULAW, metadata={"channel_id": "17.5"}),
        id="chan_websocket, JSON",
    ),
    pytest.param(
        "mic",
        '{"call_id":"m","sample_rate":48000,"metadata":{"who":"Ann"},"language":"en"}',
        Opened("m", 48_000, L16, metadata={"who": "Ann"}, language="en"),
        id="a browser's microphone",
    ),
]


@pytest.mark.parametrize(("name", "hello", "expected"), HELLOS)
def test_a_hello_opens_the_call(name: str, hello: str, expected: Opened) -> None:
    assert opened(name, hello) == expected


def test_what_freeswitch_does_not_say_is_in_the_address() -> None:
    hello = opened("freeswitch", "any text at all", rate="16000", channels="2", call_id="f1")
    assert hello == Opened("f1", 16_000, L16, 2, metadata={"metadata": "any text at all"})


def test_freeswitch_without_metadata_begins_with_sound() -> None:
    first, second = dialect_of("freeswitch", rate="16000", call_id="f1").receive(bytes(640))
    assert (first, second) == (Opened("f1", 16_000, L16), Sound(0, bytes(640)))


def test_channels_that_are_kept_apart_are_one_party_each() -> None:
    stereo = Intake(Opened("c", 8000, L16, 2)).announcement("acme", "c")
    assert (stereo.call_id, stereo.tenant, stereo.channel_mode) == ("@acme/c", "acme", ChannelMode.SEPARATE)
    assert Intake(Opened("c", 8000, L16)).announcement("", "c").channel_mode == ChannelMode.AUTO


def test_two_channels_are_parted() -> None:
    dialect = dialect_of("l16")
    both = np.array([[1, -1], [2, -2], [3, -3]], "<i2")
    (_, *sound) = signals(dialect, ['{"channels":2}', both.tobytes()])
    assert sound == [Sound(0, both[:, 0].tobytes()), Sound(1, both[:, 1].tobytes())]


@pytest.mark.parametrize(
    ("name", "hello", "message"),
    [
        ("vonage", HELLOS[4].values[1], '{"event":"websocket:dtmf","digit":"5","duration":260}'),
        ("asterisk", HELLOS[7].values[1], "DTMF_END digit:5 duration_ms:100"),
        ("asterisk", HELLOS[8].values[1], '{"event":"DTMF_END","digit":"5"}'),
        ("jambonz", HELLOS[5].values[1], '{"event":"dtmf","dtmf":"5","duration":"1600"}'),
    ],
)
def test_a_key_is_heard(name: str, hello: Any, message: str) -> None:
    dialect = dialect_of(name)
    dialect.receive(hello)
    assert dialect.receive(message) == [Key(0, "5")]
    assert dialect.receive("anything else") == []


def test_a_track_that_was_not_announced_may_be_named_in_the_address() -> None:
    dialect = dialect_of("telnyx", tracks="inbound,outbound")
    dialect.receive(HELLOS[0].values[1])  # type: ignore[arg-type]
    media = {"track": "outbound", "timestamp": "20", "payload": "/w=="}
    assert dialect.receive(json.dumps({"event": "media", "media": media})) == [Sound(1, b"\xff", 160)]


def test_every_split_of_an_audiosocket_connection_says_the_same() -> None:
    sound = b"\x01\x00\x10" + UUID(int=5).bytes + b"\x10\x00\x04\x01\x00\x02\x00" + b"\x03\x00\x01#" + b"\x00\x00\x00"
    whole = AudioSocket().receive(sound)
    assert whole == [Opened(str(UUID(int=5)), 8000, L16), Sound(0, b"\x01\x00\x02\x00"), Key(0, "#"), Ended()]
    for at in range(len(sound)):
        assert signals(AudioSocket(), [sound[:at], sound[at:]]) == whole


# AudioHook


def said(reply: Any) -> dict[str, Any]:
    assert isinstance(reply, Reply)
    message: dict[str, Any] = json.loads(reply.text)
    return message


def message(seq: int, kind: str, **parameters: Any) -> str:
    return json.dumps({"version": "2", "id": "s", "type": kind, "seq": seq, "serverseq": 0, "parameters": parameters})


def test_an_audiohook_session_from_open_to_closed() -> None:
    hook = dialect_of("audiohook")
    opening, answer = hook.receive(audiohook_open())
    metadata = {"organization": "o", "participant.id": "p", "participant.ani": "+1"}
    metadata |= {"participant.aniName": "Ann", "participant.dnis": "+2"}
    assert opening == Opened("conversation", 8000, MULAW, 2, ("external", "internal"), metadata)
    media = {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}
    assert said(answer) == {
        "version": "2",
        "id": "s",
        "type": "opened",
        "seq": 1,
        "clientseq": 1,
        "parameters": {"startPaused": False, "media": [media]},
    }
    assert hook.receive(b"\x01\x02" * 800) == [Sound(0, b"\x01" * 800, 0), Sound(1, b"\x02" * 800, 0)]
    (pong,) = hook.receive(message(2, "ping"))
    assert (said(pong)["type"], said(pong)["seq"], said(pong)["clientseq"]) == ("pong", 2, 2)
    assert hook.receive(message(3, "discarded", start="PT0.1S", discarded="PT1.5S")) == []
    assert hook.receive(b"\x01\x02") == [Sound(0, b"\x01", 12_800), Sound(1, b"\x02", 12_800)]
    assert hook.receive(message(4, "close", reason="end")) == [Ended()]
    closed = json.loads(hook.farewell(""))
    assert (closed["type"], closed["seq"], closed["clientseq"]) == ("closed", 3, 4)


def test_a_probe_is_answered_and_makes_no_call() -> None:
    hook = dialect_of("audiohook")
    (answer,) = hook.receive(audiohook_open(conversationId="00000000-0000-0000-0000-000000000000"))
    assert said(answer)["parameters"] == {"startPaused": False, "media": []}
    assert hook.receive(b"") == []
    assert hook.receive(message(2, "close")) == [Ended()]
    assert json.loads(hook.farewell(""))["type"] == "closed"


@pytest.mark.parametrize(
    ("address", "languages"),
    [({}, ["en-US"]), ({"languages": "en-US,es-US"}, ["en-US", "es-US"])],
    ids=["that of the model that ships", "those of the address"],
)
def test_genesys_is_told_the_languages_when_it_asks(address: dict[str, str], languages: list[str]) -> None:
    for conversation in ("00000000-0000-0000-0000-000000000000", "conversation"):
        (*_, answer) = dialect_of("audiohook", **address).receive(
            audiohook_open(conversationId=conversation, supportedLanguages=True)
        )
        assert said(answer)["parameters"]["supportedLanguages"] == languages


def test_of_several_offers_the_one_with_both_parties_is_taken() -> None:
    offers = [{"type": "audio", "format": "PCMU", "channels": c, "rate": 8000} for c in (["internal"], ["external"])]
    hook = dialect_of("audiohook")
    first = hook.receive(audiohook_open(media=offers))[0]
    assert isinstance(first, Opened) and first.parties == ("external",)


def test_a_problem_is_told_as_a_disconnect_once_there_is_a_session() -> None:
    hook = dialect_of("audiohook")
    assert hook.farewell("nonsense") == ""
    hook.receive(audiohook_open())
    told = json.loads(hook.farewell("nonsense"))
    assert (told["type"], told["parameters"]) == ("disconnect", {"reason": "error", "info": "nonsense"})


def test_words_go_back_as_transcript_entities() -> None:
    hook = dialect_of("audiohook")
    words = [
        Word("hello ", 1000, 1300, 0.5),
        Word("again", 1300, 1600, 0.9, superseded=True),
        Word("there", 1400, 1650, 1.0),
    ]
    transcript = Transcript("w1", 2, 1, 1000, 1650, final=True, words=words)
    assert hook.tell(transcript) == ""
    hook.receive(audiohook_open())
    told = json.loads(hook.tell(transcript))
    assert (told["type"], told["seq"], told["clientseq"]) == ("event", 2, 1)
    tokens = [
        {"type": "word", "value": "hello", "confidence": 0.5, "offset": "PT1S", "duration": "PT0.3S"},
        {"type": "word", "value": "there", "confidence": 1.0, "offset": "PT1.4S", "duration": "PT0.25S"},
    ]
    assert told["parameters"]["entities"] == [
        {
            "type": "transcript",
            "data": {
                "id": "w1",
                "channelId": 1,
                "isFinal": True,
                "offset": "PT1S",
                "duration": "PT0.65S",
                "alternatives": [
                    {
                        "confidence": 0.75,
                        "interpretations": [{"type": "display", "transcript": "hello there", "tokens": tokens}],
                    }
                ],
            },
        }
    ]
    assert hook.tell(Transcript("w2", channel=2)) == "", "a channel that Genesys does not have"


def test_a_reason_is_cut_to_what_a_close_frame_takes_between_two_letters() -> None:
    assert short_reason("x" + "ü" * 100) == "x" + "ü" * 59
    assert short_reason("as it is") == "as it is"
