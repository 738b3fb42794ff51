"""A call with a channel for each side: nobody is ever shown on the wrong side."""

from collections.abc import Sequence

import numpy as np
import pytest

from speakerline.shared.arrays import Int16s
from speakerline.shared.audio.pcm import encode
from speakerline.shared.contract.v1 import CallStarted, ChannelMode, Encoding, Gap, SpeakerCreated, Speech, Turn
from speakerline.shared.timeline.spans import clip, length, union
from speakerline.shared.timeline.timeline import Timeline
from tests.e2e.decoded import bodies, decoded
from tests.e2e.sample_call import alone, announcement, frames, labels, samples
from tests.e2e.system import Models, System

SIDES = ("speaker90", "speaker91")


async def play(system: System, call: CallStarted, sides: Sequence[Int16s], frame_ms: int = 100) -> list[bytes]:
    """The channels by plain XADDs, frame by frame in turn."""
    wire = system.wire(call)
    await wire.announce()
    cut = [frames(encode(side, call.encoding), call.encoding, frame_ms) for side in sides]
    for at_once in zip(*cut, strict=True):
        for channel, (end_sample, pcm) in enumerate(at_once):
            await wire.frame(end_sample, pcm, channel)
    await wire.close()
    return await system.timeline(call.call_id)


@pytest.mark.parametrize("mode", [ChannelMode.AUTO, ChannelMode.SEPARATE], ids=["auto", "separate"])
async def test_each_side_of_a_stereo_call_has_a_speaker_of_its_own(system: System, mode: ChannelMode) -> None:
    sides = [alone(side, 8000) for side in SIDES]
    events = await play(system, announcement("stereo", Encoding.MULAW, 2, mode), sides)
    timeline = Timeline("CALL")
    for event in decoded(events):
        timeline.apply(event)
    channel_of = {made.speaker_id: made.channel for made in bodies(events, SpeakerCreated)}
    assert set(channel_of.values()) == {0, 1}
    assert all(channel_of[turn.speaker_id] == turn.channel for turn in timeline.turns.values() if turn.speaker_id)
    for channel, side in enumerate(SIDES):
        turns = union([(turn.start_ms, turn.end_ms) for turn in timeline.turns.values() if turn.channel == channel])
        spoken = union(labels()[side])
        right = sum(length(clip(spoken, *turn)) for turn in turns)
        assert right / length(turns) > 0.8, f"channel {channel} shows speech of the other side"


async def test_a_silent_side_says_nothing(system: System) -> None:
    talk = samples(8000)
    events = await play(system, announcement("one-sided", Encoding.MULAW, 2), [np.zeros_like(talk), talk])
    assert {turn.channel for turn in bodies(events, Turn)} == {1}
    assert {speech.channel for speech in bodies(events, Speech)} == {1}


async def test_the_same_sound_on_both_sides_is_not_told_twice(system: System) -> None:
    talk = samples(8000)
    events = await play(system, announcement("dual-mono", Encoding.MULAW, 2), [talk, talk])
    timeline = Timeline("CALL")
    for event in decoded(events):
        timeline.apply(event)
    heard = [sum(t.end_ms - t.start_ms for t in timeline.turns.values() if t.channel == side) for side in (0, 1)]
    assert min(heard) < 0.1 * max(heard)


async def test_the_order_in_which_sides_arrive_does_not_matter(system: System) -> None:
    sides = [alone(side, 8000) for side in SIDES]
    interleaved = await play(system, announcement("in-turn", Encoding.MULAW, 2), sides, 20)
    coarse = await play(system, announcement("by-seconds", Encoding.MULAW, 2), sides, 1000)
    assert interleaved == coarse


async def test_a_side_that_sends_only_while_somebody_talks_takes_nothing_from_the_other(
    redis_url: str, models: Models
) -> None:
    """A backlog in which one side has a few frames a minute, the other fifty a second."""
    talk = samples(8000)
    system = System(redis_url, models)
    wire = system.wire(announcement("sparse", Encoding.MULAW, 2))
    await wire.announce()
    busy = frames(encode(talk, Encoding.MULAW), Encoding.MULAW, 20)
    sparse = frames(encode(np.zeros_like(talk), Encoding.MULAW), Encoding.MULAW, 20)[::250]
    await wire.frames(sparse, 1)
    await wire.frames(busy, 0)
    await wire.close()
    async with system:
        events = await system.timeline("sparse")
    assert {gap.channel for gap in bodies(events, Gap)} == {1}
    assert sum(speech.end_ms - speech.start_ms for speech in bodies(events, Speech)) > 15_000
