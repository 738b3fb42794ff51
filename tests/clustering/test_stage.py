"""Clustering as a stage: messages in, messages out, and no trace of batches or restarts."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from speakerline.services.clustering.stage import ClusteringStage
from speakerline.shared.arrays import AnyArray
from speakerline.shared.client.voiceprints import StoredVoiceprint
from speakerline.shared.contract.v1 import (
    CallStarted,
    Encoding,
    Finalized,
    Gap,
    LocalVoice,
    SpeakerCreated,
    SpeakerNamed,
    SpeakerSplit,
    Turn,
    VoiceWindow,
)
from speakerline.shared.pipeline import VOICES
from speakerline.shared.runtime.stage import FOREVER, Event
from speakerline.shared.voiceprints.calibration import load_calibration
from speakerline.shared.voiceprints.campplus import CALIBRATION_FILE
from speakerline.shared.voiceprints.vectors import encode_vector
from tests.clustering.made_calls import calibration, conversation, dialogue
from tests.no_sound import NoSound

CALIBRATION = load_calibration(CALIBRATION_FILE)
RANDOM = np.random.default_rng(5)
PEOPLE = [
    (CALIBRATION.prior_mean + 0.06 * RANDOM.standard_normal(CALIBRATION.size)).astype(np.float32) for _ in range(2)
]


def heard(second: int) -> Event:
    """Two people who take turns of four seconds."""
    start, end = max(0, second - 5) * 1000, second * 1000
    spans: dict[int, list[int]] = {0: [], 1: []}
    for turn in range(0, end, 4000):
        a, b = max(start, turn), min(end, turn + 4000)
        if a < b:
            spans[turn // 4000 % 2] += [a, b]
    voices = [
        LocalVoice(own, sum(own[1::2]) - sum(own[::2]), encode_vector(voice / np.linalg.norm(voice)))
        for voice, own in ((PEOPLE[0], spans[0]), (PEOPLE[1], spans[1]))
        if own
    ]
    return Event(VOICES, end, VoiceWindow(0, start, end, voices))


def names(events: Sequence[Event]) -> list[SpeakerNamed]:
    return [event.body for event in events if isinstance(event.body, SpeakerNamed)]


CALL = [heard(second) for second in range(1, 25)]


def enrolled(voice: AnyArray, telephone: AnyArray | None = None, embedder: str = CALIBRATION.name) -> StoredVoiceprint:
    return StoredVoiceprint(embedder, encode_vector(voice), 9.0, "" if telephone is None else encode_vector(telephone))


def open_call(parts: dict[str, bytes] | None = None, tenant: str = "", rate: int = 8000, **known: Any) -> Any:
    stage = ClusteringStage(CALIBRATION)
    stage.know({"": known})
    return stage.open(CallStarted("c", rate, Encoding.S16LE, 1, tenant=tenant), parts or {}, NoSound())


def run(call: Any, cuts: Sequence[int] = (), restore: bool = False) -> list[Event]:
    found: list[Event] = []
    bounds = [0, *sorted(set(cuts)), len(CALL)]
    for begin, end in itertools.pairwise(bounds):
        passed = FOREVER if end == len(CALL) else CALL[end].position - 1
        found += asyncio.run(call.push(CALL[begin:end], passed)).events
        if restore:
            call = open_call(dict(call.snapshot()))
    return found


def test_two_voices_are_two_speakers_and_their_turns_alternate() -> None:
    events = run(open_call())
    assert sum(isinstance(event.body, SpeakerCreated) for event in events) == 2
    last: dict[str, Turn] = {event.body.turn_id: event.body for event in events if isinstance(event.body, Turn)}
    turns = sorted(last.values(), key=lambda turn: turn.start_ms)
    assert [turn.speaker_id for turn in turns] == ["S1", "S2"] * 3
    assert not any(turn.provisional for turn in turns)


def test_two_alike_voices_that_were_shown_as_one_are_split_when_the_evidence_is_there() -> None:
    call = ClusteringStage(calibration()).open(CallStarted("c", 8000, Encoding.MULAW, 1), {}, NoSound())
    bodies = []
    for window in conversation(dialogue(24_000, (1, 1.7), turn_ms=4000, pause_ms=0), 24_000):
        entry = Event(VOICES, window.end_ms, window)
        bodies += [event.body for event in asyncio.run(call.push([entry], entry.position)).events]
    splits = [body for body in bodies if isinstance(body, SpeakerSplit)]
    assert [(split.speaker_id, split.from_speaker_id) for split in splits] == [("S2", "S1")]
    created = [body.speaker_id for body in bodies if isinstance(body, SpeakerCreated)]
    assert created == ["S1", "S2"]


def test_the_end_finalizes_everything() -> None:
    finalized = [event.body for event in run(open_call()) if isinstance(event.body, Finalized)]
    assert finalized[-1].through_ms == 24_000


def test_an_enrolled_voice_is_named_and_a_stranger_is_not() -> None:
    (named,) = names(run(open_call(Ann=enrolled(PEOPLE[0]))))
    assert (named.speaker_id, named.name) == ("S1", "Ann")
    assert 0.5 < named.confidence <= 1


def test_a_voice_that_another_tenant_enrolled_is_a_stranger() -> None:
    assert names(run(open_call(tenant="acme", Ann=enrolled(PEOPLE[0])))) == []


def test_a_voice_that_another_model_enrolled_is_a_stranger() -> None:
    assert names(run(open_call(Ann=enrolled(PEOPLE[0], embedder="ecapa")))) == []


@pytest.mark.parametrize(("rate", "speaker"), [(8000, "S2"), (16000, "S1")])
def test_on_a_telephone_line_the_voice_counts_as_it_sounds_there(rate: int, speaker: str) -> None:
    (named,) = names(run(open_call(rate=rate, Ann=enrolled(PEOPLE[0], telephone=PEOPLE[1]))))
    assert named.speaker_id == speaker


def test_a_window_that_fails_again_and_again_becomes_a_gap() -> None:
    step = asyncio.run(open_call().skip(CALL[3], 4_000, "three times"))
    (gap,) = [event.body for event in step.events]
    assert isinstance(gap, Gap)
    assert (gap.start_ms, gap.end_ms, gap.stage) == (0, 4_000, "clustering")


def test_what_is_skipped_before_anything_came_lies_at_the_start() -> None:
    (gap,) = asyncio.run(open_call().skip(None, 4_000, "three times")).events
    assert gap.position == 0


def test_the_end_lies_behind_what_was_skipped() -> None:
    call = open_call()
    asyncio.run(call.push(CALL[:3], 3_000))
    (gap,) = asyncio.run(call.skip(CALL[3], 3_500, "three times")).events
    assert gap.position == 4_000
    assert {event.position for event in asyncio.run(call.push([], FOREVER)).events} == {4_000}
