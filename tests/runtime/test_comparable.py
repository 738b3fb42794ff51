"""What two runs of one call must have in common, and what would be a difference."""

import json
from typing import Any

import pytest

from tests.runtime.comparable import comparable


def told(*bodies: dict[str, Any]) -> list[bytes]:
    return [
        json.dumps({"seq": number, **body}, separators=(",", ":")).encode() for number, body in enumerate(bodies, 1)
    ]


def transcript(
    revision: int = 1, text: str = "yes", who: str = "S1", at_ms: int = 5, final: bool = True, name: str = "T1"
) -> dict[str, Any]:
    words = [{"text": text, "speaker_id": who}] if text else []
    body = {"transcript_id": name, "revision": revision, "final": final, "words": words}
    return {"at_ms": at_ms, "transcript": body}


TURN = {"at_ms": 4, "turn": {"turn_id": "t"}}
END = {"at_ms": 9, "call_ended": {"end_ms": 9}}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(told(transcript(at_ms=1), TURN, END), id="earlier"),
        pytest.param(told(TURN, transcript(1, "y", final=False), transcript(2), END), id="with an interim one"),
        pytest.param(
            told(TURN, transcript(1, name="T2", final=False), transcript(), transcript(2, "", name="T2"), END),
            id="with an interim one that was taken back",
        ),
        pytest.param(told(TURN, transcript(1, who=""), transcript(4), END), id="given to its speaker later"),
    ],
)
def test_when_words_come_makes_no_difference(other: list[bytes]) -> None:
    assert comparable(other) == comparable(told(TURN, transcript(), END))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(told(TURN, END), id="no words"),
        pytest.param(told(TURN, transcript(text="no"), END), id="other words"),
        pytest.param(told(TURN, transcript(who="S2"), END), id="of somebody else"),
        pytest.param(told(transcript(), END), id="no turn"),
        pytest.param(told(TURN, TURN, transcript(), END), id="a turn twice"),
        pytest.param(told({**TURN, "at_ms": 5}, transcript(), END), id="a turn at another time"),
    ],
)
def test_all_else_does(other: list[bytes]) -> None:
    assert comparable(other) != comparable(told(TURN, transcript(), END))


def test_a_transcript_that_comes_twice_is_an_error() -> None:
    with pytest.raises(AssertionError):
        comparable(told(TURN, transcript(), transcript(), END))


def test_what_asr_left_out_has_no_place_either_and_what_others_did_has() -> None:
    asr, vad = ({"at_ms": 3, "gap": {"stage": stage}} for stage in ("asr", "vad"))
    assert comparable(told(asr, TURN)) == comparable(told(TURN, asr))
    assert comparable(told(vad, TURN)) != comparable(told(TURN, vad))
    assert comparable(told(asr, TURN)) != comparable(told(TURN))


def test_statistics_in_the_middle_of_a_call_may_know_more_or_fewer_words() -> None:
    few, many = ({"call_summary": {"talk_ms": 5, "words": words}} for words in (1, 2))
    assert comparable(told(few)) == comparable(told(many))
    assert comparable(told(few)) != comparable(told({"call_summary": {"talk_ms": 6, "words": 1}}))
