"""Frames and holes of one channel: 8 kHz, mu-law, so a byte is a sample."""

import pytest

from speakerline.services.vad.sequencer import LONGEST_MS, Sequencer
from speakerline.shared.contract.v1 import Encoding, GapReason
from speakerline.shared.runtime.stage import Frame


def sequencer_at(position: int, encoding: Encoding = Encoding.MULAW) -> Sequencer:
    return Sequencer(encoding, 8000, position)


@pytest.mark.parametrize(
    ("frame", "expected_hole", "heard", "position"),
    [
        pytest.param(Frame(0, 260, bytes(160)), None, 160, 260, id="a frame that follows is heard whole"),
        pytest.param(Frame(0, 300, bytes(160)), (100, 140, "LOST"), 160, 300, id="what is missing is lost"),
        pytest.param(
            Frame(0, 300, bytes(160), shed=True), (100, 140, "SHED"), 160, 300, id="what was shed is named so"
        ),
        pytest.param(Frame(0, 200, bytes(160)), None, 100, 200, id="of an overlap only the new tail is heard"),
        pytest.param(Frame(0, 100, bytes(80)), None, 0, 100, id="a frame that was heard already adds nothing"),
        pytest.param(Frame(0, 90, bytes(80)), None, 0, 100, id="a frame from the past adds nothing"),
        pytest.param(Frame(0, 260, b""), (100, 260, "INVALID"), 0, 260, id="an empty frame is a hole"),
        pytest.param(
            Frame(0, 200, bytes(900)), (100, 200, "INVALID"), 0, 200, id="a frame can't begin before the call"
        ),
        pytest.param(
            Frame(0, 2**52, bytes(160)), (100, 100, "INVALID"), 0, 100, id="an impossible position moves nothing"
        ),
    ],
)
def test_frames(frame, expected_hole, heard, position) -> None:
    sequencer = sequencer_at(100)
    hole, samples = sequencer.take(frame)
    assert (hole and (hole.start, hole.end, hole.reason.name)) == expected_hole
    assert len(samples) == heard
    assert sequencer.position == position


def test_the_new_tail_is_the_end_of_the_frame() -> None:
    _, samples = sequencer_at(100, Encoding.S16LE).take(Frame(0, 102, b"\1\0\2\0\3\0\4\0"))
    assert samples.tolist() == [3, 4]


@pytest.mark.parametrize(
    ("frame", "detail"),
    [
        pytest.param(Frame(0, 260, bytes(161)), "161 bytes of s16le: expected an even number", id="odd bytes"),
        pytest.param(
            Frame(0, 1_000_101, bytes(1_000_001)), "frame of 1000001 bytes: expected at most 1000000", id="too large"
        ),
        pytest.param(Frame(0, 260, b""), "0 bytes: expected at least one sample", id="no bytes"),
        pytest.param(Frame(0, 110, bytes(400)), "200 samples end at sample 110: expected a later end", id="too many"),
        pytest.param(Frame(0, 2**50, bytes(2)), f"expected no more than {LONGEST_MS} ms", id="too far"),
        pytest.param(Frame(0, 300, bytes(2)), "samples 100 to 299 never arrived", id="lost"),
        pytest.param(Frame(0, 300, bytes(2), shed=True), "samples 100 to 299 were shed", id="shed"),
    ],
)
def test_a_hole_says_what_was_wrong(frame, detail) -> None:
    hole, _ = sequencer_at(100, Encoding.S16LE).take(frame)
    assert hole is not None
    assert detail in hole.detail


def test_what_lies_behind_can_not_be_lost_again() -> None:
    hole = sequencer_at(100).lose(50, GapReason.POISON, "")
    assert (hole.start, hole.end) == (100, 100)
