"""What is packed here is what hiredis would have made of it."""

from typing import Any

import hiredis
import pytest

from speakerline.shared.client.lane import Lane
from speakerline.shared.client.outbox import OutFrame
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.runtime.packed import command, joined, packed

SOUND = OutFrame(480, b"\x00\r\n\xff", 1234.5678)
AFTER_A_DROP = OutFrame(960, b"abc", 1234.0, shed=True)
KEY = OutFrame(960, b"", 1234.0, digit="#", number=1)
END = OutFrame(LAST_POSITION, b"", 1234.0, shed=True)

SAID: list[tuple[OutFrame, list[Any]]] = [
    (SOUND, ["480-0", 4, "pcm", b"\x00\r\n\xff", "audio_at", "1234.568"]),
    (AFTER_A_DROP, ["960-0", 6, "pcm", b"abc", "audio_at", "1234.000", "shed", "1"]),
    (KEY, ["960-1", 2, "dtmf", "#"]),
    (END, [f"{LAST_POSITION}-0", 4, "end", "hangup", "by", "höhle"]),
]


@pytest.mark.parametrize("chosen", [[0], [1], [2], [3], [0, 1, 2, 0, 3], []], ids=str)
def test_a_batch_is_as_many_words_as_it_has(chosen: list[int]) -> None:
    lane = Lane(["call:ü:audio:0", "call:ü:stage:vad"], "low:audio:0", 480_000, "höhle")
    words = [word for number in chosen for word in SAID[number][1]]
    expected = ("call:ü:audio:0", "call:ü:stage:vad", "low:audio:0", 480_000, len(words), *words)
    made = joined([lane.keys, lane.arguments([SAID[number][0] for number in chosen])])
    assert command(made) == hiredis.pack_command(expected)


def test_words_and_numbers_are_packed() -> None:
    words: tuple[Any, ...] = ("GET", 12, "ü")
    assert command(packed(*words)) == hiredis.pack_command(words)
