"""Overlaps become regions; how time passes changes none of them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from speakerline.services.separation.regions import LONGEST_MS, Region, Regions

Told = tuple[int, int, int]
"""start_ms, end_ms, told at."""


def regions(overlaps: list[Told], asked: list[int] | None = None, channel: int = 0) -> list[Region]:
    """All regions of overlaps in order; `asked`: when else what is due was asked for."""
    book, found = Regions(1000), []
    waiting = sorted(asked or [])
    for number, (start, end, at) in enumerate(overlaps, 1):
        while waiting and waiting[0] < at:
            found += book.due(waiting.pop(0))
        found += book.due(at - 1)
        book.take(f"O{number}", channel, start, end, 2, at)
    return found + book.due(2**40)


def test_pieces_of_one_overlap_are_one_region_that_is_due_when_it_has_not_gone_on() -> None:
    (found,) = regions([(4200, 5000, 5000), (5000, 6000, 6000), (6000, 6300, 7000)])
    assert (found.start_ms, found.end_ms, found.due_ms) == (4200, 6300, 8000)
    assert found.overlap_ids == ["O1", "O2", "O3"]


def test_an_overlap_that_ends_well_before_its_grid_point_is_due_there() -> None:
    (found,) = regions([(4050, 4250, 5000)])
    assert found.due_ms == 5000
    assert found.sound_ms == (2550, 5000)


def test_near_overlaps_are_joined_and_far_ones_are_not() -> None:
    assert len(regions([(4000, 4200, 5000), (4700, 4900, 5000)])) == 1
    assert len(regions([(4000, 4200, 5000), (4750, 4900, 5000)])) == 2


def test_channels_are_apart() -> None:
    book = Regions(1000)
    book.take("O1", 0, 4000, 5000, 2, 5000)
    book.take("O2", 1, 4100, 5000, 2, 5000)
    assert [one.channel for one in book.due(6000)] == [0, 1]


def test_a_long_overlap_is_cut_and_the_first_part_does_not_wait() -> None:
    pieces = [(at - 1000, at, at) for at in range(2000, 22_000, 1000)]
    found = regions(pieces)
    assert all(one.end_ms - one.start_ms <= LONGEST_MS for one in found)
    assert [one for region in found for one in region.overlap_ids] == [f"O{n}" for n in range(1, 21)]
    assert found[0].due_ms == 10_000


def test_the_most_voices_at_once_count() -> None:
    book = Regions(1000)
    book.take("O1", 0, 4000, 4500, 2, 5000)
    book.take("O2", 0, 4500, 5000, 3, 5000)
    assert [one.voices for one in book.due(9000)] == [3]


overlaps_of_a_call = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 900), st.integers(50, 1000)), max_size=12)


@given(drawn=overlaps_of_a_call, asked=st.lists(st.integers(0, 50_000), max_size=8))
@settings(deadline=None)
def test_when_it_is_asked_changes_nothing(drawn: list[tuple[int, int, int]], asked: list[int]) -> None:
    told = sorted((grid * 1000 + a, min(grid * 1000 + a + b, grid * 1000 + 1000)) for grid, a, b in drawn)
    overlaps = [(start, end, -(-end // 1000) * 1000) for start, end in told]
    found = regions(overlaps, asked)
    assert found == regions(overlaps)
    assert sorted(one for region in found for one in region.overlap_ids) == sorted(
        f"O{number}" for number in range(1, len(overlaps) + 1)
    )
    for region in found:
        assert region.sound_ms[1] <= region.due_ms
        assert region.due_ms % 1000 == 0
