"""The same sound gives the same events, byte for byte, however it is cut into frames, batches and processes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice, pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speakerline.services.vad.detector import Answer, Detector, Request
from speakerline.services.vad.energy import Energy
from speakerline.services.vad.settings import VadSettings
from speakerline.services.vad.silero import Silero
from speakerline.services.vad.stage import VadStage
from speakerline.shared.arrays import Int16s
from speakerline.shared.audio import pcm
from speakerline.shared.contract.v1 import (
    AudioEnded,
    CallStarted,
    ChannelMode,
    Clipping,
    Encoding,
    FrontEnd,
    Gap,
    Music,
    Silence,
    Speech,
)
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import VAD
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.recording import Recording
from speakerline.shared.runtime.stage import AudioClosed, Entry, Frame
from speakerline.tools.simulate.music import music
from tests.no_sound import NoSound
from tests.vad.listening import HANGUP, Call, conversation

LINES = [(rate, encoding) for rate in (8000, 16000) for encoding in (Encoding.MULAW, Encoding.S16LE)]
HEARD = [
    *((Energy, *line) for line in LINES),
    *((Silero, *line) for line in ((8000, Encoding.MULAW), (16000, Encoding.S16LE))),
]
"""A detector hears samples, however they were encoded: the quick one hears all lines."""
HOLES_MS = {"no hole": (0, 0), "a short hole": (3017, 3330), "a long hole": (2003, 5111)}
SECONDS = 8
SKEW_MS = 300
"""How far one channel comes ahead of another, and the longest frame of several."""
SETTINGS = VadSettings(silence_ms=1000)


@cache
def detector(kind: Callable[[], Detector]) -> Detector:
    return kind()


def named(value: object) -> str:
    return str(getattr(value, "__name__", None) or getattr(value, "name", value))


@cache
def sides(sample_rate: int, channels: int) -> list[Int16s]:
    """Another stretch of the conversation on each channel, with 1.5 s of dead line and 2 s overdriven."""
    found = []
    for channel in range(channels):
        samples = conversation(sample_rate)[(6 + 9 * channel) * sample_rate :][: SECONDS * sample_rate - 77].copy()
        samples[9 * sample_rate // 2 : 6 * sample_rate] = 0
        samples[6 * sample_rate :] = np.clip(samples[6 * sample_rate :].astype(int) * 40, -32768, 32767)
        found.append(samples)
    return found


@cache
def sides_with_music(sample_rate: int, channels: int) -> list[Int16s]:
    """On each channel a second of talk, then music, then talk."""
    tune = pcm.to_int16(music("piano", 1, 5.5, sample_rate))
    talk = sides(sample_rate, channels)
    return [np.concatenate([one[:sample_rate], tune, one[: 5 * sample_rate // 2]]) for one in talk]


def frames(channel: int, samples: Int16s, encoding: Encoding, cuts: list[int], hole: tuple[int, int]) -> list[Entry]:
    """The samples cut at the given positions, without the samples of the hole, and closed."""
    edges = sorted({0, len(samples), *hole, *(cut % len(samples) for cut in cuts)})
    spans = [(a, b) for a, b in pairwise(edges) if not (hole[0] <= a < hole[1])]
    made = [Frame(channel, end, pcm.encode(samples[start:end], encoding)) for start, end in spans]
    return [*made, AudioClosed(channel, HANGUP)]


def ends_at(entry: Entry) -> int:
    return entry.end_sample if isinstance(entry, Frame) else LAST_POSITION


def in_time(queues: Iterable[list[Entry]]) -> list[Entry]:
    return sorted((one for queue in queues for one in queue), key=ends_at)


def arriving(queues: list[list[Entry]], order: Random, sample_rate: int) -> Iterator[Entry]:
    """The next entries of the channels, by chance, but not far ahead of each other; mono comes as it likes."""
    while queues := [queue for queue in queues if queue]:
        behind = min(ends_at(queue[0]) for queue in queues)
        near = [queue for queue in queues if ends_at(queue[0]) - behind <= SKEW_MS * sample_rate // 1000]
        yield order.choice(near).pop(0)


def cuts_of(channel: int, cuts: list[int], channels: int, sample_rate: int) -> list[int]:
    """Frames of several channels are short: who brings nothing for long is not waited for."""
    every = sample_rate * SKEW_MS // 1000
    return cuts[channel::channels] + (list(range(every, 20 * sample_rate, every)) if channels > 1 else [])


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of call, with a hole of these milliseconds in its sound."""

    detector: Detector
    sample_rate: int
    encoding: Encoding
    channels: int
    hole_ms: tuple[int, int]
    with_music: bool = False

    def open(self) -> Call:
        front_end = FrontEnd(level=True, find_music=True) if self.with_music else None
        return Call(self.detector, self.sample_rate, self.encoding, self.channels, SETTINGS, front_end)

    def queues(self, *cuts: list[int]) -> list[list[Entry]]:
        """The sound of each channel, cut at these positions."""
        start, end = (pcm.ms_to_samples(ms, self.sample_rate) + 5 * (ms > 0) for ms in self.hole_ms)
        sound = (sides_with_music if self.with_music else sides)(self.sample_rate, self.channels)
        return [frames(n, side, self.encoding, cuts[n], (start, end)) for n, side in enumerate(sound)]


@cache
def at_once(kind: Kind) -> Call:
    """The call after all of its sound, in one batch of frames that are as long as they can be."""
    return kind.open().push(*in_time(kind.queues(*[[]] * kind.channels)))


def cut_up(kind: Kind, cuts: list[int], order: Random) -> Call:
    """The call in frames that are cut there, in batches by chance, and opened anew now and then."""
    call, rate = kind.open(), kind.sample_rate
    queues = kind.queues(*(cuts_of(n, cuts, kind.channels, rate) for n in range(kind.channels)))
    entries = arriving(queues, order, rate)
    while some := list(islice(entries, order.randint(1, 4))):
        call.push(*some)
        if order.random() < 0.3:
            call.reopen()
    return call


@pytest.mark.parametrize("hole", HOLES_MS.values(), ids=HOLES_MS)
@pytest.mark.parametrize("channels", [1, 2], ids=["mono", "stereo"])
@pytest.mark.parametrize(("hears", "sample_rate", "encoding"), HEARD, ids=named)
@settings(max_examples=3, deadline=None)
@given(cuts=st.lists(st.integers(1, SECONDS * 16000), max_size=80), order=st.integers(0, 2**32).map(Random))
def test_no_cut_and_no_restart_changes_an_event(hears, sample_rate, encoding, channels, hole, cuts, order) -> None:
    kind = Kind(detector(hears), sample_rate, encoding, channels, hole)
    whole = at_once(kind)
    assert {type(event.body) for event in whole.events} >= {Speech, Clipping, AudioEnded}
    assert bool(whole.bodies(Silence)) == (hole != HOLES_MS["a long hole"])
    assert bool(whole.bodies(Gap)) == (hole != HOLES_MS["no hole"])
    assert cut_up(kind, cuts, order).written == whole.written


@pytest.mark.parametrize("channels", [1, 2], ids=["mono", "stereo"])
@pytest.mark.parametrize("hears", [Energy, Silero])
async def test_it_keeps_every_rule_of_a_stage(hears: Callable[[], Detector], channels: int) -> None:
    """With frames of 100 ms and a short hole."""

    async def detect(request: Request) -> Answer:
        return detector(hears).run([request])[0]

    hole, every_100_ms = (3017 * 8, 3330 * 8), list(range(800, SECONDS * 8000, 800))
    sound = enumerate(sides(8000, channels))
    entries = [entry for n, side in sound for entry in frames(n, side, Encoding.MULAW, every_100_ms, hole)]
    call = CallStarted("c", 8000, Encoding.MULAW, channels, ChannelMode.SEPARATE)
    recording = Recording(call, entries, NoSound())
    await check_stage(VadStage(detect, SETTINGS), VAD, recording, cuts=3, skips=4, rounds=4)


@pytest.mark.parametrize("hole", HOLES_MS.values(), ids=HOLES_MS)
@pytest.mark.parametrize("channels", [1, 2], ids=["mono", "stereo"])
@pytest.mark.parametrize(("hears", "sample_rate", "encoding"), HEARD, ids=named)
@settings(max_examples=2, deadline=None)
@given(cuts=st.lists(st.integers(1, 9 * 16000), max_size=60), order=st.integers(0, 2**32).map(Random))
def test_nor_does_one_where_music_is_found_and_sound_is_levelled(
    hears, sample_rate, encoding, channels, hole, cuts, order
) -> None:
    kind = Kind(detector(hears), sample_rate, encoding, channels, hole, with_music=True)
    whole = at_once(kind)
    if hears is Silero and hole == HOLES_MS["no hole"]:
        assert whole.bodies(Music)
    assert cut_up(kind, cuts, order).written == whole.written
