"""One channel of one call: frames in, events of that channel out, each at the end of the chunk that decided it.

    take, lag ──> [ to do: sound | leap ] ──> run ──> detector ──> segmenter, quality ──> events

A short hole is filled with silence. A long one is skipped: nothing is computed for it, and the detector starts afresh
behind it. What falls into a chunk (a hole's end, the end of the sound) is published when that chunk is decided.
"""

from dataclasses import dataclass

import numpy as np

from speakerline.services.vad.detector import CHUNK_MS, FRESH, Detect, Request, chunk_samples
from speakerline.services.vad.doubts import Doubts
from speakerline.services.vad.hold import Chunks, Hold
from speakerline.services.vad.holes import Holes
from speakerline.services.vad.lateness import Lateness
from speakerline.services.vad.quality import ClippingWatch, SilenceWatch, clipped_samples, quiet_chunks
from speakerline.services.vad.segmenter import Change, Segmenter
from speakerline.services.vad.sequencer import Hole, Sequencer
from speakerline.services.vad.settings import VadSettings
from speakerline.shared.arrays import Int16s
from speakerline.shared.audio.pcm import full_scale, ms_to_samples, samples_to_ms, to_float32
from speakerline.shared.codec import DTMF_DIGITS
from speakerline.shared.contract import v1
from speakerline.shared.front_end.high_pass import HighPass
from speakerline.shared.front_end.level import Leveller
from speakerline.shared.pipeline import SPEECH, VAD
from speakerline.shared.runtime.stage import AudioClosed, Event, Frame, KeyPress

LARGEST_REQUEST = 312
"""Chunks in one request, 10 s: a huge frame must not hold up the calls that share its batch (about 15 ms of Silero)."""


@dataclass(frozen=True, slots=True)
class Leap:
    """The audio continues at chunk `chunk`."""

    chunk: int


@dataclass(slots=True)
class Turnover:
    """The channel is absent from here on, or back (`over`): told at `at_ms`, with where its sound ends or goes on."""

    at_ms: int
    sample: int
    over: bool = False


class Channel:
    """The state is all in the public attributes; between calls of `run` nothing is left to do."""

    def __init__(self, number: int, call: v1.CallStarted, settings: VadSettings) -> None:
        self.number = number
        self.sequencer = Sequencer(call.encoding, call.sample_rate)
        self.chunk = 0
        self.tail: Int16s = np.zeros(0, np.int16)
        self.model = FRESH
        self.high_pass = HighPass(call.sample_rate)
        self.segmenter = Segmenter(settings)
        front_end = call.front_end or v1.FrontEnd()
        self.leveller = Leveller(call.sample_rate) if front_end.level else None
        self.hold = Hold(self.segmenter, call.sample_rate) if front_end.find_music else None
        self.silence = SilenceWatch(settings, number)
        self.clipping = ClippingWatch(settings, number)
        self.closed = self.finished = False
        self.reason = v1.EndReason.UNSPECIFIED
        self.doubts = Doubts(number, call)
        self.absences = 0
        self.absent_from = 0
        self._silence_dbfs = settings.silence_dbfs
        self._full_scale = full_scale(call.encoding)
        self._size = chunk_samples(call.sample_rate)
        self.holes = Holes(self._size)
        self._longest_fill = max(ms_to_samples(settings.max_fill_ms, call.sample_rate), self._size)
        self._to_do: list[list[Int16s] | Leap | Turnover] = []
        self._lateness = Lateness()

    @property
    def busy(self) -> bool:
        """Whether `run` has anything to do."""
        return bool(self._to_do) or self.closed != self.finished

    @property
    def heard_ms(self) -> int:
        """Where the last chunk ends that is decided."""
        return self.chunk * CHUNK_MS

    @property
    def whole_ms(self) -> int:
        """Where the last chunk ends that is complete."""
        return self.sequencer.position // self._size * CHUNK_MS

    @property
    def last_ms(self) -> int:
        """Position of what the end of the sound decides: the end of the chunk in which it falls."""
        return (self.sequencer.position // self._size + 1) * CHUNK_MS

    @property
    def end_ms(self) -> int:
        """Where the sound ends so far."""
        return samples_to_ms(self.sequencer.position, self.sequencer.sample_rate)

    def take(self, frame: Frame, reached_ms: int) -> int:
        """Put a frame in its place. Returns the sample at which its new sound begins."""
        before_ms = self.whole_ms
        hole, samples = self.sequencer.take(frame)
        if hole:
            self._miss(hole)
        if len(samples):
            self._sound(samples)
        self._lateness.note(before_ms, self.whole_ms, reached_ms)
        return self.sequencer.position - len(samples)

    def leave(self, at_ms: int) -> None:
        """The channel is absent from now on; its open segment ends with its sound."""
        self._to_do.append(Turnover(at_ms, self.sequencer.position))

    def come_back(self, at_ms: int, start: int) -> None:
        """The channel is absent no more: its sound goes on at sample `start`. To be told before the sound is taken."""
        self._to_do.append(Turnover(at_ms, start, over=True))

    def doubt(self, frame: Frame, start: int) -> list[Event]:
        """What a frame looks like that can hardly be the sound that was announced; once it was taken, and its new sound
        began at sample `start`."""
        return [Event(SPEECH, self.last_ms, body) for body in self.doubts.push(frame, start, self.sequencer.position)]

    def press(self, key: KeyPress) -> Event:
        """The key, at the end of the chunk in which it was pressed; an empty gap where it is no key, or never was."""
        sequencer, at = self.sequencer, key.at_sample
        possible = key.digit in DTMF_DIGITS and sequencer.possible(at)
        at_ms = (max(at if possible else 0, sequencer.position) // self._size + 1) * CHUNK_MS
        if possible:
            return Event(SPEECH, at_ms, v1.Dtmf(self.number, samples_to_ms(at, sequencer.sample_rate), key.digit))
        detail = f"dtmf of {len(key.digit)} characters at sample {at}: expected one of {' '.join(DTMF_DIGITS)}"
        hole = Hole(sequencer.position, sequencer.position, v1.GapReason.INVALID, detail)
        return Event(SPEECH, at_ms, self._gap(hole))

    def lag(self, until: int, detail: str, reached_ms: int) -> None:
        """Give up what lies before sample `until`."""
        before_ms = self.whole_ms
        self._miss(self.sequencer.lose(until, v1.GapReason.LOST, detail))
        self._lateness.note(before_ms, self.whole_ms, reached_ms)

    def close(self, entry: AudioClosed, reached_ms: int) -> None:
        """No frame follows; the last chunk is filled up with silence."""
        self.closed, self.reason = True, entry.reason
        self._lateness.note(self.whole_ms, self.last_ms, reached_ms)
        if self.sequencer.position % self._size:
            self._sound(np.zeros(-self.sequencer.position % self._size, np.int16))

    def skip(self, until: int, detail: str) -> list[Event]:
        """Leave out what lies before sample `until`, without asking the detector about anything."""
        self.holes.add(self.sequencer.lose(until, v1.GapReason.POISON, detail))
        chunk = self.sequencer.position // self._size
        if chunk == self.chunk:
            missing = self.sequencer.position % self._size - len(self.tail)
            self.tail = np.concatenate([self.tail, np.zeros(missing, np.int16)])
            return []
        self.tail = np.zeros(self.sequencer.position % self._size, np.int16)
        return self._leap(chunk)

    def finish(self, reason: v1.EndReason) -> list[Event]:
        """The end of the channel, once everything before is decided."""
        self.closed = self.finished = True
        self.reason = reason
        ends = [
            self._speech(self.segmenter.end(self.end_ms)),
            *self._music(self._hold_ends()),
            self.silence.end(self.sequencer.position // self._size),
            self.clipping.end(self.sequencer.position // self._size),
        ]
        events = [Event(SPEECH, self.last_ms, self._gap(hole)) for hole in self.holes.pending]
        self.holes.pending = []
        return events + [Event(SPEECH, self.last_ms, body) for body in ends if body]

    async def run(self, detect: Detect) -> list[Event]:
        """Decide every chunk that is complete."""
        events: list[Event] = []
        to_do, self._to_do = self._to_do, []
        for item in to_do:
            if isinstance(item, Turnover):
                events += self._turn_over(item)
            elif isinstance(item, Leap):
                events += self._lateness.placed(self._leap(item.chunk))
            else:
                events += self._lateness.placed(await self._listen(item, detect))
        if self.closed and not self.finished:
            events += self._lateness.placed(self.finish(self.reason))
        self._lateness.clear()
        return events

    def _sound(self, samples: Int16s) -> None:
        if self._to_do and isinstance(self._to_do[-1], list):
            self._to_do[-1].append(samples)
        else:
            self._to_do.append([samples])

    def _miss(self, hole: Hole) -> None:
        self.holes.add(hole)
        if hole.end - hole.start <= self._longest_fill:
            self._sound(np.zeros(hole.end - hole.start, np.int16))
        else:
            self._sound(np.zeros(-hole.start % self._size, np.int16))
            self._to_do.append(Leap(hole.end // self._size))
            self._sound(np.zeros(hole.end % self._size, np.int16))

    async def _listen(self, sound: list[Int16s], detect: Detect) -> list[Event]:
        samples = np.concatenate([self.tail, *sound])
        whole = len(samples) // self._size * self._size
        self.tail = samples[whole:].copy()
        events: list[Event] = []
        step = LARGEST_REQUEST * self._size
        for at in range(0, whole, step):
            piece = samples[at : min(at + step, whole)]
            given = self.high_pass.push(to_float32(piece))
            if self.leveller:
                given = self.leveller.push(given)
            answer = await detect(Request(self.sequencer.sample_rate, self.model, given))
            self.model = answer.state
            events += self._decide(piece.reshape(-1, self._size), answer.probabilities.tolist())
        return events

    def _decide(self, chunks: Int16s, probabilities: list[float]) -> list[Event]:
        first, events = self.chunk, []
        complete = self.holes.complete(first, len(chunks), self.sequencer.position // self._size)
        quiet = quiet_chunks(chunks, self._silence_dbfs).tolist()
        clipped = clipped_samples(chunks, self._full_scale).tolist()
        for i, probability in enumerate(probabilities):
            chunk = first + i
            changes, music = self._judge(chunk, chunks[i], probability)
            silence = self.silence.push(chunk, quiet[i] and complete[i])
            clipping = self.clipping.push(chunk, self._size if complete[i] else 0, clipped[i])
            if changes or music or silence or clipping or self.holes.pending:
                bodies = [
                    *(self._gap(hole) for hole in self.holes.taken(chunk)),
                    *(self._speech(change) for change in changes),
                    *self._music(music),
                    silence,
                    clipping,
                ]
                events += [Event(SPEECH, (chunk + 1) * CHUNK_MS, body) for body in bodies if body]
        self.chunk = first + len(chunks)
        return events

    def _judge(self, chunk: int, samples: Int16s, probability: float) -> tuple[list[Change], list[Chunks]]:
        """What a chunk changes about speech, and the music that is certain behind it."""
        if self.hold:
            return self.hold.push(chunk, to_float32(samples), probability)
        change = self.segmenter.push(chunk * CHUNK_MS, probability)
        return [change] if change else [], []

    def _turn_over(self, item: Turnover) -> list[Event]:
        bodies: list[v1.SpeechBody | None] = []
        where_ms = samples_to_ms(item.sample, self.sequencer.sample_rate)
        if not item.over:
            self.absences += 1
            self.absent_from = where_ms
            bodies.append(self._speech(self.segmenter.end(where_ms)))
        name = f"a{self.number}-{self.absences}"
        bodies.append(v1.Absence(name, self.number, self.absent_from, max(where_ms, self.absent_from), item.over))
        return [Event(SPEECH, item.at_ms, body) for body in bodies if body]

    def _leap(self, chunk: int) -> list[Event]:
        """Chunks up to `chunk` are decided without a model: nobody speaks there."""
        at_ms = (self.chunk + 1) * CHUNK_MS
        ends = [
            *self._music(self._hold_ends()),
            self.silence.end(self.chunk),
            self.clipping.end(self.chunk),
        ]
        events = [Event(SPEECH, at_ms, body) for body in ends if body]
        for start_ms, change in self.segmenter.leap(self.heard_ms, chunk * CHUNK_MS):
            events.append(Event(SPEECH, start_ms + CHUNK_MS, self._speech(change)))
        for hole in self.holes.taken(chunk - 1):
            events.append(Event(SPEECH, (self.holes.last_chunk(hole) + 1) * CHUNK_MS, self._gap(hole)))
        self.chunk, self.model, self.high_pass = chunk, FRESH, HighPass(self.sequencer.sample_rate)
        return events

    def _gap(self, hole: Hole) -> v1.Gap:
        start_ms, end_ms = (samples_to_ms(at, self.sequencer.sample_rate) for at in (hole.start, hole.end))
        return v1.Gap(self.number, start_ms, end_ms, hole.reason, VAD.name, hole.detail)

    def _speech(self, change: Change | None) -> v1.Speech | None:
        if change is None:
            return None
        name = f"s{self.number}-{change.number}"
        end_ms = min(change.end_ms, self.end_ms)
        return v1.Speech(name, self.number, change.state, change.start_ms, end_ms)

    def _hold_ends(self) -> list[Chunks]:
        return self.hold.end(self.chunk) if self.hold else []

    def _music(self, pieces: list[Chunks]) -> list[v1.Music]:
        spans = ((start * CHUNK_MS, min(end * CHUNK_MS, self.end_ms)) for start, end in pieces)
        return [v1.Music(self.number, start_ms, max(start_ms, end_ms)) for start_ms, end_ms in spans]
