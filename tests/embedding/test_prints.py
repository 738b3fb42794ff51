"""Which voices get a new voiceprint, and which keep the one that an earlier window made."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from speakerline.services.embedding.prints import Print, Prints
from speakerline.services.embedding.stage import EmbeddingStage
from speakerline.shared.arrays import Bools
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.shared.pipeline import EMBEDDING
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.recording import Recording
from speakerline.shared.voiceprints.local_voices import frame_edges_ms
from tests.embedding.test_overlaps import RATE, Talk, opened, scores, spoken, voiceprint
from tests.embedding.test_stage import ended, run, windows

Spans = Sequence[tuple[int, int]]


def mask(end_ms: int, spans: Spans) -> Bools:
    """The frames of the window that ends there whose middles lie in spans of the call, in ms."""
    edges = frame_edges_ms(end_ms)
    middles = (edges[1:] + edges[:-1]) / 2
    found: Bools = np.any([(middles >= start) & (middles < end) for start, end in spans], axis=0)
    return found


def listened(prints: Prints, end_ms: int, *voices: Spans | None, channel: int = 0) -> list[Print | None]:
    return prints.of(channel, end_ms, [None if spans is None else mask(end_ms, spans) for spans in voices])


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [
        ([(6000, 9000)], [(6000, 9000)], True),
        ([(6000, 10_000)], [(6000, 10_300)], True),
        ([(6000, 10_000)], [(6000, 10_500)], False),
        ([(5200, 6800)], [(6000, 6800)], True),
        ([(9000, 10_000)], [(9500, 10_000)], False),
        ([(9000, 10_000)], [(9000, 9500)], False),
        ([(6500, 10_000)], [(6500, 9700)], True),
        ([(6500, 9600)], [(6500, 9900)], True),
        ([(8000, 10_000)], [(6000, 7500)], False),
        ([(9000, 10_000)], [(7000, 8800), (9000, 10_000)], False),
        ([(8000, 8500), (9500, 10_000)], [(8000, 8500), (9500, 10_100)], True),
    ],
    ids=[
        "nothing was said since",
        "0.3 s of 2 s is new",
        "half a second of 2 s is new",
        "half of it has left the window, and the rest is the same",
        "the beginning is not the voice's any more",
        "the end is not the voice's any more",
        "0.3 s of the print is not the voice's any more",
        "0.3 s is the voice's that was not before",
        "it was another voice",
        "what another voice had is now the voice's",
        "in pieces, with little more",
    ],
)
def test_a_print_stands_while_it_is_of_nearly_the_same_sound(before: Spans, now: Spans, kept: bool) -> None:
    prints = Prints({})
    (old,) = listened(prints, 10_000, before)
    (new,) = listened(prints, 11_000, now)
    assert (new is old) is kept


def test_a_print_that_stands_is_compared_by_the_sound_that_it_was_made_of() -> None:
    """So a voice that goes on in small steps gets a new one in time."""
    prints = Prints({})
    (first,) = listened(prints, 10_000, [(6000, 8000)])
    assert listened(prints, 11_000, [(6000, 8300)]) == [first]
    assert listened(prints, 12_000, [(7000, 8600)]) != [first]


def test_of_two_prints_that_could_stand_the_nearer_one_does() -> None:
    prints = Prints({})
    one, other = listened(prints, 10_000, [(7000, 8000), (9000, 9100)], [(8300, 9300)])
    assert listened(prints, 11_000, [(8300, 9250)], [(7000, 8050)]) == [other, one]


def test_a_voice_that_a_window_did_not_hear_is_forgotten() -> None:
    prints = Prints({})
    (old,) = listened(prints, 10_000, [(8000, 9000)])
    assert listened(prints, 11_000, None) == [None]
    assert listened(prints, 12_000, [(8000, 9000)]) != [old]


def test_each_channel_has_prints_of_its_own() -> None:
    prints = Prints({})
    (one,) = listened(prints, 10_000, [(8000, 9000)])
    (other,) = listened(prints, 10_000, [(8000, 9000)], channel=1)
    assert other is not one
    assert listened(prints, 11_000, [(8000, 9000)]) == [one]
    assert listened(prints, 11_000, [(8000, 9000)], channel=1) == [other]


def test_stored_prints_stand_for_the_same_voices() -> None:
    prints = Prints({})
    for number, own in enumerate(listened(prints, 10_000, [(5100, 5300), (8000, 9000)], [(9200, 9900)])):
        assert own is not None
        own.voiceprint = f"print {number}"
    restored = Prints(json.loads(json.dumps(prints.dump())))
    assert restored.dump() == prints.dump()
    kept = listened(restored, 11_000, [(9200, 9900)], [(8000, 9000)])
    assert [one and one.voiceprint for one in kept] == ["print 1", "print 0"]


TWO = Talk((0, 300, 2900), (1, 3500, 9000))
ENTRIES = [*spoken(300, 2900), *spoken(3500, 9000), ended(9500)]


def test_a_voice_that_has_fallen_silent_has_one_voiceprint_however_many_windows_hear_it() -> None:
    """It leaves the window little by little; what it sounds like was heard before."""
    heard = windows(run(opened((0, 300, 2900), (1, 3500, 9000)), ENTRIES))
    gone = [one.voices[0] for one in heard if one.end_ms in (4000, 5000, 6000, 7000)]
    assert gone[-1].clean_ms < 0.5 * gone[0].clean_ms
    assert len({voice.voiceprint for voice in gone}) == 1
    going = [one.voices[-1].voiceprint for one in heard if one.end_ms in (5000, 6000, 7000, 8000, 9000)]
    assert len(set(going)) == 5


def test_a_print_that_stands_asks_no_model() -> None:
    asked: list[Any] = []

    async def counted(piece: Any) -> Any:
        asked.append(piece)
        return await voiceprint(piece)

    call = EmbeddingStage(scores, counted).open(CallStarted("c", RATE, Encoding.S16LE, 1), {}, TWO)
    heard = windows(run(call, ENTRIES))
    prints = [voice.voiceprint for one in heard for voice in one.voices if voice.voiceprint]
    assert len(asked) < len(prints)


async def test_prints_that_stand_do_not_depend_on_how_the_entries_come() -> None:
    call = CallStarted("c", RATE, Encoding.S16LE, 1)
    await check_stage(EmbeddingStage(scores, voiceprint), EMBEDDING, Recording(call, ENTRIES, TWO), rounds=8)


def test_windows_that_are_analysed_at_once_share_a_print_that_none_of_them_had() -> None:
    """As where a stage catches up."""
    one_by_one = run(opened((0, 300, 2900), (1, 3500, 9000)), ENTRIES, cuts=range(len(ENTRIES)))
    assert windows(run(opened((0, 300, 2900), (1, 3500, 9000)), ENTRIES)) == windows(one_by_one)
