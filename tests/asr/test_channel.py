"""Whose an instant of the sound is, to the millisecond: margins, slivers, waiting, sources, what may be forgotten."""

import pytest

from speakerline.services.asr.utterances import WAIT_MS, Utterance, Utterances
from speakerline.shared.contract.v1 import SeparationOutcome
from speakerline.shared.runtime.stage import Event
from tests.asr.calls import decoded, overlap, separated, spans, turn, withdrawn


def zones(events: list[Event]) -> list[tuple[int, int]]:
    return [one.zone for _, one in decoded(events)]


def source(events: list[Event], source_id: str = "O1.0") -> Utterance:
    (found,) = [one for _, one in decoded(events) if one.source_id == source_id]
    return found


@pytest.mark.parametrize(("end_ms", "decoded_at"), [(2000, 3000), (2001, 4000)])
def test_a_turn_is_closed_a_second_after_its_end_and_that_is_seen_at_the_grid(end_ms: int, decoded_at: int) -> None:
    assert [at for at, _ in decoded([turn(2500, "T1", 0, end_ms)])] == [decoded_at]


@pytest.mark.parametrize(("end_ms", "left"), [(2299, []), (2300, [(2200, 2300, "")])])
def test_what_is_shorter_than_a_tenth_of_a_second_is_not_decoded(end_ms: int, left: list) -> None:
    assert spans(decoded([turn(3000, "T1", 0, 2000), turn(8000, "T1", 0, end_ms)]))[1:] == left


def test_between_two_turns_the_first_takes_what_lies_between_as_far_as_its_margin_goes() -> None:
    assert zones([turn(3000, "T1", 1000, 2000), turn(3000, "T2", 2100, 3000, "S2")]) == [(800, 2100), (2100, 3200)]
    assert zones([turn(3000, "T1", 1000, 2000), turn(3000, "T2", 2250, 3000, "S2")]) == [(800, 2200), (2200, 3200)]


def test_a_margin_does_not_go_beyond_the_start_of_the_call() -> None:
    assert zones([turn(3000, "T1", 50, 2000)]) == [(0, 2200)]


def test_a_margin_does_not_go_across_another_turn() -> None:
    events = [turn(3000, "T1", 1000, 2000), turn(3000, "T2", 850, 900, "S2"), turn(3000, "T3", 2050, 2120, "S2")]
    assert zones(events) == [(900, 2050)], "and what is too short to be decoded is nobody else's"


def test_a_margin_does_not_go_into_an_overlap_that_waits() -> None:
    assert zones([overlap(2500, "O1", 2050, 2600), turn(2500, "T1", 1000, 2000)]) == [(800, 2050)]
    assert zones([overlap(2500, "O1", 400, 900), turn(2500, "T1", 1000, 2000)]) == [(900, 2200)]


def test_of_two_turns_that_begin_at_once_the_one_that_was_named_first_has_the_sound() -> None:
    events = [turn(3000, "T10", 0, 2500, "S2"), turn(3000, "T9", 0, 2000)]
    assert spans(decoded(events)) == [(0, 2000, ""), (2000, 2500, "")]
    assert [one.transcript_id for _, one in decoded(events)] == ["W2", "W1"], "T10 had a name first"


def test_a_turn_waits_only_for_an_overlap_that_lies_in_it() -> None:
    assert [at for at, _ in decoded([overlap(2500, "O1", 2000, 2600), turn(2500, "T1", 0, 2000)])] == [3000]
    waiting = decoded([overlap(2500, "O1", 1999, 2600), turn(2500, "T1", 0, 2000)])
    assert [at for at, _ in waiting] == [2500 + WAIT_MS]


@pytest.mark.parametrize("outcome", [SeparationOutcome.FAILED, SeparationOutcome.SHED])
def test_every_overlap_that_was_waited_for_in_vain_is_marked_as_mixed(outcome: SeparationOutcome) -> None:
    events = [
        overlap(5000, "O1", 1000, 1400),
        overlap(5000, "O2", 3000, 3300),
        turn(5000, "T1", 0, 4900),
        separated(5500, "O2", 3000, 3300, outcome=outcome),
        separated(6000, "O1", 1000, 1400, outcome=outcome),
    ]
    ((at, one),) = decoded(events)
    assert (at, one.mixed, one.separated) == (6000, ((1000, 1400), (3000, 3300)), ())


def test_what_was_mixed_is_marked_only_within_an_utterance() -> None:
    """The overlap reaches from one turn into the next."""
    failed = separated(6000, "O1", 1500, 2500, outcome=SeparationOutcome.FAILED)
    events = [overlap(5000, "O1", 1500, 2500), turn(5000, "T1", 0, 2000), turn(5000, "T2", 2000, 4000, "S2"), failed]
    assert [one.mixed for _, one in decoded(events)] == [((1500, 2000),), ((2000, 2500),)]


def test_the_context_of_a_source_is_a_second_and_a_half_on_each_side() -> None:
    events = [turn(9000, "T1", 0, 9000), separated(9500, "O1", 3000, 4000)]
    own = source(events)
    assert spans([(0, own)]) == [(1500, 3000, ""), (3000, 4000, "O1.0"), (4000, 5500, "")]
    assert (own.zone, own.start_ms, own.end_ms, own.revision) == ((3000, 4000), 1500, 5500, 1)


def test_the_context_of_a_source_touches_it() -> None:
    """Its speaker's turn ends a moment before, and the next begins a moment after."""
    events = [turn(9000, "T1", 0, 2999), turn(9000, "T2", 4001, 6000), separated(9500, "O1", 3000, 4000)]
    assert spans([(0, source(events))]) == [(3000, 4000, "O1.0")]


def test_the_context_of_a_source_holds_no_other_separated_stretch_and_no_sound_that_is_gone() -> None:
    events = [turn(9000, "T1", 0, 9000), separated(9400, "O2", 2000, 2500), separated(9500, "O1", 3000, 4000)]
    assert spans([(0, source(events))])[0] == (2500, 3000, "")
    late = [turn(9000, "T1", 0, 9000), separated(14_500, "O1", 3000, 4000)]
    assert spans([(0, source(late))])[0] == (2500, 3000, ""), "12 s are kept"


def test_turns_of_nobody_known_are_no_context_of_a_source_of_nobody_known() -> None:
    events = [turn(9000, "T1", 0, 9000, ""), separated(9500, "O1", 3000, 4000, ("", "S2"))]
    assert spans([(0, source(events))]) == [(3000, 4000, "O1.0")]


def test_sound_is_held_until_every_source_is_decoded() -> None:
    book = Utterances(1)
    book.take(separated(4000, "O1", 2600, 3000))
    for _ in range(2):
        assert book.needed_from_ms(0, 30_000) == 2600 - 1500 - 300
        found = book.next_due(5000)
        assert found
        book.decode(found)
    assert book.needed_from_ms(0, 30_000) == 17_700


@pytest.mark.parametrize(
    ("sound_ms", "own_ms"),
    [((3200, 3800), (3200, 3800)), ((2900, 4100), (3000, 4000)), ((2900, 3001), (3000, 3001))],
)
def test_of_a_source_only_what_was_separated_is_decoded(sound_ms: tuple[int, int], own_ms: tuple[int, int]) -> None:
    event = separated(9000, "O1", 3000, 4000)
    event.body.sources[0].start_ms, event.body.sources[0].end_ms = sound_ms  # type: ignore[union-attr]
    own = source([event])
    assert own.zone == own_ms
    assert [(part.span, part.sound_ms) for part in own.parts] == [(own_ms, sound_ms[0])]


def test_a_source_is_decoded_when_its_context_is_there() -> None:
    found = decoded([separated(2500, "O1", 1000, 2000), turn(9000, "T1", 8000, 8500)])
    assert [(at, one.source_id) for at, one in found] == [(3000, "O1.0"), (3000, "O1.1"), (10_000, "")]


@pytest.mark.parametrize(("end_ms", "count"), [(3500, 0), (3501, 2)])
def test_a_separation_of_sound_that_may_be_gone_is_passed_over(end_ms: int, count: int) -> None:
    assert len(decoded([separated(15_500, "O1", 2600, end_ms)])) == count


def test_of_a_separation_that_is_told_again_only_what_was_not_decoded_is_decoded() -> None:
    """The first told of one source; the second speaker is found before that one was decoded, and the third after."""
    events = [
        separated(4000, "O1", 1000, 3500, ("S1",)),
        separated(4200, "O1", 1000, 3500, ("S1", "S2"), revision=2),
        separated(6000, "O1", 1000, 3500, ("S2", "S1", "S3"), revision=3),
    ]
    assert [(at, one.source_id) for at, one in decoded(events)] == [(5000, "O1.0"), (5000, "O1.1"), (6000, "O1.2")]


def growing(*end_ms: int, start_ms: int = 0) -> list[Event]:
    """A turn that is told again and again, and at last with these ends."""
    ends = [*range(start_ms + 1000, 20_000, 1000), *end_ms]
    return [turn(at, "T1", start_ms, at) for at in ends]


def due(events: list[Event], through_ms: int = 10**9) -> tuple[int, tuple[tuple[int, int], ...]]:
    book = Utterances(1)
    for event in events:
        book.take(event)
    found = book.next_due(through_ms)
    assert found
    return found.at_ms, found.search


def test_a_turn_of_more_than_twenty_seconds_is_cut_once_that_is_known() -> None:
    assert due(growing(20_000)) == (21_000, ())
    assert due(growing(20_001)) == (20_001, ((12_000, 19_501),))
    assert due(growing(26_000)) == (26_000, ((12_000, 20_000),))


def test_a_long_turn_is_cut_before_an_overlap_that_waits() -> None:
    assert due([*growing(), overlap(20_900, "O1", 15_000, 16_000), *growing(21_000)[-1:]]) == (
        21_000,
        ((12_000, 14_800),),
    )
    assert due([*growing(), overlap(20_900, "O1", 20_000, 21_000), *growing(21_000)[-1:]]) == (
        21_000,
        ((12_000, 20_000),),
    )


def test_where_an_overlap_leaves_no_place_for_a_cut_it_is_waited_for() -> None:
    before, last = growing(), growing(21_000)[-1]
    waiting = due([*before, overlap(20_000, "O1", 12_200, 13_000), last])
    assert waiting == (20_000 + WAIT_MS, ((12_000, 20_000),))
    assert due([*before, overlap(20_000, "O1", 12_201, 13_000), last]) == (21_000, ((12_000, 12_001),))


def test_a_cut_parts_a_turn_without_a_margin_and_the_rest_has_the_next_name() -> None:
    book = Utterances(1)
    for event in growing(25_000, start_ms=1000):
        book.take(event)
    found = book.next_due(25_000)
    assert found
    (first,) = book.decode(found, 15_000)
    (rest,) = book.open()
    assert (first.transcript_id, first.zone, first.revision) == ("W1", (1000, 15_000), 20)
    assert (rest.transcript_id, rest.zone, rest.revision) == ("W2", (15_000, 25_000), 1)


def test_what_is_due_at_once_comes_by_channel_and_then_by_name() -> None:
    events = [
        turn(3000, "T10", 1500, 2000, channel=1),
        turn(3000, "T9", 0, 1400, channel=1),
        turn(3000, "T11", 0, 2000),
        turn(3000, "T8", 500, 1900, channel=2),
    ]
    found = [(at, one.channel, one.start_ms) for at, one in decoded(events)]
    assert found == [(3000, 0, 0), (3000, 1, 0), (3000, 1, 1500), (3000, 2, 500)]


def test_an_open_turn_shows_its_first_stretch_alone() -> None:
    """Another turn within it was decoded before it was found."""
    book = Utterances(1)
    book.take(turn(1500, "T1", 500, 1500, "S2"))
    found = book.next_due(3000)
    assert found
    book.decode(found)
    book.take(turn(4000, "T2", 0, 4000))
    assert [(one.transcript_id, one.start_ms, one.end_ms, one.zone) for one in book.open()] == [
        ("W2", 0, 300, (0, 300))
    ]
    assert spans([(0, one) for one in book.decode(book.next_due(9000))]) == [(0, 300, ""), (1700, 4000, "")]  # type: ignore[arg-type]


def test_a_withdrawn_turn_leaves_its_sound_to_others_on_its_channel() -> None:
    events = [turn(2500, "T1", 0, 2000), turn(2500, "T2", 500, 2400, "S2"), withdrawn(2600, "T1")]
    assert spans(decoded(events)) == [(500, 2400, "")]


def test_sound_is_needed_from_three_tenths_of_a_second_before_what_is_open() -> None:
    book = Utterances(2)
    book.take(turn(15_000, "T1", 4000, 14_900))
    assert [book.needed_from_ms(channel, 20_000) for channel in (0, 1)] == [3700, 7700]
    assert [book.needed_from_ms(channel, 12_100) for channel in (0, 1)] == [0, 0]


def test_an_overlap_holds_its_sound_until_it_is_not_waited_for_any_more() -> None:
    book = Utterances(1)
    book.take(overlap(5000, "O1", 3000, 4000))
    assert book.needed_from_ms(0, 5000 + WAIT_MS + 11_999) == 2700
    assert book.needed_from_ms(0, 5000 + WAIT_MS + 12_000) == 24_700


def test_of_an_hour_of_talk_little_is_remembered() -> None:
    book, sizes = Utterances(1), []
    for at in range(10_000, 600_000, 10_000):
        book.take(overlap(at, f"O{at}", at - 3000, at - 2000))
        book.take(turn(at, f"T{at}", at - 9000, at - 1500))
        book.take(turn(at, f"U{at}", at - 3000, at - 2000, "S2"))
        book.take(separated(at + 1000, f"O{at}", at - 3000, at - 2000))
        while found := book.next_due(at + 3000):
            book.decode(found)
        sizes.append(len(book.snapshot()))
    assert max(sizes) < 1500
    assert sizes[-1] <= sizes[9] + 40, "but for the digits of later times"


def test_overlaps_that_nobody_speaks_about_are_forgotten() -> None:
    alone, among_turns = Utterances(1), Utterances(1)
    for at in range(10_000, 600_000, 10_000):
        alone.take(overlap(at, f"O{at}", at - 3000, at - 2000))
        among_turns.take(overlap(at, f"O{at}", at - 3000, at - 2000))
        among_turns.take(turn(at, f"T{at}", at - 9000, at - 1500))
        while found := among_turns.next_due(at):
            among_turns.decode(found)
    assert len(alone.snapshot()) < 400
    assert len(among_turns.snapshot()) < 1500
