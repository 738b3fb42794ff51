"""Arithmetic on spans does what the same operation does on the set of their milliseconds."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from speakerline.shared.timeline.spans import Span, clip, common, length, subtract, union

spans = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6)
"""Empty ones and ones that end before they start among them."""


def instants(covered: Iterable[Span]) -> set[int]:
    return {at for start, end in covered for at in range(start, end)}


@given(spans, spans)
def test_operations_are_those_of_sets(one: list[Span], other: list[Span]) -> None:
    for found, expected in (
        (union(one), instants(one)),
        (common(one, other), instants(one) & instants(other)),
        (subtract(one, other), instants(one) - instants(other)),
    ):
        assert instants(found) == expected
        assert length(found) == len(expected)
        assert found == union(found)


@given(spans, st.tuples(st.integers(0, 14), st.integers(15, 30)))
def test_a_window_cuts_what_lies_in_it(one: list[Span], window: Span) -> None:
    assert instants(clip(one, *window)) == instants(one) & instants([window])
