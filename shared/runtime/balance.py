"""Which worker of a stage should have how many calls: pure arithmetic on how many each of them has.

    fair share = calls of all workers, divided by how many each of them keeps up with

A worker that holds more hands calls over to those that hold less, half of the surplus at a time. One that is behind
gives to those that are not, whatever the shares. Otherwise, nobody takes more of what is handed over than makes up its
share. So nothing moves where shares differ by less than a call, or by a tenth.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

LATE_S = 1.0
"""A worker that is so far behind gives calls away: before it sheds, at 3 s."""
STEP = 32
"""The most calls that a worker hands over at a time, which is every third of a lease."""
TOLERANCE = 0.1
"""Of a fair share: what may be too much."""
ALL = 2**31
"""More than there can be."""
RELIEF = 8
"""A worker that is behind gives an eighth of its calls."""


@dataclass(frozen=True, slots=True)
class Load:
    """Of one worker. held: its calls. comfortable: how many it keeps up with. behind_s: how late it is."""

    held: int
    comfortable: int
    behind_s: float = 0.0

    @property
    def late(self) -> bool:
        return self.behind_s >= LATE_S


def fair_share(me: Load, peers: Sequence[Load], offered: int = 0) -> float:
    """Calls that I should hold. `offered`: calls that were handed over and that nobody has taken yet."""
    return me.comfortable * _calls_each(me, peers, offered)


def to_hand_over(me: Load, peers: Sequence[Load], offered: int = 0) -> int:
    """How many calls to hand over now."""
    given = _relief(me, peers, offered) if me.late else _surplus(me, peers, offered)
    return min(given, STEP)


def to_take(me: Load, peers: Sequence[Load], offered: int = 0) -> int:
    """How many of the calls that are handed over to take now; the others are better left to a peer."""
    if not peers:
        return ALL
    if me.late:
        return 0
    most = me.comfortable if any(peer.late for peer in peers) else 0
    return max(0, most - me.held, _whole(fair_share(me, peers, offered)) - me.held)


def _calls_each(me: Load, peers: Sequence[Load], offered: int) -> float:
    everybody = (me, *peers)
    return (offered + sum(one.held for one in everybody)) / sum(one.comfortable for one in everybody)


def _surplus(me: Load, peers: Sequence[Load], offered: int) -> int:
    fair = fair_share(me, peers, offered)
    surplus = me.held - fair
    if surplus < max(1.0, TOLERANCE * fair):
        return 0
    share = _calls_each(me, peers, offered)
    lacking = sum(max(0, _whole(share * peer.comfortable) - peer.held) for peer in peers if not peer.late)
    return max(0, min(math.ceil(surplus / 2), lacking - offered))


def _whole(share: float) -> int:
    """Rounded up, but for what is a matter of floating point."""
    return math.ceil(share - 1e-6)


def _relief(me: Load, peers: Sequence[Load], offered: int) -> int:
    """What a worker that is behind gives; it keeps one call, which it may be behind with for a reason of its own."""
    room = sum(max(0, peer.comfortable - peer.held) for peer in peers if not peer.late)
    return max(0, min(math.ceil(me.held / RELIEF), room - offered, me.held - 1))
