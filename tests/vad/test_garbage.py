"""Whatever comes, the stage keeps its promises and ends the call; how it was batched does not matter."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from speakerline.shared.contract.v1 import AudioEnded, Encoding
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.runtime.stage import FOREVER, AudioClosed, Frame
from tests.bodies import body
from tests.vad.listening import HANGUP, Call, Loud

POSITIONS = st.one_of(st.integers(1, 40_000), st.integers(1, LAST_POSITION - 1))
FRAMES = st.builds(
    Frame,
    channel=st.integers(0, 1),
    end_sample=POSITIONS,
    pcm=st.one_of(
        st.binary(max_size=40), st.integers(0, 9000).map(bytes), st.integers(0, 5000).map(b"\x50\xb0".__mul__)
    ),
    shed=st.booleans(),
)


def heard(entries: list[Frame], skipped: set[int], batches: Random | None) -> Call:
    call = Call(Loud(), 8000, Encoding.S16LE, channels=2)
    batch: list[Frame] = []
    for number, frame in enumerate(entries):
        if number in skipped:
            call.push(*batch).skip(frame)
            batch = []
            continue
        batch.append(frame)
        if batches is None or batches.random() < 0.5:
            call.push(*batch).reopen()
            batch = []
    return call.push(*batch, AudioClosed(0, HANGUP)).skip(AudioClosed(1, HANGUP))


@settings(max_examples=150, deadline=None)
@given(
    entries=st.lists(FRAMES, max_size=12),
    skipped=st.sets(st.integers(0, 11), max_size=3),
    batches=st.integers(0, 999).map(Random),
)
def test_any_frames_in_any_batches_end_with_audio_ended(entries, skipped, batches) -> None:
    call = heard(entries, skipped, None)
    assert call.through_ms == FOREVER
    assert isinstance(call.events[-1].body, AudioEnded)
    assert len(call.events) < 400
    for event in call.events[:-1]:
        assert 0 <= body(event).start_ms <= body(event).end_ms <= body(call.events[-1]).end_ms
        assert body(event).start_ms < event.position
    assert heard(entries, skipped, batches).written == call.written
