"""What one stage is given of one call, kept to be given again: whole, cut in any way, or again and again."""

import random
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from typing import TypeVar

import numpy as np

from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import ms_to_samples
from speakerline.shared.contract.v1 import AudioEnded, CallStarted, VoiceWindow
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import StageSpec
from speakerline.shared.runtime.stage import FOREVER, AudioClosed, AudioIdle, AudioReader, Entry, Event, Frame, KeyPress

X = TypeVar("X")

Batch = tuple[Sequence[Entry], int]
"""What one push gets: entries, and the position that is passed then."""

_TIMES = ("start_ms", "end_ms", "pressed_ms", "through_ms")
_SKEW_MS = 500
"""How far one channel's frames arrive ahead of another's."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The entries of all inputs, those of each in order, and the sound by time."""

    call: CallStarted
    entries: Sequence[Entry]
    audio: AudioReader

    def in_order(self, spec: StageSpec) -> list[Entry]:
        """As the runtime merges the inputs; events that are not awaited come at their own position."""
        streams = [source.stream for source in spec.inputs]
        rank = {id(one): streams.index(one.stream) for one in self.entries if isinstance(one, Event)}
        return sorted(self.entries, key=lambda one: (_position(spec, one), rank.get(id(one), 0)))

    def cut(self, spec: StageSpec, rng: random.Random) -> Iterator[Batch]:
        """All of it in batches by chance, between which time passes in other steps every time."""
        entries, at, passed_ms = self._arriving(spec, rng), 0, -1
        while at < len(entries):
            count = rng.choice((0, 1, 1, 2, 5, 50))
            batch, at = entries[at : at + count], at + count
            passed_ms = self._passed(spec, batch, entries[at:], passed_ms, rng)
            yield batch, passed_ms
        if passed_ms != FOREVER:
            yield [], FOREVER

    def repeated(self, spec: StageSpec, rounds: int) -> Iterator[tuple[int, "Recording"]]:
        """The same call again and again, each time later, with new ids; it ends in the last round only."""
        delay_ms = max(source.delay_ms for source in spec.inputs)
        last_ms = max(_position_ms(self.call, one) for one in self.entries) + delay_ms
        length_ms = (last_ms // 1000 + 2) * 1000
        looped = _Looped(self.audio, ms_to_samples(length_ms, self.call.sample_rate))
        for number in range(rounds):
            entries = [one for one in self.in_order(spec) if number == rounds - 1 or not _ends(one)]
            later = [_entry_later(one, length_ms * number, number, self.call.sample_rate) for one in entries]
            yield length_ms * (number + 1), Recording(self.call, later, looped)

    def _arriving(self, spec: StageSpec, rng: random.Random) -> list[Entry]:
        """Events in the order of the merge; of several channels of audio, now one ahead and now the other."""
        entries, arrived = self.in_order(spec), []
        skew = ms_to_samples(_SKEW_MS, self.call.sample_rate)
        while entries:
            heads = {entry.channel: entry for entry in reversed(entries) if not isinstance(entry, Event)}
            near = [one for one in heads.values() if _position(spec, one) <= _position(spec, entries[0]) + skew]
            entry = rng.choice(near) if near else entries[0]
            arrived.append(entry)
            entries.remove(entry)
        return arrived

    def _passed(
        self, spec: StageSpec, batch: Sequence[Entry], rest: Sequence[Entry], before_ms: int, rng: random.Random
    ) -> int:
        if any(not isinstance(one, Event) for one in self.entries):
            return 0 if rest else FOREVER
        places = [spec.place(one.stream, one.position) for one in batch if isinstance(one, Event)]
        coming = [place for one in rest if isinstance(one, Event) and (place := spec.place(one.stream, one.position))]
        least = max([before_ms, *(place - 1 for place in places)])
        delay_ms = max(source.delay_ms for source in spec.inputs)
        most = max(least, min(coming, default=least + delay_ms + 1) - 1)
        if not rest and rng.random() < 0.5:
            return FOREVER
        return rng.choice((least, most, rng.randint(least, most)))


class _Looped:
    """Sound that starts over every `size` samples."""

    def __init__(self, audio: AudioReader, size: int) -> None:
        self._audio, self._size = audio, size

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Float32s:
        pieces = []
        while start_sample < end_sample:
            at = start_sample % self._size
            stop = min(at + end_sample - start_sample, self._size)
            pieces.append(await self._audio.read(channel, at, stop))
            start_sample += stop - at
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    async def read_source(self, source_id: str) -> Float32s | None:
        return await self._audio.read_source(source_id.partition("@")[0])


def _position(spec: StageSpec, entry: Entry) -> int:
    if isinstance(entry, Event):
        return spec.place(entry.stream, entry.position) or entry.position
    return LAST_POSITION if isinstance(entry, AudioClosed) else _sample(entry)


def _position_ms(call: CallStarted, entry: Entry) -> int:
    if isinstance(entry, AudioClosed):
        return 0
    return entry.position if isinstance(entry, Event) else _sample(entry) * 1000 // call.sample_rate


def _sample(entry: Frame | KeyPress | AudioIdle) -> int:
    return entry.end_sample if isinstance(entry, Frame) else entry.at_sample


def _ends(entry: Entry) -> bool:
    """Whether it says that the call is over."""
    if not isinstance(entry, Event):
        return isinstance(entry, AudioClosed)
    body = entry.body
    return isinstance(body, AudioEnded) or (isinstance(body, VoiceWindow) and body.start_ms == body.end_ms)


def _entry_later(entry: Entry, by_ms: int, number: int, rate: int) -> Entry:
    if isinstance(entry, Event):
        return Event(entry.stream, entry.position + by_ms, _later(entry.body, by_ms, number))
    if isinstance(entry, Frame):
        return Frame(entry.channel, entry.end_sample + ms_to_samples(by_ms, rate), entry.pcm, entry.shed)
    if isinstance(entry, KeyPress):
        return KeyPress(entry.channel, entry.at_sample + ms_to_samples(by_ms, rate), entry.digit)
    if isinstance(entry, AudioIdle):
        return AudioIdle(entry.channel, entry.at_sample + ms_to_samples(by_ms, rate))
    return entry


def _later(message: X, by_ms: int, number: int) -> X:
    """A message as it is said `by_ms` later, about other things: its ids get the number of the round."""
    if not is_dataclass(message):
        return message
    message = copy(message)
    for field in fields(message):
        value = getattr(message, field.name)
        if field.name in _TIMES:
            setattr(message, field.name, value + by_ms)
        elif field.name == "spans_ms":
            setattr(message, field.name, [one + by_ms for one in value])
        elif field.name.endswith("_id") and value and number and "speaker" not in field.name:
            setattr(message, field.name, f"{value}@{number}")
        elif field.name.endswith("_ids") and number:
            setattr(message, field.name, [f"{one}@{number}" for one in value])
        elif isinstance(value, list):
            setattr(message, field.name, [_later(one, by_ms, number) for one in value])
    return message
