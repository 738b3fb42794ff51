"""A worker that catches up makes its other calls late, and leaves nothing out for that; lasting overload it still sees.

A worker with one model, second by second, by a clock of the test: every call has at most one step there, and the model
takes the steps as they come.
"""

from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from speakerline.shared.logs import Log
from speakerline.shared.pipeline import ASR
from speakerline.shared.runtime.call import SLICE_MS
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.pace import EARLY_S, Arrival, Pace
from speakerline.shared.runtime.shedding import Shedding

ENTRY_MS = 200
TURN_S = 0.05
LIMIT_S = 3.0
LONG_S = 90
"""Of every call; all were announced at second 0, and are spoken as that passes."""


@dataclass(slots=True, eq=False)
class Call:
    """`taken_s`, `left_s`: when the worker began with it, and gave it away."""

    arrivals: deque[Arrival]
    cost: float
    """Seconds of the model for a second of sound."""
    taken_s: float
    left_s: float
    pace: Pace = field(default_factory=lambda: Pace(EARLY_S))
    step: bool = False


def a_call(cost: float, taken_s: float = 0.0, done_s: float = 0.0, left_s: float = LONG_S) -> Call:
    """`done_s`: up to where another worker had come before."""
    ends_ms = range(int(done_s * 1000) + ENTRY_MS, LONG_S * 1000 + 1, ENTRY_MS)
    return Call(deque(Arrival(end_ms, end_ms / 1000) for end_ms in ends_ms), cost, taken_s, left_s)


def levels(*calls: Call) -> list[int]:
    """Whether the worker leaves something out, after each second."""
    now, found, queue = 0.0, [], deque[list[float]]()
    ends: deque[tuple[Call, ExitStack]] = deque()
    worker = Shedding(ASR, LIMIT_S, Metrics(CollectorRegistry()).for_stage("asr"), Log(), lambda: now)
    for turn in range(int(LONG_S / TURN_S)):
        now = turn * TURN_S
        for call in calls:
            if call.step or not call.taken_s <= now < call.left_s or not (unit := _unit(call, now)):
                continue
            caught_up_s = worker.lags.catching_up.seconds
            under_way = ExitStack()
            under_way.enter_context(worker.lags.step(call.pace.begin(unit[0], unit[-1], now, caught_up_s)))
            call.step = True
            queue.append([call.cost * len(unit) * ENTRY_MS / 1000])
            ends.append((call, under_way))
        spent_s = TURN_S
        while queue and spent_s > 0:
            done_s = min(spent_s, queue[0][0])
            queue[0][0] -= done_s
            spent_s -= done_s
            if queue[0][0] <= 1e-9:
                queue.popleft()
                ended, under_way = ends.popleft()
                ended.step = False
                under_way.close()
        if turn % int(1 / TURN_S) == 0:
            worker.report(now)
            found.append(worker.level)
    return found


def _unit(call: Call, now: float) -> Sequence[Arrival]:
    unit: list[Arrival] = []
    while call.arrivals and call.arrivals[0].arrived_at <= now:
        if unit and call.arrivals[0].place_ms - unit[0].place_ms > SLICE_MS:
            break
        unit.append(call.arrivals.popleft())
    return unit


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([a_call(0.25, 20.0, 0.0, 60.0) for _ in range(2)], id="20 s of each lay there"),
        pytest.param([a_call(0.25, 20.0, 13.0, 36.0) for _ in range(3)], id="until the other worker is there again"),
    ],
)
def test_calls_that_were_taken_over_take_nothing_from_others(others: list[Call]) -> None:
    """Though there is too much to do meanwhile."""
    mine = [a_call(0.25) for _ in range(3)]
    assert set(levels(*mine, *others)) == {0}


def test_more_to_do_than_it_can_is_seen() -> None:
    assert 1 in levels(*(a_call(0.45) for _ in range(3)))[:40]


def test_so_it_is_after_a_takeover_once_what_lay_there_is_done() -> None:
    found = levels(a_call(0.5), a_call(0.9, taken_s=10.0, done_s=4.0))
    assert 1 in found[20:45]
