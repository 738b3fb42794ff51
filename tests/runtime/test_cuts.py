"""The toys keep the rule that all stages must keep: how they are fed changes nothing."""

import pytest

from tests.runtime.cuts import ENTRY_BY_ENTRY, WHOLE, Cut, run_pipeline
from tests.runtime.playing import a_call, frames_of
from tests.runtime.reference import numbered
from tests.runtime.toy_stages import STAGES


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(ENTRY_BY_ENTRY, id="entry by entry"),
        pytest.param(Cut(reopened=True), id="opened anew after every step"),
        pytest.param(Cut(pieces=1), id="in pieces by chance"),
        pytest.param(Cut(careful=True, reopened=True, pieces=2), id="all of that"),
    ],
)
async def test_how_a_stage_is_fed_changes_nothing(cut: Cut) -> None:
    call, frames = a_call("c"), numbered(frames_of(1, 200))
    assert await run_pipeline(STAGES, call, frames, cut) == await run_pipeline(STAGES, call, frames, WHOLE)
