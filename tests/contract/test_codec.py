"""Events as JSON: what newer and older versions write is read, and what makes no sense is named."""

import json
from typing import Any

import pytest

from speakerline.shared import codec
from speakerline.shared.contract import v1
from speakerline.shared.pipeline import OVERLAPS, SPEECH, TIMELINE, TURNS, VOICES, Stream

EVENTS: list[tuple[Stream[Any], Any]] = [
    (SPEECH, v1.Speech(segment_id="s1", channel=1, state=v1.SpeechState.CLOSED, start_ms=120, end_ms=900)),
    (SPEECH, v1.Gap(start_ms=1, end_ms=2, reason=v1.GapReason.LOST, stage="vad", detail="frames never arrived")),
    (SPEECH, v1.Silence(channel=1, end_ms=10_000)),
    (SPEECH, v1.Clipping(start_ms=5, end_ms=9, ratio=0.25)),
    (SPEECH, v1.AudioEnded(end_ms=77, reason=v1.EndReason.IDLE)),
    (
        VOICES,
        v1.VoiceWindow(start_ms=0, end_ms=5000, voices=[v1.LocalVoice(spans_ms=[0, 9], clean_ms=9, voiceprint="ab==")]),
    ),
    (OVERLAPS, v1.Overlap(overlap_id="o1", start_ms=10, end_ms=20, voices=2)),
    (
        TURNS,
        v1.Turn(turn_id="t1", revision=2, speaker_id="S1", start_ms=1, end_ms=2, confidence=0.5, provisional=True),
    ),
    (TURNS, v1.SpeakerMerged(speaker_id="S2", into_speaker_id="S1")),
    (TIMELINE, v1.TimelineEvent(call_id="c", seq=1, at_ms=9, call_ended=v1.CallEnded(end_ms=9))),
]


@pytest.mark.parametrize(("stream", "body"), EVENTS, ids=[type(body).__name__ for _, body in EVENTS])
def test_an_event_comes_back_as_it_was(stream: Stream[Any], body: Any) -> None:
    assert codec.read(stream, codec.write(stream, body)) == body


def test_names_are_those_of_the_proto_files_and_defaults_are_left_out() -> None:
    body = v1.Speech(segment_id="s1", state=v1.SpeechState.OPENED, start_ms=120, end_ms=120)
    assert json.loads(codec.write(SPEECH, body)) == {
        "speech": {"segment_id": "s1", "state": "SPEECH_STATE_OPENED", "start_ms": 120, "end_ms": 120}
    }


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b'{"speech":{"segment_id":"s1","state":"SPEECH_STATE_CLOSED","end_ms":9}}', id="as we write it"),
        pytest.param(b'{"speech":{"segmentId":"s1","state":"SPEECH_STATE_CLOSED","endMs":9}}', id="in camel case"),
        pytest.param(b'{"speech":{"segment_id":"s1","state":3,"end_ms":9}}', id="an enum by number"),
        pytest.param(
            b'{"speech":{"segment_id":"s1","state":3,"end_ms":9,"mood":"sad"},"since":"v9"}', id="with unknown fields"
        ),
    ],
)
def test_every_form_that_protojson_allows_is_read(text: bytes) -> None:
    expected = v1.Speech(segment_id="s1", state=v1.SpeechState.CLOSED, end_ms=9)
    assert codec.read(SPEECH, text) == expected


def test_a_kind_that_only_a_newer_version_knows_is_no_error() -> None:
    assert codec.read(SPEECH, b'{"laughter":{"start_ms":1}}') is None


@pytest.mark.parametrize("state", ['"SPEECH_STATE_WHISPERED"', "77"], ids=["by name", "by number"])
def test_an_event_with_a_value_that_only_a_newer_version_knows_is_no_error(state: str) -> None:
    assert codec.read(SPEECH, b'{"speech":{"start_ms":1,"end_ms":2,"state":%s}}' % state.encode()) is None


def test_a_timeline_event_with_a_value_that_only_a_newer_version_knows_keeps_all_else() -> None:
    text = b'{"call_id":"c","seq":3,"gap":{"end_ms":9,"reason":"GAP_REASON_EATEN","stage":"vad"}}'
    expected = v1.TimelineEvent("c", 3, gap=v1.Gap(end_ms=9, stage="vad"))
    assert codec.read(TIMELINE, text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(b"", "speech event ", id="nothing"),
        pytest.param(b"{", "EOF while parsing", id="half a text"),
        pytest.param(b'{"speech":{"start_ms":9,"end_ms":3}}', "end_ms 3 before start_ms 9", id="backward times"),
        pytest.param(b'{"speech":{"start_ms":-1}}', "speech.start_ms: Input should be greater", id="a negative time"),
        pytest.param(b'{"speech":{"state":[]}}', "a list is no SpeechState: expected a name or a number", id="no enum"),
        pytest.param(b'{"speech":{"start_ms":4294967296}}', "less than or equal to 4294967295", id="a time of 50 days"),
        pytest.param(b'{"clipping":{"ratio":null}}', "clipping.ratio", id="no number"),
    ],
)
def test_what_makes_no_sense_is_named(text: bytes, message: str) -> None:
    with pytest.raises(codec.InvalidEvent) as raised:
        codec.read(SPEECH, text)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("announcement", "call_id"),
    [
        pytest.param(b'{"call_id":"c"}', "c", id="as we write it"),
        pytest.param(b'{"callId":"c","channels":"many"}', "c", id="in camel case"),
        pytest.param(b'{"call_id":"a b"}', None, id="no id"),
        pytest.param(b'{"call_id":["c"]}', None, id="no text"),
        pytest.param(b'["c"]', None, id="no object"),
        pytest.param(b'{"call_id":"c"', None, id="half a text"),
        pytest.param(b"[" * 100_000, None, id="a deep one"),
        pytest.param(b"\xff", None, id="bytes"),
    ],
)
def test_the_id_is_read_of_announcements_that_are_no_calls_too(announcement: bytes, call_id: str | None) -> None:
    assert codec.announced_id(announcement) == call_id


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"secret", id="a text"),
        pytest.param(b'{"speech":{"start_ms":"secret"}}', id="a value"),
        pytest.param(b'{"speech":{"state":["secret"]}}', id="a list"),
        pytest.param(b'{"speech":{"state":{"secret":1}}}', id="an object"),
    ],
)
def test_what_was_read_is_not_quoted(text: bytes) -> None:
    with pytest.raises(codec.InvalidEvent, match=f"speech event of {len(text)} bytes: ") as raised:
        codec.read(SPEECH, text)
    assert "secret" not in str(raised.value)


def test_neither_names_nor_values_of_metadata_are_quoted() -> None:
    with pytest.raises(codec.InvalidEvent, match="metadata: Input should be a valid string") as raised:
        codec.read_call(b'{"call_id":"c","metadata":{"secret":["secret"]}}')
    assert "secret" not in str(raised.value)


def test_a_call_gets_its_defaults() -> None:
    assert codec.read_call(b'{"call_id":"c","sample_rate":8000,"encoding":"ENCODING_ALAW"}').channels == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"sample_rate": 0}, "sample_rate 0: expected 8000 or 16000", id="no rate"),
        pytest.param({"encoding": 17}, "encoding", id="an unknown encoding by number"),
        pytest.param(
            {"encoding": "ENCODING_OPUS"}, "of 13 characters is no Encoding", id="an unknown encoding by name"
        ),
        pytest.param({"channels": 9}, "channels 9: expected 1 to 8", id="too many channels"),
        pytest.param({"call_id": "x y"}, "call_id of 3 characters: expected 1 to 200", id="a space in the id"),
    ],
)
def test_a_call_that_makes_no_sense_is_named(fields: dict[str, Any], message: str) -> None:
    call = {"call_id": "c", "sample_rate": 8000, "encoding": "ENCODING_MULAW", **fields}
    with pytest.raises(codec.InvalidEvent) as raised:
        codec.read_call(json.dumps(call).encode())
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param(
            {"metadata": {"k": "v" * 64_000}}, "metadata of 64001 bytes: expected at most 64000", id="too much metadata"
        ),
        pytest.param(
            {"metadata": {"é" * 31_999: "vvv"}}, "metadata of 64001 bytes: expected", id="bytes count, not characters"
        ),
        pytest.param({"producer_id": "p" * 201}, "producer_id of 201 bytes: expected at most 200", id="a long name"),
        pytest.param({"started_at": "9" * 201}, "started_at of 201 bytes: expected at most 200", id="a long date"),
        pytest.param({"traceparent": "0" * 201}, "traceparent of 201 bytes: expected at most 200", id="a long trace"),
        pytest.param(
            {"language": "english"}, "language 'english': expected an ISO 639 code such as en", id="a language by name"
        ),
        pytest.param({"language": "en\n"}, r"language 'en\\n': expected an ISO 639", id="a language with a line break"),
        pytest.param(
            {"channel_mode": v1.ChannelMode(7)},
            "channel_mode 7: expected CHANNEL_MODE_AUTO or CHANNEL_MODE_SEPARATE",
            id="a mode of a newer version",
        ),
        pytest.param(
            {"metadata": {"k": "\ud800"}}, "metadata with half a character at 1: expected text", id="no UTF-8"
        ),
    ],
)
def test_what_a_call_may_say_is_limited(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(codec.InvalidEvent, match=message):
        codec.write_call(v1.CallStarted("c", 8000, v1.Encoding.MULAW, **fields))


@pytest.mark.parametrize("language", ["", "en", "yue", "EN", "en-US", "pt_BR", "zh-Hant-TW"])
def test_codes_of_languages_are_taken(language: str) -> None:
    call = v1.CallStarted("c", 8000, v1.Encoding.MULAW, language=language, metadata={"k": "v" * 63_999})
    assert codec.read_call(codec.write_call(call)).language == language


def test_an_announcement_beyond_all_measure_is_not_looked_into() -> None:
    with pytest.raises(codec.InvalidEvent, match="CallStarted of 1000001 bytes: expected at most 1000000"):
        codec.read_call(b"{" * 1_000_001)


def test_a_language_that_was_read_is_not_quoted() -> None:
    """It goes to logs, and may be any text."""
    written = codec.write_call(v1.CallStarted("c", 8000, v1.Encoding.MULAW, language="en"))
    with pytest.raises(codec.InvalidEvent, match="language of 12 characters") as raised:
        codec.read_call(written.replace(b'"en"', b'"Anna Schmidt"'))
    assert "Anna" not in str(raised.value)
