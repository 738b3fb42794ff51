"""Clustering with lifted voices: they go to whom they sound like, become turns, and leave no trace of batches."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from speakerline.services.clustering.settings import ClusterSettings
from speakerline.services.clustering.stage import ClusteringStage
from speakerline.shared.contract import v1
from speakerline.shared.pipeline import CLUSTERING, SOURCES, SOURCES_DELAY_MS, VOICES
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.recording import Recording
from speakerline.shared.runtime.stage import FOREVER, Event
from speakerline.shared.voiceprints.vectors import encode_vector
from tests.clustering.made_calls import calibration, conversation, dialogue, person

END_MS = 40_000
SEPARATED = v1.SeparationOutcome.SEPARATED


class NoSound:
    async def read(self, channel: int, start_sample: int, end_sample: int) -> Any:
        raise AssertionError("clustering hears nothing")

    async def read_source(self, source_id: str) -> Any:
        raise AssertionError("clustering hears nothing")


def source(name: str, who: int, spans_ms: list[int]) -> v1.Source:
    noisy = person(who) + 0.02 * np.random.default_rng(who).standard_normal(16)
    return v1.Source(
        source_id=name,
        start_ms=spans_ms[0],
        end_ms=spans_ms[-1],
        sound_key="call:{c}:sounds",
        voiceprint=encode_vector((noisy / np.linalg.norm(noisy)).astype(np.float32)),
        improvement_db=6.0,
        spans_ms=spans_ms,
    )


def separation(at_ms: int, name: str, start_ms: int, end_ms: int, people: Sequence[int]) -> Event:
    sources = [source(f"{name}.{number}", who, [start_ms, end_ms]) for number, who in enumerate(people, 1)]
    outcome = SEPARATED if sources else v1.SeparationOutcome.FAILED
    body = v1.Separation(name, 0, start_ms, end_ms, [f"O-{name}"], 2, outcome, sources, "made")
    return Event(SOURCES, at_ms, body)


def windows(end_ms: int = END_MS) -> list[Event]:
    """A dialogue of 1 and 2 in turns of 3 s, and the empty window that ends it."""
    heard = conversation(dialogue(end_ms), end_ms)
    events = [Event(VOICES, one.end_ms, one) for one in heard]
    closing = end_ms + 1000
    return [*events, Event(VOICES, closing, v1.VoiceWindow(0, end_ms, end_ms, []))]


def merged(*entries: Event) -> list[Event]:
    """As the runtime merges them."""
    order = {spec.stream: number for number, spec in enumerate(CLUSTERING.inputs)}
    delay = {spec.stream: spec.delay_ms for spec in CLUSTERING.inputs}
    return sorted(entries, key=lambda entry: (entry.position + delay[entry.stream], order[entry.stream]))


GAP = Event(SOURCES, 20_000, v1.Gap(0, 18_000, 19_000, v1.GapReason.POISON, "separation", "twice"))
SHED = Event(SOURCES, 20_000, v1.Degraded(18_000, 19_000, "separation", "shed"))
LIFTED = [
    separation(13_000, "X1", 11_100, 11_500, (2, 1)),
    GAP,
    SHED,
    separation(26_000, "X2", 24_500, 25_500, ()),
    separation(31_000, "X3", 29_300, 29_900, (1, 2)),
]
CALL = merged(*windows(), *LIFTED)


def open_call(parts: Mapping[str, bytes] | None = None) -> Any:
    call = v1.CallStarted("c", 8000, v1.Encoding.MULAW, 1)
    return ClusteringStage(calibration()).open(call, parts or {}, NoSound())


def run(call: Any, entries: Sequence[Event], cuts: Sequence[int] = (), reopened: bool = False) -> list[Event]:
    found: list[Event] = []
    place = [entry.position + (SOURCES_DELAY_MS if entry.stream == SOURCES else 0) for entry in entries]
    for begin, end in pairwise([0, *sorted(set(cuts)), len(entries)]):
        passed = FOREVER if end == len(entries) else place[end] - 1
        step = asyncio.run(call.push(entries[begin:end], passed))
        assert [event.position for event in step.events] == sorted(event.position for event in step.events)
        found += step.events
        if reopened:
            call = open_call(dict(call.snapshot()))
    return found


def separated(events: Sequence[Event]) -> dict[str, v1.Separated]:
    """The latest of each."""
    return {event.body.separation_id: event.body for event in events if isinstance(event.body, v1.Separated)}


def turns_at(events: Sequence[Event], at_ms: int) -> set[str]:
    """Who speaks at a moment, in the end."""
    last: dict[str, v1.Turn] = {}
    for event in events:
        if isinstance(event.body, v1.Turn):
            last[event.body.turn_id] = event.body
        elif isinstance(event.body, v1.TurnWithdrawn):
            last.pop(event.body.turn_id, None)
    return {turn.speaker_id for turn in last.values() if turn.start_ms <= at_ms < turn.end_ms}


def test_each_voice_goes_to_the_speaker_it_sounds_like_and_both_have_turns() -> None:
    events = run(open_call(), CALL)
    first = separated(events)["X1"]
    assert (first.start_ms, first.end_ms, first.overlap_ids, first.outcome) == (11_100, 11_500, ["O-X1"], SEPARATED)
    assert [one.speaker_id for one in first.sources] == ["S2", "S1"]
    assert all(one.confidence > 0.8 for one in first.sources)
    assert first.sources[0].spans_ms == [11_100, 11_500]
    assert turns_at(events, 11_300) == {"S1", "S2"}
    without = run(open_call(), windows())
    assert turns_at(without, 11_300) == {"S2"}
    assert {at for at in range(0, END_MS, 50) if turns_at(events, at) != turns_at(without, at)} <= {
        *range(11_050, 11_550, 50),
        *range(29_250, 29_950, 50),
    }


def test_what_was_not_separated_is_told_and_changes_no_turn() -> None:
    second = separated(run(open_call(), CALL))["X2"]
    assert (second.outcome, second.sources) == (v1.SeparationOutcome.FAILED, [])


def test_a_stranger_s_voice_makes_no_speaker() -> None:
    strange = merged(*windows(), separation(13_000, "X1", 11_100, 11_500, (2, 7, 5)))
    events = run(open_call(), strange)
    assert sum(isinstance(event.body, v1.SpeakerCreated) for event in events) == 2
    speakers = [one.speaker_id for one in separated(events)["X1"].sources]
    assert sorted(speakers) == ["", "S1", "S2"]


def test_gaps_and_degraded_spans_of_separation_pass() -> None:
    passed = [event for event in run(open_call(), CALL) if isinstance(event.body, v1.Gap | v1.Degraded)]
    assert [(event.position, event.body) for event in passed] == [(22_000, GAP.body), (22_000, SHED.body)]


async def test_it_keeps_every_rule_of_a_stage() -> None:
    stage = ClusteringStage(calibration(), ClusterSettings(horizon_ms=60_000))
    recording = Recording(v1.CallStarted("c", 8000, v1.Encoding.MULAW, 1), CALL, NoSound())
    await check_stage(stage, CLUSTERING, recording, cuts=3, skips=4, rounds=6)


def test_the_end_lies_at_the_same_place_however_far_promises_went() -> None:
    whole = run(open_call(), CALL)
    call = open_call()
    events = asyncio.run(call.push(CALL, 41_500)).events
    for through_ms in (42_800, 90_000):
        step = asyncio.run(call.push([], through_ms))
        assert step.through_ms == 40_999
        events += step.events
        call = open_call(dict(call.snapshot()))
    assert events + asyncio.run(call.push([], FOREVER)).events == whole


def test_a_source_that_fails_again_and_again_becomes_a_gap() -> None:
    step = asyncio.run(open_call().skip(LIFTED[0], 15_000, "three times"))
    (gap,) = step.events
    assert gap.position == 15_000
    assert (gap.body.start_ms, gap.body.end_ms, gap.body.stage) == (11_100, 11_500, "clustering")
