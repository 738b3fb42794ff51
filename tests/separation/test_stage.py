"""The separation stage with models that answer by rule: outcomes, promises, sounds; batches change nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from speakerline.services.separation.separator import Mixture
from speakerline.services.separation.stage import SeparationStage, Separator
from speakerline.shared.contract.v1 import (
    CallStarted,
    Degraded,
    Encoding,
    Gap,
    Overlap,
    Separation,
    SeparationOutcome,
)
from speakerline.shared.pipeline import OVERLAPS, SEPARATION
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.isolation import ModelFailed
from speakerline.shared.runtime.recording import Recording
from speakerline.shared.runtime.stage import FOREVER, Event, Step

RATE = 8000
Outcome = SeparationOutcome
VOICE = (0.2 * np.sin(np.arange(RATE) * 0.6)).astype(np.float32)
OTHER = (0.1 * np.sin(np.arange(RATE) * 1.3)).astype(np.float32)


class Sound:
    """Two hums, everywhere."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int]] = []

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Any:
        self.heard.append((start_sample, end_sample))
        places = np.arange(start_sample, end_sample) % RATE
        return VOICE[places] + OTHER[places]

    async def read_source(self, source_id: str) -> Any:
        return None


def outputs(count: int) -> Any:
    """A model that gives `count` of the hums, and an empty output."""

    async def separate(mixture: Mixture) -> Any:
        length = len(mixture.samples)
        hums = [np.resize(VOICE, length), np.resize(OTHER, length), np.resize(OTHER * 0.9, length)][:count]
        return np.stack([*hums, np.zeros(length, np.float32)])

    return separate


async def voiceprint(piece: Any) -> Any:
    vector = np.array([1.0, float(np.abs(piece[0]).max()), piece[1].sum() / 293], np.float32)
    return vector / np.linalg.norm(vector)


async def hangs(mixture: Mixture) -> Any:
    raise ModelFailed("it took more than 30 s", "hung")


def open_call(parts: Mapping[str, bytes] | None = None, separate: Any = None, off: bool = False) -> Any:
    separator = None if off else Separator("made", separate or outputs(2), voiceprint)
    return SeparationStage(separator).open(CallStarted("c", RATE, Encoding.MULAW, 1), parts or {}, Sound())


def overlap(number: int, start_ms: int, end_ms: int, at_ms: int, voices: int = 2) -> Event:
    return Event(OVERLAPS, at_ms, Overlap(f"O{number}", 0, start_ms, end_ms, voices))


CALL = [
    overlap(1, 3200, 3900, 4000),
    overlap(2, 3950, 4000, 4000),
    overlap(3, 4000, 4700, 5000),
    Event(OVERLAPS, 5000, Degraded(1, 2, "embedding", "")),
    overlap(4, 9050, 9100, 10_000),
    overlap(5, 12_100, 12_900, 13_000, voices=3),
]


def run(call: Any, cuts: Sequence[int] = (), reopened: bool = False) -> tuple[list[Event], dict[str, bytes]]:
    """All events and sounds, with the entries cut into batches; `reopened`: the call is opened anew after each."""
    found: list[Event] = []
    sounds: dict[str, bytes] = {}
    for begin, end in pairwise([0, *sorted(set(cuts)), len(CALL)]):
        passed = FOREVER if end == len(CALL) else CALL[end].position - 1
        step: Step = asyncio.run(call.push(CALL[begin:end], passed))
        found += step.events
        sounds.update({name: pcm for name, pcm in step.sounds.items() if pcm is not None})
        if reopened:
            call = open_call(dict(call.snapshot()))
    return found, sounds


def separations(events: Sequence[Event]) -> list[Separation]:
    return [event.body for event in events if isinstance(event.body, Separation)]


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_a_call_with_more_channels_than_a_telephone_has_gives_them_all(channels: int) -> None:
    given: list[Mixture] = []

    async def separate(mixture: Mixture) -> Any:
        given.append(mixture)
        return await outputs(2)(mixture)

    stage = SeparationStage(Separator("made", separate, voiceprint))
    call = stage.open(CallStarted("c", RATE, Encoding.MULAW, channels), {}, Sound())
    asyncio.run(call.push(CALL, FOREVER))
    shapes = {None if one.channels is None else one.channels.shape[0] for one in given}
    assert shapes == {channels if channels > 2 else None}


def test_a_leg_without_media_is_not_asked_for_its_sound_and_delays_nothing() -> None:
    """The other leg of a telephone call is ringing, muted or gone: what is due is due by the call's time alone."""

    class OneLeg(Sound):
        async def read(self, channel: int, start_sample: int, end_sample: int) -> Any:
            assert channel == 0
            return await super().read(channel, start_sample, end_sample)

    started = CallStarted("c", RATE, Encoding.MULAW, 2)
    call = SeparationStage(Separator("made", outputs(2), voiceprint)).open(started, {}, OneLeg())
    step = asyncio.run(call.push(CALL[:3], 6000))
    (found,) = separations(step.events)
    assert (found.outcome, found.start_ms, found.end_ms) == (Outcome.SEPARATED, 3200, 4700)
    assert [event.position for event in step.events] == [6000]


def test_every_overlap_belongs_to_one_separation_and_voices_are_lifted_out() -> None:
    events, sounds = run(open_call())
    found = separations(events)
    assert [one.overlap_ids for one in found] == [["O1", "O2", "O3"], ["O4"], ["O5"]]
    assert [one.outcome for one in found] == [Outcome.SEPARATED, Outcome.ONE_VOICE, Outcome.SEPARATED]
    assert [event.position for event in events] == [6000, 10_000, 14_000]
    first = found[0]
    assert (first.start_ms, first.end_ms, first.model) == (3200, 4700, "made")
    assert [source.source_id for source in first.sources] == ["X1.1", "X1.2"]
    assert (first.sources[0].start_ms, first.sources[0].end_ms) == (2950, 4950)
    assert first.sources[0].sound_key == "call:{c}:sounds"
    assert first.sources[0].spans_ms == [1700, 5450]
    assert all(source.voiceprint for source in first.sources)
    assert set(sounds) == {"X1.1", "X1.2", "X3.1", "X3.2"}
    loudest = np.frombuffer(sounds["X1.1"], "<i2")
    assert len(loudest) == 2 * RATE
    assert np.abs(loudest).max() == pytest.approx(0.2 * 32768, rel=0.01)


def test_three_voices_that_two_outputs_stand_for_are_marked() -> None:
    (last,) = separations(run(open_call())[0])[-1:]
    assert (last.voices, len(last.sources)) == (3, 2)
    assert "dominant 2" in last.detail


def test_three_voices_with_three_outputs_are_all_lifted_out() -> None:
    found = separations(run(open_call(separate=outputs(3)))[0])
    assert [len(one.sources) for one in found] == [2, 0, 3]


@pytest.mark.parametrize(
    ("call", "outcome", "detail"),
    [
        pytest.param({"separate": outputs(1)}, Outcome.ONE_VOICE, "empty", id="all outputs but one are empty"),
        pytest.param({"separate": outputs(0)}, Outcome.ONE_VOICE, "empty", id="all outputs are empty"),
        pytest.param({"separate": hangs}, Outcome.FAILED, "more than 30 s", id="a model that fails costs its own span"),
        pytest.param({"off": True}, Outcome.OFF, "configured", id="nothing is configured"),
    ],
)
def test_what_is_not_separated_says_why(call: dict[str, Any], outcome: SeparationOutcome, detail: str) -> None:
    events, sounds = run(open_call(**call))
    found = separations(events)[0]
    assert (found.outcome, found.sources, sounds) == (outcome, [], {})
    assert detail in found.detail


async def test_a_call_that_fails_leaves_nothing_running() -> None:
    running: list[str] = []

    async def separate(mixture: Mixture) -> Any:
        running.append("asked")
        if len(running) > 1:
            raise ConnectionError("Redis went away")
        return await outputs(2)(mixture)

    async def slow(piece: Any) -> Any:
        running.append("a voiceprint")
        await asyncio.sleep(3600)

    call = SeparationStage(Separator("made", separate, slow)).open(
        CallStarted("c", RATE, Encoding.MULAW, 1), {}, Sound()
    )
    before = asyncio.all_tasks()
    with pytest.raises(ConnectionError):
        await call.push(CALL, FOREVER)
    assert asyncio.all_tasks() == before
    assert running.count("asked") == 2


def test_under_overload_overlaps_are_left_and_marked() -> None:
    call = open_call()
    call.shed(1)
    events, _ = run(call)
    assert [one.outcome for one in separations(events)] == [Outcome.SHED, Outcome.ONE_VOICE, Outcome.SHED]
    marks = [event.body for event in events if isinstance(event.body, Degraded)]
    assert [(mark.start_ms, mark.end_ms, mark.stage) for mark in marks] == [
        (3200, 4700, "separation"),
        (12_100, 12_900, "separation"),
    ]


def test_what_fails_again_and_again_becomes_a_gap_and_keeps_its_separation() -> None:
    call = open_call()
    asyncio.run(call.push(CALL[:3], 5_000))
    step = asyncio.run(call.skip(Event(OVERLAPS, 6_500, None), 7_000, "three times"))
    gap, separation, unread = (event.body for event in step.events)
    assert isinstance(gap, Gap)
    assert isinstance(unread, Gap)
    assert (gap.start_ms, gap.end_ms, gap.stage, gap.detail) == (3200, 4700, "separation", "three times")
    assert (separation.outcome, separation.overlap_ids) == (Outcome.FAILED, ["O1", "O2", "O3"])
    assert separations(asyncio.run(call.push(CALL[4:], FOREVER)).events)[0].separation_id == "X2"


async def test_it_keeps_every_rule_of_a_stage() -> None:
    """Sounds are kept for 300 s; the call is 15 s long."""
    recording = Recording(CallStarted("c", RATE, Encoding.MULAW, 1), CALL, Sound())
    stage = SeparationStage(Separator("made", outputs(2), voiceprint))
    told = await check_stage(stage, SEPARATION, recording, rounds=48)
    assert len(told["sounds"]) == 4


def test_where_nothing_overlaps_no_sound_is_read_and_little_is_kept() -> None:
    call = open_call()
    step = asyncio.run(call.push([], 60_000))
    assert step.audio_from == {0: (60_000 - 6500) * RATE // 1000}
    assert call._audio.heard == []


def test_the_sound_that_an_open_region_needs_is_kept() -> None:
    call = open_call()
    step = asyncio.run(call.push(CALL[:1], 4_000))
    assert step.audio_from == {0: 0}
    assert asyncio.run(call.push([], 5_000)).events
    assert call._audio.heard == [(1700 * 8, 4650 * 8)]


def test_old_sounds_are_removed() -> None:
    call = open_call()
    asyncio.run(call.push(CALL[:3], 6_000))
    assert asyncio.run(call.push([], 304_000)).sounds == {}
    call = open_call(dict(call.snapshot()))
    assert asyncio.run(call.push([], 305_000)).sounds == {"X1.1": None, "X1.2": None}
    assert asyncio.run(call.push([], 400_000)).sounds == {}
