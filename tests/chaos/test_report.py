"""How a timeline differs from the one that it must be."""

import pytest

from tests.chaos.report import difference


@pytest.mark.parametrize(
    ("got", "expected", "told"),
    [
        pytest.param([b"a", b"c"], [b"a", b"b", b"c"], "2 events, expected 3: 1 missing, the first b", id="missing"),
        pytest.param([b"a", b"a"], [b"a"], "2 events, expected 1: 1 not expected, the first a", id="told twice"),
        pytest.param(
            [b"a", b"x", b"y"],
            [b"a", b"b"],
            "3 events, expected 2: 1 missing, the first b; 2 not expected, the first x",
            id="others",
        ),
        pytest.param(
            [b"a", b"c", b"b"],
            [b"a", b"b", b"c"],
            "3 events, expected 3: another order from 1 on, where c comes first",
            id="order",
        ),
    ],
)
def test_what_is_different(got: list[bytes], expected: list[bytes], told: str) -> None:
    assert difference(got, expected) == told
