"""Nonsense at the door: a close code and a metric, never a traceback, and no call that is stuck."""

import json
import logging
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speakerline.services.gateway.dialects.closing import Violation
from speakerline.services.gateway.dialects.table import DIALECTS
from speakerline.services.gateway.intake.incoming import Incoming
from tests.gateway.calling import Logs
from tests.gateway.malformed import MALFORMED_BY_DIALECT, Case
from tests.gateway.scripted import ScriptedPeer, dialect_of, taking

_FIELDS = """
event start media dtmf digit payload track tracks timestamp mediaFormat sampleRate encoding type id seq version
parameters conversationId position discarded command sample_rate channels content-type mixType format
"""
_EVENTS = "start media stop dtmf open close ping discarded websocket:connected websocket:dtmf MEDIA_START connect"
_fields = st.sampled_from(_FIELDS.split())
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["PCMU", "8000"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_objects = st.builds(
    lambda fields, event: json.dumps({**fields, "event": event, "type": event}),
    st.dictionaries(_fields, _json | st.dictionaries(_fields, _json, max_size=4), max_size=6),
    st.sampled_from(_EVENTS.split()),
)


@pytest.fixture
async def incoming(redis_url: str) -> AsyncIterator[Incoming]:
    async with taking(redis_url) as incoming:
        yield incoming


def test_there_are_forty_of_each() -> None:
    assert {name: len(cases) for name, cases in MALFORMED_BY_DIALECT.items() if len(cases) < 40} == {}
    for cases in MALFORMED_BY_DIALECT.values():
        assert len({case.name for case in cases}) == len(cases)


@pytest.mark.parametrize("name", MALFORMED_BY_DIALECT)
async def test_it_is_refused_with_a_code_and_a_metric_and_its_call_ends(
    incoming: Incoming, redis_url: str, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.INFO)
    wrong: list[tuple[str, object]] = []
    for case in MALFORMED_BY_DIALECT[name]:
        wrong += [(case.name, problem) for problem in await problems(incoming, name, case)]
    assert wrong == []
    assert not any(record.exc_info for record in caplog.records)
    logs = Logs(redis_url)
    for call in await logs.announced():
        await logs.closed(call["call_id"])
    await logs.aclose()


async def problems(incoming: Incoming, name: str, case: Case) -> list[object]:
    """What is not as it should be when this comes over one connection."""
    refused = incoming.metrics.refused.labels(case.reason)
    before, peer = refused._value.get(), ScriptedPeer(case.messages)
    await incoming.serve(name, dialect_of(name), peer, "")
    found: list[object] = [] if [code for code, _ in peer.closed] == [case.code] else [peer.closed]
    if refused._value.get() != before + 1:
        found.append(f"not counted as {case.reason}")
    if incoming.metrics.sockets.labels(name)._value.get() != 0:
        found.append("a socket is counted still")
    return found


@pytest.mark.parametrize("name", [*DIALECTS, "audiosocket"])
@settings(max_examples=40)
@given(st.lists(st.binary(max_size=40) | st.text(max_size=40) | _objects, max_size=5))
def test_nothing_but_a_violation_comes_of_any_message(name: str, messages: list[str | bytes]) -> None:
    dialect = dialect_of(name)
    for message in messages:
        if name == "audiosocket" and isinstance(message, str):
            message = message.encode(errors="replace")
        try:
            dialect.receive(message)
        except Violation:
            return
