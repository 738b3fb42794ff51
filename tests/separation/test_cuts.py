"""How the separation stage is fed changes nothing, by the harness that all stages pass."""

from itertools import pairwise

import pytest

from speakerline.services.separation.stage import SeparationStage, Separator
from speakerline.shared import codec
from speakerline.shared.contract.v1 import CallStarted, Encoding, Overlap
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import OVERLAPS, SEPARATION
from speakerline.shared.runtime.log import LAST_NUMBER, Logged
from speakerline.shared.runtime.stage import Event
from tests.runtime.cuts import ENTRY_BY_ENTRY, WHOLE, Cut, Sound, run_stage
from tests.separation.test_stage import RATE, outputs, voiceprint

CALL = CallStarted("c", RATE, Encoding.MULAW, 1)
FRAMES = [(at, bytes((at * number) % 251 for number in range(800))) for at in range(800, 20 * RATE, 800)]
TIMES = [(1200, 2000), (2000, 2600), (4100, 4300), (4350, 4420), (9700, 10_000), (10_000, 11_000), (15_300, 15_900)]


def overlaps() -> list[Logged]:
    """Told at grid points of 1 s, with the watermarks that the embedding stage writes in between."""
    told = [(-(-end // 1000) * 1000, Overlap(f"O{n}", 0, start, end, 2)) for n, (start, end) in enumerate(TIMES)]
    entries = [Logged(at, n, Event(OVERLAPS, at, body)) for n, (at, body) in enumerate(told)]
    marks = [Logged(at - 1, LAST_NUMBER, None) for at in range(1000, 20_000, 1000)]
    return [*sorted([*entries, *marks], key=lambda one: (one.position, one.number)), Logged(LAST_POSITION, 0, None)]


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(ENTRY_BY_ENTRY, id="entry by entry"),
        pytest.param(Cut(reopened=True), id="opened anew after every step"),
        pytest.param(Cut(pieces=1), id="in pieces by chance"),
        pytest.param(Cut(careful=True, reopened=True, pieces=2), id="all of that"),
    ],
)
async def test_how_it_is_fed_changes_nothing(cut: Cut) -> None:
    async def told(how: Cut) -> list[tuple[str, bytes]]:
        stage = SeparationStage(Separator("made", outputs(2), voiceprint))
        found = await run_stage(stage, SEPARATION, CALL, Sound(CALL, FRAMES), {"overlaps": overlaps()}, how)
        return [(one.id, codec.write(one.stream, one.event)) for one in found if one.event is not None]

    whole = await told(WHOLE)
    assert len(whole) == 4
    assert all(int(a.split("-")[0]) <= int(b.split("-")[0]) for (a, _), (b, _) in pairwise(whole))
    assert await told(cut) == whole
