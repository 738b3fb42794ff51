"""Plays the events of a call to one stage on a clock of its own, so that delays do not depend on the machine.

    sound     |-- frame --|-- frame --|
    event      at_ms ─────────────────^ + HANDLING_S     when the stage can have it
    step                                |---- cost ----| the next one begins behind it

What the stages before it take is a constant; what the stage itself takes is told step by step.
"""

import math
from collections.abc import Callable, Iterator

from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import EventBody, StageSpec
from speakerline.shared.runtime.call import SLICE_MS, WATERMARK_MS, CallWork, Uncommitted
from speakerline.shared.runtime.log import LAST_NUMBER, Logged
from speakerline.shared.runtime.offline import FRAME_MS, OfflineCall
from speakerline.shared.runtime.stage import Stage

HANDLING_S = 0.05
"""From the end of a frame until the next stage has read an event of it: as measured on an idle machine."""


async def play(
    call: OfflineCall, stage: Stage, spec: StageSpec, cost_s: Callable[[], float]
) -> list[tuple[float, EventBody]]:
    """What the stage publishes and the second at which a subscriber has it, counted from the start of the call.

    cost_s: how many seconds the stage has worked so far. The events of earlier stages must be there."""
    work, opened = CallWork(spec, call.call, {}), stage.open(call.call, {}, call)
    coming = sorted(_coming(call, work), key=lambda one: one[0])
    found: list[tuple[float, EventBody]] = []
    now_s, at = 0.0, 0
    while not work.finished:
        while at < len(coming) and coming[at][0] <= now_s:
            _, number, logged = coming[at]
            work.offer(number, [logged])
            at += 1
        unit = work.next_unit(span_ms=SLICE_MS)
        if unit is None:
            now_s = coming[at][0]
            continue
        before_s = cost_s()
        work.stepped(unit, await opened.push(unit.entries, unit.through_ms), 1.0)
        now_s += cost_s() - before_s
        outputs, work.uncommitted = work.uncommitted.outputs, Uncommitted()
        found += [(now_s + HANDLING_S, output.event) for output in outputs if output.event is not None]
    return found


def _coming(call: OfflineCall, work: CallWork) -> Iterator[tuple[float, int, Logged]]:
    """Each entry with the second at which the stage can have it and the number of its input; time passes in
    watermarks, as between workers."""
    end_ms = math.ceil(1000 * len(call.samples) / call.call.sample_rate)
    for number, name in enumerate(work.inputs):
        entries = [one for one in call.logs[name] if one.entry is not None]
        entries += [Logged(at_ms, LAST_NUMBER, None) for at_ms in range(WATERMARK_MS, end_ms, WATERMARK_MS)]
        for one in sorted(entries, key=lambda one: (one.position, one.number)):
            yield _arrival_s(min(one.position, end_ms)), number, one
        yield _arrival_s(end_ms), number, Logged(LAST_POSITION, 0, None)


def _arrival_s(position_ms: int) -> float:
    return math.ceil(position_ms / FRAME_MS) * FRAME_MS / 1000 + HANDLING_S
