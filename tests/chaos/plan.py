"""What a chaos run plays: calls of different lengths, each with its own habits of sending; all follows from a seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from speakerline.shared.contract.v1 import CallStarted, Encoding, ServiceClass
from tests.runtime.toy_stages import FATAL, POISON, frame

SAMPLE_RATE = 8000
PRODUCER_ID = "chaos"
FRAME_MS = (20, 60, 100)
RESENT_SHARE = 0.05
REORDERED_SHARE = 0.1
REANNOUNCED_SHARE = 0.3
POISONED_SHARE = 0.15
FATAL_CALLS = 1


@dataclass(frozen=True, slots=True)
class Sending:
    """One frame goes out: `at_s` seconds after the start of the call."""

    at_s: float
    end_sample: int
    pcm: bytes


@dataclass(slots=True)
class PlannedCall:
    call: CallStarted
    starts_s: float
    frames: list[tuple[int, bytes]]
    """In the order of the sound; each with its end sample."""
    sendings: list[Sending]
    """In the order in which they are sent: some twice, some early."""
    announced_again_s: list[float] = field(default_factory=list)
    poisoned: int = 0
    forgotten_s: float | None = None
    """When it is erased, while it runs; None = never."""

    @property
    def length_s(self) -> float:
        return self.frames[-1][0] / SAMPLE_RATE


@dataclass(slots=True)
class Plan:
    calls: list[PlannedCall]

    def forget(self, share: float, seed: int) -> None:
        """Have a share of the calls erased at a moment by chance, from a second after their start to their end."""
        rng = random.Random(seed)
        for one in rng.sample(self.calls, round(share * len(self.calls))):
            forgotten_s = one.forgotten_s = rng.uniform(1.0, one.length_s)
            one.announced_again_s = [at_s for at_s in one.announced_again_s if at_s < forgotten_s]

    def make_bulk(self) -> None:
        for one in self.calls:
            one.call.service_class = ServiceClass.BULK

    @property
    def lasting(self) -> list[PlannedCall]:
        return [one for one in self.calls if one.forgotten_s is None]

    @property
    def forgotten(self) -> list[PlannedCall]:
        return [one for one in self.calls if one.forgotten_s is not None]

    @property
    def resent(self) -> int:
        return sum(len(call.sendings) - len(call.frames) for call in self.calls)

    @property
    def reordered(self) -> int:
        """Frames that go out before one of an earlier sound."""
        return sum(
            sum(one.end_sample > other.end_sample for one, other in zip(call.sendings, call.sendings[1:], strict=False))
            for call in self.calls
        )


def plan_toys(calls: int, seconds: float, seed: int, longest_s: float, fatal_calls: int = FATAL_CALLS) -> Plan:
    """Calls of made-up bytes, with poison; the first `fatal_calls` kill whoever handles them."""
    rng = random.Random(seed)
    planned = []
    for number in range(calls):
        size = SAMPLE_RATE * rng.choice(FRAME_MS) // 1000
        count = int(_length_s(rng, seconds, longest_s) * SAMPLE_RATE / size)
        sound = [frame(number, at, size) for at in range(count)]
        bad = {}
        if number < fatal_calls:
            bad = {count // 3: FATAL}
        elif rng.random() < POISONED_SHARE:
            bad = {rng.randrange(count): POISON for _ in range(2)}
        for at, first in bad.items():
            sound[at] = bytes([first]) + sound[at][1:]
        planned.append(
            _planned(rng, number, [(size * (at + 1), pcm) for at, pcm in enumerate(sound)], seconds, len(bad))
        )
    return Plan(planned)


def plan_recordings(sound: bytes, calls: int, seconds: float, seed: int, longest_s: float) -> Plan:
    """Stretches of a real recording as mu-law, `sound`, cut differently for every call."""
    rng = random.Random(seed)
    planned = []
    for number in range(calls):
        size = SAMPLE_RATE * rng.choice(FRAME_MS) // 1000
        length = int(_length_s(rng, seconds, longest_s) * SAMPLE_RATE)
        begin = rng.randrange(len(sound))
        stretch = (sound[begin:] + sound * (length // len(sound) + 1))[:length]
        frames = [(min(at + size, length), stretch[at : at + size]) for at in range(0, length, size)]
        planned.append(_planned(rng, number, frames, seconds, 0))
    return Plan(planned)


def _length_s(rng: random.Random, seconds: float, longest_s: float) -> float:
    return rng.uniform(5.0, max(6.0, min(longest_s, seconds / 2)))


def _planned(
    rng: random.Random, number: int, frames: list[tuple[int, bytes]], seconds: float, poisoned: int
) -> PlannedCall:
    call = CallStarted(call_id=f"chaos-{number}", sample_rate=SAMPLE_RATE, encoding=Encoding.MULAW, channels=1)
    planned = PlannedCall(call, 0.0, frames, _sendings(rng, frames), poisoned=poisoned)
    planned.starts_s = rng.uniform(0.0, max(0.1, seconds - planned.length_s))
    if rng.random() < REANNOUNCED_SHARE:
        planned.announced_again_s = [rng.uniform(0.0, planned.length_s + 2.0) for _ in range(rng.randint(1, 3))]
    return planned


def _sendings(rng: random.Random, frames: Sequence[tuple[int, bytes]]) -> list[Sending]:
    """Each when its sound ends; some once more up to two seconds later, some just before their predecessor."""
    sendings = [Sending(end / SAMPLE_RATE, end, pcm) for end, pcm in frames]
    for at in range(2, len(sendings) - 1, 2):
        if rng.random() < REORDERED_SHARE:
            first, second = sendings[at], sendings[at + 1]
            sendings[at] = Sending(first.at_s, second.end_sample, second.pcm)
            sendings[at + 1] = Sending(second.at_s, first.end_sample, first.pcm)
    again = [
        Sending(one.at_s + rng.uniform(0.0, 2.0), one.end_sample, one.pcm)
        for one in sendings
        if rng.random() < RESENT_SHARE
    ]
    return sorted(sendings + again, key=lambda one: one.at_s)
