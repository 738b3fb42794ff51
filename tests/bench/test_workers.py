"""What the bench tells of several workers of each stage: medians of rounds, and ratios to one worker."""

from speakerline.tools.bench.arithmetic import Lags
from speakerline.tools.bench.load import Trial
from speakerline.tools.bench.memory import CallMemory
from speakerline.tools.bench.system import PARTS
from speakerline.tools.bench.workers import Measured, capacity_table, cost_table


def measured(capacity: int, cost_ms: float, lag_s: float = 0.4, others: float = 0.0) -> Measured:
    """A round in which each part takes so many ms of CPU for a second of audio."""
    cost = dict.fromkeys(PARTS, cost_ms / 1000)
    few = Trial(10, 100, 200.0, Lags(turn=[lag_s]), cost, {}, {}, CallMemory(0, 0, 0, 0), others, [], 0)
    return Measured(0.04, few, capacity)


FOUND = {
    1: [measured(30, 10), measured(36, 12, lag_s=0.42, others=0.3), measured(34, 8)],
    2: [measured(33, 12), measured(17, 11), measured(34, 20)],
}


def test_a_row_has_the_medians_of_its_rounds_and_their_ratio_to_one_worker() -> None:
    parts = len(PARTS)
    assert capacity_table(FOUND, 10).rows == [
        ["1", "34", "1.00", "30, 36, 34", "0.04", f"{10 * parts:.1f}", "1.00", "400", "0.30"],
        ["2", "33", "0.97", "33, 17, 34", "0.04", f"{12 * parts:.1f}", "1.20", "400", "0.00"],
    ]


def test_each_part_has_its_ratio() -> None:
    table = cost_table(FOUND, 10)
    assert table.columns == ["", "1", "2", "ratio, 2"]
    assert table.rows[0] == [PARTS[0], "10.00", "12.00", "1.20"] and len(table.rows) == len(PARTS)


def test_where_one_worker_holds_nothing_there_is_no_ratio() -> None:
    assert [row[2] for row in capacity_table({1: [measured(0, 1)], 2: [measured(3, 1)]}, 10).rows] == ["-", "-"]
