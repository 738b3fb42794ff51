"""A stage is played on a clock of its own: events come when their sound is complete, and steps wait for each other."""

from collections.abc import Mapping

import numpy as np

from speakerline.services.asr.engine import RATE, Piece, RecognisedWord, Recognition
from speakerline.shared.contract.v1 import CallStarted, Encoding, Speech, Transcript
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import ASR, SOURCES, SPEECH, WORDS
from speakerline.shared.runtime.log import Logged
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.runtime.stage import AudioReader, CallStage, Event, Stage
from speakerline.tools.bench.words import WordDelays
from speakerline.tools.lab.virtual_time import HANDLING_S, play
from speakerline.tools.lab.word_delays import HEAD, Metered, row
from tests.asr.calls import speech


class Echo(CallStage):
    """Answers a segment of speech with a transcript of its start, and remembers when time passed."""

    spec = ASR

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0
        self.passed: list[int] = []

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> "Echo":
        return self

    async def on_event(self, event: Event, at_ms: int) -> None:
        if isinstance(event.body, Speech):
            self.taken += 1
            self.publish(Event(WORDS, at_ms, Transcript(start_ms=event.body.start_ms)))

    async def work(self, through_ms: int) -> None:
        self.passed.append(through_ms)

    def snapshot(self) -> Mapping[str, bytes]:
        return {}


def call(*at_ms: int, seconds: float = 3) -> OfflineCall:
    """With a segment of speech told at each of these."""
    events = [Logged(at, 1, speech(at, at - 100, at)) for at in at_ms]
    logs: dict[str, list[Logged]] = {
        SPEECH: [*events, Logged(LAST_POSITION, 0, None)],
        SOURCES: [Logged(LAST_POSITION, 0, None)],
    }
    started, samples = CallStarted("c", RATE, Encoding.S16LE, 1), np.zeros((round(seconds * RATE), 1), np.float32)
    return OfflineCall(started, samples, logs)


async def played(heard: OfflineCall, echo: Echo, cost_s: float = 0.0) -> list[tuple[int, float]]:
    stage: Stage = echo
    found = await play(heard, stage, ASR, lambda: cost_s * echo.taken)
    return [(body.start_ms, round(at_s, 3)) for at_s, body in found if isinstance(body, Transcript)]


async def test_an_event_comes_when_its_frame_is_complete_and_has_been_handled() -> None:
    assert HANDLING_S == 0.05
    assert await played(call(450, 500, 2910), Echo()) == [(350, 0.6), (400, 0.6), (2810, 3.1)]


async def test_time_passes_between_events_in_watermarks() -> None:
    echo = Echo()
    await played(call(500, seconds=1), echo)
    assert echo.passed[:5] == [200, 400, 499, 600, 800] and echo.passed[-1] == LAST_POSITION


async def test_a_step_begins_when_the_one_before_is_done() -> None:
    assert await played(call(450, 1000), Echo(), 0.9) == [(350, 1.5), (900, 2.4)]
    assert await played(call(450, 1000), Echo(), 0.1) == [(350, 0.7), (900, 1.2)]


async def test_only_the_cpu_time_of_the_recogniser_counts_and_by_its_share() -> None:
    def recognise(pieces: list[Piece]) -> list[Recognition]:
        assert sum(range(200_000))
        return [Recognition((RecognisedWord("yes", 0, 1, 1.0),)) for _ in pieces]

    whole, none = Metered(recognise, 1.0), Metered(recognise, 0.0)
    for metered in (whole, none):
        assert (await metered.run(Piece(np.zeros(RATE, np.float32)))).words[0].text == "yes"
    assert whole.taken_s == whole.cpu_s > 0
    assert none.taken_s == 0 < none.cpu_s


def test_a_row_has_the_figures_of_all_words() -> None:
    delays = WordDelays(seen=[0.5, 1.0, 1.5, 2.0], shown=[0.5, 1.0, 7.0, 2.0], final=[3.0, 4.0, 7.0, 6.0], interims=3)
    assert row(delays) == ["4", "1.00", "2.00", "1.00", "7.00", "4.00", "7.00", "75"]
    assert len(["call", "no time", *row(delays), "0.1"]) == len(HEAD)


def test_without_words_there_are_no_figures() -> None:
    assert row(WordDelays())[0] == "0"
    assert row(WordDelays())[1:] == ["nan"] * 6 + ["0"]
