"""The recordings that accuracy is measured on, from a folder DATA with calls/, meetings/ and transcripts/."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speakerline.shared.timeline.spans import clip
from speakerline.tools.lab.from_speech import DURATIONS_S, some_settings
from speakerline.tools.media.whole_file import read_audio
from speakerline.tools.score.files import read_rttm
from speakerline.tools.score.labelled import LabelledCall, read_labelled
from speakerline.tools.simulate.music import music
from speakerline.tools.simulate.simulator import CallSettings, SimulatedCall, simulate_call
from speakerline.tools.simulate.turn_taking import Conversation
from speakerline.tools.simulate.voices import Speakers, find_utterances

HOLD_MS = 30_000


def real_call(data: Path, stereo: bool = False) -> LabelledCall:
    """A phone call of two, whose sides were recorded apart: one a channel, or both on one line."""
    folder, name = data / "calls", "auto_repairs_40"
    (agent, rate), (caller, _) = (read_audio(folder / f"{name}.{side}.flac") for side in ("agent", "caller"))
    samples = np.concatenate([agent, caller], axis=1) if stereo else np.clip(agent + caller, -1, 1)
    (truth,) = read_rttm(folder / f"{name}.rttm").values()
    return LabelledCall(name, samples, rate, truth)


def meetings(data: Path) -> list[LabelledCall]:
    """Excerpts of meetings, 16 kHz."""
    folder = data / "meetings"
    return [read_labelled(path, folder / "reference.rttm") for path in sorted(folder.glob("*.flac"))]


def simulated(people: Speakers, count: int, first_seed: int, settings: CallSettings) -> list[SimulatedCall]:
    """Calls between people, as `find_utterances` gives them; always the same ones."""
    return [simulate_call(people, first_seed + number, settings) for number in range(count)]


def with_words(speech: Path, count: int, first_seed: int, conversation: Conversation) -> list[SimulatedCall]:
    """Calls between the people of a folder, with what they say. Raises OSError, and ValueError for a folder without
    speech or with an utterance that lacks its TextGrid."""
    calls = simulated(find_utterances(speech), count, first_seed, CallSettings(conversation))
    if any(call.words is None for call in calls):
        raise ValueError(f"{speech}: expected a TextGrid beside every utterance")
    return calls


def conversations(pools: Sequence[Speakers], people: int, count: int, first_seed: int) -> list[SimulatedCall]:
    """Calls of so many people, each from one pool: half of them as `speakerline simulate` makes them, and half that
    differ in effort, level, noise, room and line as those of a calibration do."""
    calls = []
    for number in range(count):
        settings = CallSettings(Conversation(speakers=people, duration_s=DURATIONS_S[number // 4 % len(DURATIONS_S)]))
        if number % 4 >= 2:
            settings = some_settings(number, first_seed + number, people)
        calls.append(simulate_call(pools[number % len(pools)], first_seed + number, settings))
    return calls


def on_hold(call: LabelledCall) -> LabelledCall:
    """Half of the call, 30 s of music, and the rest."""
    kinds = ("chords", "piano", "strings", "band", "dance")
    seed = int(call.name.rsplit("-", 1)[1])
    middle = len(call.samples) // 2
    tune = music(kinds[seed % len(kinds)], seed, HOLD_MS / 1000, call.rate)[:, None]
    samples = np.concatenate([call.samples[:middle], tune, call.samples[middle:]])
    at_ms, end_ms = (round(1000 * length / call.rate) for length in (middle, len(call.samples)))
    truth = {}
    for speaker, spans in call.truth.items():
        later = [(start + HOLD_MS, end + HOLD_MS) for start, end in clip(spans, at_ms, end_ms)]
        truth[speaker] = [*clip(spans, 0, at_ms), *later]
    return LabelledCall(call.name, samples, call.rate, truth)
