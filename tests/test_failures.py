"""What a log tells of an error: what Redis said, and no word of a call."""

import ast
import hashlib
import json
import logging
import re

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from speakerline.shared.client.producer import ProducerError
from speakerline.shared.codec import InvalidEvent
from speakerline.shared.failures import told
from speakerline.shared.logs import JsonLines, Log
from tests.test_structure import FILES


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        pytest.param(ResponseError("WRONGTYPE Operation against"), "WRONGTYPE Operation against", id="what Redis says"),
        pytest.param(RedisConnectionError("Error 111 connecting"), "Error 111 connecting", id="no connection"),
        pytest.param(ConnectionResetError(104, "Connection reset"), "[Errno 104] Connection reset", id="the system"),
        pytest.param(InvalidEvent("seq 3: expected 2"), "seq 3: expected 2", id="our own"),
        pytest.param(RedisConnectionError(), "ConnectionError", id="one that says nothing"),
        pytest.param(KeyError("hello"), "KeyError", id="one that was never raised"),
    ],
)
def test_an_error_is_told_by_its_message(error: Exception, shown: str) -> None:
    assert told(error) == shown


def test_of_an_error_that_may_quote_words_the_kind_and_the_place_are_told() -> None:
    with pytest.raises(ValueError, match="hello") as raised:
        int("hello")
    assert told(raised.value).startswith("ValueError at test_failures.py:")
    assert "hello" not in told(raised.value)


def test_no_field_of_a_line_takes_the_place_of_its_time_or_severity() -> None:
    calls = (call for path in FILES for call in ast.walk(ast.parse(path.read_text())) if isinstance(call, ast.Call))
    written = [call for call in calls if re.search(r"log\.(info|warning|error)$", ast.unparse(call.func))]
    assert written
    assert not [ast.unparse(call) for call in written if {word.arg for word in call.keywords} & {"at", "level"}]


def test_a_line_has_its_severity_and_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Log(stage="vad").warning("shedding", shed_level=2)
    line = json.loads(JsonLines().format(caplog.records[-1]))
    assert {name: line[name] for name in ("level", "event", "stage", "shed_level")} == {
        "level": "warning",
        "event": "shedding",
        "stage": "vad",
        "shed_level": 2,
    }


@pytest.mark.parametrize(
    ("call_ids", "shown"),
    [
        pytest.param(False, {"call": "91a73fd806ab"}, id="a digest of the id"),
        pytest.param(True, {"call_id": "555"}, id="the id, where it is wanted"),
    ],
)
def test_a_line_names_its_call(caplog: pytest.LogCaptureFixture, call_ids: bool, shown: dict[str, str]) -> None:
    Log(stage="vad").warning("not now", call_id="555", reason="down")
    line = json.loads(JsonLines(call_ids).format(caplog.records[-1]))
    assert {name: line[name] for name in line.keys() - {"at", "level", "event"}} == {
        **shown,
        "stage": "vad",
        "reason": "down",
    }


@pytest.mark.parametrize("call_id", ["555", "it's", 'a"b', "a\\b'c\"d", "@acme/desk:7"])
def test_an_error_that_names_a_call_is_told_with_its_digest(caplog: pytest.LogCaptureFixture, call_id: str) -> None:
    Log().warning("call ended by others", error=told(ProducerError(f"call {call_id!r} was erased")))
    digest = hashlib.sha256(call_id.encode()).hexdigest()[:12]
    assert json.loads(JsonLines().format(caplog.records[-1]))["error"] == f"call {digest} was erased"
    assert json.loads(JsonLines(call_ids=True).format(caplog.records[-1]))["error"] == f"call {call_id!r} was erased"


def test_the_traceback_of_an_error_quotes_no_words(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="hello") as raised:
        int("hello")
    logging.getLogger("another library").error("failed", exc_info=raised.value)
    line = json.loads(JsonLines().format(caplog.records[-1]))
    assert line["error"].startswith("ValueError at test_failures.py:") and "test_failures.py" in line["traceback"]
    assert "hello'" not in json.dumps(line)
