"""On a call with several channels, speech of a channel that copies another is taken back, and told again when it turns
out to be its own. Real voices, the real detector; the call is played as the runtime plays it."""

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from speakerline.services.vad.build import Settings, build
from speakerline.shared.arrays import Float32s
from speakerline.shared.contract.v1 import AudioEnded, ChannelContent, ChannelMode, Content, Speech, SpeechState
from speakerline.shared.pipeline import SPEECH, VAD
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.runtime.stage import Stage
from speakerline.shared.timeline.spans import Span, length
from tests.e2e.sample_call import alone, samples

RATE = 8000
BOTH = samples(RATE).astype(np.float32) / np.float32(32768)
ANN, BEA = (alone(who, RATE).astype(np.float32) / np.float32(32768) for who in ("speaker90", "speaker91"))
NOISE = (np.random.default_rng(1).standard_normal(len(BOTH)) * 10 ** (-45 / 20)).astype(np.float32)


@pytest.fixture(scope="module")
def stage() -> Stage:
    return build(Settings(), Metrics(CollectorRegistry()).for_stage("vad"))


async def heard(stage: Stage, *sides: Float32s, mode: ChannelMode = ChannelMode.AUTO) -> OfflineCall:
    call = OfflineCall.of("c", np.clip(np.stack(sides, axis=1), -1, 1), RATE)
    call.call.channel_mode = mode
    await call.run(stage, VAD)
    return call


def spoken(call: OfflineCall, channel: int) -> list[Span]:
    """What is left of the segments of a channel, as whoever folds the events knows it."""
    known: dict[str, Span] = {}
    for event in call.events(SPEECH):
        if isinstance(event.body, Speech) and event.body.channel == channel:
            known[event.body.segment_id] = (event.body.start_ms, event.body.end_ms)
    return [span for span in known.values() if span[0] < span[1]]


def contents(call: OfflineCall) -> list[tuple[int, Content]]:
    bodies = [event.body for event in call.events(SPEECH)]
    return [(body.channel, body.content) for body in bodies if isinstance(body, ChannelContent)]


@pytest.mark.parametrize(
    "copy",
    [BOTH, -BOTH, 0.2 * BOTH, -0.5 * np.roll(BOTH, 200), BOTH + NOISE],
    ids=["equal", "inverted", "faint", "late", "noisy"],
)
async def test_a_copy_says_nothing_once_it_is_known(stage: Stage, copy: Float32s) -> None:
    call = await heard(stage, BOTH, copy)
    assert contents(call) == [(1, Content.COPY)]
    assert length(spoken(call, 0)) > 15_000
    assert length(spoken(call, 1)) < 1000


async def test_the_noisier_copy_is_the_one_that_says_nothing(stage: Stage) -> None:
    call = await heard(stage, BOTH + NOISE, BOTH)
    assert contents(call) == [(0, Content.COPY)]
    assert length(spoken(call, 1)) > 15_000


async def test_what_is_left_is_what_one_channel_says(stage: Stage) -> None:
    call, alone_ = await heard(stage, BOTH, BOTH), await heard(stage, BOTH)
    assert spoken(call, 0) == spoken(alone_, 0)


async def test_two_parties_are_both_heard_as_they_are(stage: Stage) -> None:
    call, separate = await heard(stage, ANN, BEA), await heard(stage, ANN, BEA, mode=ChannelMode.SEPARATE)
    assert contents(call) == []
    assert [spoken(call, one) for one in (0, 1)] == [spoken(separate, one) for one in (0, 1)]


async def test_a_copy_that_turns_out_to_be_a_party_is_heard_from_where_it_was_one(stage: Stage) -> None:
    half = 14_600 * RATE // 1000
    left, right = (np.concatenate([BOTH[:half], one[half:]]) for one in (ANN, BEA))
    call = await heard(stage, left, right)
    assert contents(call) == [(1, Content.COPY), (1, Content.OWN)]
    later = [span for span in spoken(call, 1) if span[1] > 15_000]
    assert later[0][0] < 15_500 and length(later) > 8_000


async def test_a_side_without_a_voice_is_told_and_taken_back_when_it_speaks(stage: Stage) -> None:
    talk = np.concatenate([BOTH, BOTH])
    quiet = np.concatenate([NOISE, NOISE])
    assert contents(await heard(stage, talk, quiet)) == [(1, Content.NO_VOICE)]
    quiet[50 * RATE :] += BEA[12 * RATE : 22 * RATE]
    assert contents(await heard(stage, talk, quiet)) == [(1, Content.NO_VOICE), (1, Content.OWN)]


async def test_a_segment_that_is_taken_back_ends_where_it_began(stage: Stage) -> None:
    call = await heard(stage, BOTH, BOTH)
    closed = [
        event.body
        for event in call.events(SPEECH)
        if isinstance(event.body, Speech) and event.body.channel == 1 and event.body.state == SpeechState.CLOSED
    ]
    assert [(one.start_ms == one.end_ms) for one in closed][-1]
    assert isinstance(call.events(SPEECH)[-1].body, AudioEnded)


async def test_however_it_is_cut_and_wherever_it_starts_again_it_says_the_same(stage: Stage) -> None:
    half = 14_600 * RATE // 1000
    left, right = (np.concatenate([BOTH[:half], one[half : half + 6 * RATE]]) for one in (ANN, BEA))
    call = OfflineCall.of("c", np.stack([left, right], axis=1), RATE)
    await check_stage(stage, VAD, call.recording(VAD), cuts=2, skips=3)
