"""Simulates telephone calls with references from a folder of single-speaker utterances; a seed always gives the same
call."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from speakerline.shared.arrays import Float32s
from speakerline.shared.timeline.spans import Span
from speakerline.tools.media.whole_file import read_mono
from speakerline.tools.media.writing import write_wav
from speakerline.tools.score.files import write_rttm
from speakerline.tools.score.labelled import LabelledCall
from speakerline.tools.simulate.speaking import Placed, Supply
from speakerline.tools.simulate.telephone import (
    BAND_HZ,
    at_level,
    handset,
    line_noise,
    mu_law_round_trip,
    reverberant,
    tilt,
)
from speakerline.tools.simulate.transcripts import SpokenWord, write_seglst, write_stm
from speakerline.tools.simulate.turn_taking import Conversation, plan_turns
from speakerline.tools.simulate.voices import Speakers, find_utterances


@dataclass(frozen=True, slots=True)
class CallSettings:
    """What a simulated call is like.

    rate: samples a second, 8000 or 16000. stereo: one speaker a channel (the last channel takes the rest).
    level_spread_db: how much louder one speaker may be than another. effort_db: one standard deviation of a speaker's
    loudness and spectral tilt from turn to turn (louder speech is brighter). noise_dbfs: range of the shared line
    noise, with speech at about -23 dBFS. band_hz: what the line lets through. reverb_s: range of the reverberation time
    when all sit in one room with a distant microphone, (0, 0) for none.
    """

    conversation: Conversation = field(default_factory=Conversation)
    rate: int = 8000
    stereo: bool = False
    mu_law: bool = True
    level_spread_db: float = 8.0
    effort_db: float = 2.0
    noise_dbfs: tuple[float, float] = (-62.0, -42.0)
    band_hz: tuple[float, float] = BAND_HZ
    reverb_s: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def meeting(cls, conversation: Conversation) -> "CallSettings":
        """People around one wideband microphone: 16 kHz, no telephone line, a room of 0.2 to 0.7 s."""
        return cls(conversation, 16_000, mu_law=False, band_hz=(60.0, 7600.0), reverb_s=(0.2, 0.7))


@dataclass(frozen=True, slots=True)
class SimulatedCall(LabelledCall):
    """channels: of each speaker, from 0. voices: (n,) each speaker's own sound as it is in the mixture,
    before noise and mu-law. words: what is said, in the order of time, where every utterance has its transcript
    (TextGrid) beside it; else None. Then no word is cut."""

    channels: dict[str, int] = field(default_factory=dict)
    voices: dict[str, Float32s] = field(default_factory=dict)
    words: list[SpokenWord] | None = None


def simulate_call(
    utterances: Speakers, seed: int, settings: CallSettings | None = None, speakers: Sequence[str] = ()
) -> SimulatedCall:
    """One call between `speakers` (drawn from `utterances` when not given).

    utterances: as `find_utterances` gives them. The same arguments give the same samples, bit for bit.
    """
    settings = settings or CallSettings()
    random = np.random.default_rng([seed, 0x5EED])
    wanted = settings.conversation.speakers
    if len(utterances) < wanted:
        raise ValueError(f"a call of {wanted} speakers needs as many in the folder, it has {len(utterances)}")
    names = list(speakers) or [str(name) for name in random.choice(sorted(utterances), wanted, replace=False)]
    if len(names) != wanted:
        raise ValueError(f"the conversation has {wanted} speakers, {len(names)} were named")
    channels = 2 if settings.stereo else 1
    count = int((settings.conversation.duration_s + 1.0) * settings.rate)
    mix: Float32s = np.zeros((count, channels), np.float32)
    truth: dict[str, list[Span]] = {}
    places: dict[str, int] = {}
    voices: dict[str, Float32s] = {}
    words: list[SpokenWord] | None = []
    turns = plan_turns(settings.conversation, random)
    reverb_s = float(random.uniform(*settings.reverb_s)) if settings.reverb_s[1] > 0 else 0.0
    for number, name in enumerate(names):
        channel = min(number, channels - 1)
        own = [turn for turn in turns if turn.speaker == number]
        spoken, spans, said = _speak(
            utterances[name], [(t.start_s, t.duration_s) for t in own], count, settings, random
        )
        level = -23.0 + float(random.uniform(-0.5, 0.5)) * settings.level_spread_db
        if reverb_s > 0:
            spoken = reverberant(spoken, settings.rate, reverb_s, random)
        voice = at_level(handset(spoken, settings.rate, float(random.uniform(-6, 6)), settings.band_hz), level)
        mix[:, channel] += voice
        voices[name] = voice
        if spans:
            truth[name] = [(round(start * 1000), round(end * 1000)) for start, end in spans]
        places[name] = channel
        if said is None or words is None:
            words = None
        else:
            words += [SpokenWord(name, text, start, end, channel) for text, start, end in said]
    noise = line_noise(count, settings.rate, float(random.uniform(*settings.noise_dbfs)), random)
    mix = np.clip(mix + noise[:, None], -1, 1)
    if settings.mu_law:
        mix = mu_law_round_trip(mix)
    if words is not None:
        words.sort(key=lambda word: (word.start_s, word.speaker))
    return SimulatedCall(f"simulated-{seed}", mix, settings.rate, truth, places, voices, words)


def simulate_folder(
    speech: Path, target: Path, count: int, first_seed: int = 0, settings: CallSettings | None = None
) -> list[Path]:
    """Write `count` calls as <name>.wav (16-bit) with <name>.rttm beside each; returns the .wav files.

    Where the utterances have transcripts, <name>.seglst.json and <name>.stm hold what is said."""
    utterances = find_utterances(speech)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for seed in range(first_seed, first_seed + count):
        call = simulate_call(utterances, seed, settings)
        path = target / f"{call.name}.wav"
        write_wav(path, call.samples.T, call.rate)
        write_rttm(path.with_suffix(".rttm"), call.name, call.truth, call.channels)
        if call.words:
            write_seglst(path.with_suffix(".seglst.json"), call.name, call.words)
            write_stm(path.with_suffix(".stm"), call.name, call.words)
        written.append(path)
    return written


def active_spans(samples: Float32s, rate: int, floor_db: float = 35.0, gap_s: float = 0.25) -> list[tuple[int, int]]:
    """Sample spans of speech in an utterance; pauses under `gap_s` stay inside.

    Speech is what lies within `floor_db` of the loudest 20 ms and 8 dB above the recording's own noise (its quietest
    tenth).
    """
    frame = rate // 50
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    if not len(power) or power.max() <= 0:
        return []
    noise = min(float(np.quantile(power, 0.1)) * 10**0.8, power.max() / 30)
    speaks = power > max(power.max() * 10 ** (-floor_db / 10), noise)
    borders = np.flatnonzero(np.diff(np.concatenate([[0], speaks, [0]])))
    spans: list[tuple[int, int]] = []
    for start, end in zip(borders[::2] * frame, borders[1::2] * frame, strict=True):
        if spans and start - spans[-1][1] < gap_s * rate:
            spans[-1] = (spans[-1][0], int(end))
        elif end - start >= 2 * frame:
            spans.append((int(start), int(end)))
    return spans


def _speak(
    files: list[Path], turns: list[tuple[float, float]], count: int, settings: CallSettings, random: np.random.Generator
) -> tuple[Float32s, list[tuple[float, float]], list[Placed] | None]:
    """Fill a speaker's turns with its utterances; they are cut where a turn ends and continue in the next turn."""
    rate = settings.rate
    order = [files[at] for at in random.permutation(len(files))]
    supply = Supply.of(order, rate, lambda path: at_level(read_mono(path, rate), -23.0))
    parts = active_spans(supply.samples, rate) or [(0, len(supply.samples))]
    part = int(random.integers(len(parts)))
    position = parts[part][0]
    out, spans, said = np.zeros(count, np.float32), [], list[Placed]()
    for start_s, duration_s in turns:
        effort_db = float(np.clip(random.normal(), -2, 2)) * settings.effort_db
        at, end = int(start_s * rate), min(int((start_s + duration_s) * rate), count)
        while end - at > rate // 10:
            until = min(supply.whole_words(min(position + end - at, parts[part][1])), position + count - at)
            piece = supply.samples[position:until]
            loudness = 10 ** (effort_db / 20)
            out[at : at + len(piece)] += tilt(piece, rate, effort_db) * np.float32(loudness)
            spans.append((at / rate, (at + len(piece)) / rate))
            said += supply.placed(position, until, at, rate)
            at, position = at + len(piece), until
            if position >= parts[part][1] - rate // 20:
                part = (part + 1) % len(parts)
                position = parts[part][0]
                at += int(float(random.uniform(0.02, 0.2)) * rate)
    return out, _joined(spans), said if supply.words is not None else None


def _joined(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and start - joined[-1][1] < 0.2:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif end - start > 0.05:
            joined.append((start, end))
    return joined
