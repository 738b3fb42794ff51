"""Who speaks when in a made-up conversation, with the statistics of real ones; pure.

Sources: gaps between speakers are roughly normal around +0.2 s with a spread of 0.5 s, so about 40 % of changes
overlap a little (Heldner & Edlund, "Pauses, gaps and overlaps in conversations", 2010); turns are short with a long
tail; listeners give backchannels ("mhm", 0.3-0.8 s) every few seconds of a long turn (Ward & Tsukahara, 2000); one
side usually talks more.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class PlannedTurn:
    """`speaker` (0, 1, ...) speaks from start_s for about duration_s seconds."""

    speaker: int
    start_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Conversation:
    """The statistics of a conversation. Durations in seconds.

    overlap: how readily people talk at once, 0 (never) to 1; 0.5 gives 5-15 % overlapped speech.
    """

    speakers: int = 2
    duration_s: float = 90.0
    median_turn_s: float = 2.6
    overlap: float = 0.5

    def __post_init__(self) -> None:
        if self.speakers < 1 or self.duration_s <= 0 or not 0 <= self.overlap <= 1:
            raise ValueError(f"want speakers >= 1, duration_s > 0 and overlap in 0..1, got {self}")


def plan_turns(manner: Conversation, random: np.random.Generator) -> list[PlannedTurn]:
    """The turns of a conversation, ascending by start, with backchannels and overlaps."""
    talkative = random.dirichlet(np.full(manner.speakers, 6.0))
    turns: list[PlannedTurn] = []
    now, speaker = float(random.uniform(0.2, 1.5)), int(random.integers(manner.speakers))
    while now < manner.duration_s:
        share = float(np.clip(talkative[speaker] * manner.speakers, 0.5, 1.7))
        length = float(np.clip(manner.median_turn_s * share * np.exp(random.normal(0, 0.85)), 0.4, 30.0))
        length = min(length, manner.duration_s - now)
        turns.append(PlannedTurn(speaker, now, length))
        turns += _backchannels(speaker, now, length, manner, random)
        now = max(now + 0.3, now + length + _gap(manner, random))
        if manner.speakers > 1 and random.random() < 0.85:
            chance = np.where(np.arange(manner.speakers) == speaker, 0.0, talkative)
            speaker = int(random.choice(manner.speakers, p=chance / chance.sum()))
    return sorted(turns, key=lambda turn: (turn.start_s, turn.speaker))


def _gap(manner: Conversation, random: np.random.Generator) -> float:
    """Silence before the next turn; negative when it starts early."""
    if random.random() < 0.1:
        return float(random.uniform(0.8, 2.5))
    gap = float(random.normal(0.25, 0.5))
    return gap if gap > 0 else gap * 3 * manner.overlap


def _backchannels(
    speaker: int, start_s: float, length_s: float, manner: Conversation, random: np.random.Generator
) -> list[PlannedTurn]:
    listeners = [other for other in range(manner.speakers) if other != speaker]
    found: list[PlannedTurn] = []
    at = start_s + float(random.exponential(3.0)) + 1.0
    while listeners and at < start_s + length_s - 1.0:
        if random.random() < manner.overlap:
            found.append(PlannedTurn(int(random.choice(listeners)), at, float(random.uniform(0.3, 0.9))))
        at += 1.5 + float(random.exponential(3.0))
    return found
