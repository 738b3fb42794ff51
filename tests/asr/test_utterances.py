"""What is decoded, and when."""

from services.asr.line import Line, Part
from services.asr.utterances import LONG_MS, SHORTEST_CUT_MS, WAIT_MS, Utterances
from shared.contract.v1 import Separated, SeparationOutcome, SpeakerSource
from shared.runtime.stage import Event
from tests.asr.calls import decoded, overlap, separated, spans, turn, withdrawn


def test_a_turn_is_decoded_when_it_has_not_grown_for_a_second():
    found = decoded([turn(2000, "T1", 500, 1700), turn(3000, "T1", 500, 2400)])
    assert [(at, one.start_ms, one.end_ms, one.zone) for at, one in found] == [(4000, 500, 2400, (300, 2600))]


def test_nothing_is_decoded_before_the_window_that_could_make_it_longer():
    book = Utterances(1)
    book.take(turn(2000, "T1", 500, 1700))
    assert book.next_due(2999) is None
    due = book.next_due(3000)
    assert due and due.at_ms == 3000


def test_two_speakers_one_after_the_other_are_two_utterances_with_no_margin_between():
    found = decoded([turn(3000, "T1", 0, 2000), turn(3000, "T2", 2000, 3500, "S2")])
    assert [one.zone for _, one in found] == [(0, 2000), (2000, 3700)]


def test_turns_of_two_channels_have_nothing_to_do_with_each_other():
    found = decoded([turn(3000, "T1", 0, 2000), turn(3000, "T2", 0, 2000, "S2", channel=1)])
    assert [(one.channel, one.start_ms, one.end_ms) for _, one in found] == [(0, 0, 2000), (1, 0, 2000)]


def test_overlapping_turns_without_an_overlap_are_decoded_once_for_who_began():
    found = decoded([turn(4000, "T1", 0, 3000), turn(4000, "T2", 2000, 3900, "S2")])
    assert spans(found) == [(0, 3000, ""), (3000, 3900, "")]


def test_a_turn_waits_for_word_of_its_overlap_and_is_composed_with_its_source():
    events = [
        overlap(5000, "O1", 3000, 4000),
        turn(5000, "T1", 0, 4900),
        turn(5000, "T2", 3100, 4000, "S2"),
        separated(9000, "O1", 3000, 4000),
    ]
    (_, first), (_, second) = found = decoded(events)
    assert [at for at, _ in found] == [9000, 9000]
    assert spans([(0, first)]) == [(0, 3000, ""), (3000, 4000, "O1.0"), (4000, 4900, "")]
    assert spans([(0, second)]) == [(3000, 4000, "O1.1")]


def test_a_source_that_nobodys_turn_takes_is_decoded_by_itself():
    events = [overlap(5000, "O1", 3000, 4000), turn(5000, "T1", 0, 4900), separated(9000, "O1", 3000, 4000, ("S1", ""))]
    assert spans(decoded(events)) == [(0, 3000, ""), (3000, 4000, "O1.0"), (4000, 4900, ""), (3000, 4000, "O1.1")]


def test_a_source_that_is_given_to_another_speaker_later_is_not_decoded_again():
    events = [
        overlap(5000, "O1", 3000, 4000),
        turn(5000, "T1", 0, 4900),
        turn(5000, "T2", 3000, 4000, "S2"),
        separated(9000, "O1", 3000, 4000),
        separated(12_000, "O1", 3000, 4000, ("S2", "S1"), revision=2),
    ]
    assert sorted(source for *_, source in spans(decoded(events)) if source) == ["O1.0", "O1.1"]


def test_a_source_that_is_given_to_another_speaker_at_the_end_of_the_call_is_not_decoded_again():
    """Nothing is remembered of it by then."""
    events = [
        overlap(5000, "O1", 3000, 4000),
        turn(5000, "T1", 0, 4900),
        separated(9000, "O1", 3000, 4000),
        turn(200_000, "T2", 198_000, 199_000),
        separated(201_000, "O1", 3000, 4000, ("S2", "S1"), revision=2),
        turn(201_000, "T1", 0, 4950),
    ]
    assert sorted(source for *_, source in spans(decoded(events)) if source) == ["O1.0", "O1.1"]


def test_a_source_that_is_decoded_in_pieces_loses_none():
    """What lies between had been decoded before the source came; a long turn may be cut there."""
    line = Line()
    line.claim([Part(1400, 1600)])
    (event,) = [separated(9000, "O1", 1000, 2000, ("S1", ""))]
    line.take_separated(event.body)
    ((region, mine), (_, nobodys)) = line.left_sources()
    assert [part.span for part in region.parts(mine)] == [(1000, 1200), (1800, 2000)]
    line.claim(region.parts(mine)[:1])
    assert [part.span for part in region.parts(mine)] == [(1800, 2000)]
    assert len(region.parts(nobodys)) == 2
    line.take_separated(separated(9500, "O1", 1000, 2000, ("S2", "S1"), revision=2).body)
    assert next([part.span for part in region.parts(one)] for _, one in line.left_sources()) == [(1800, 2000)]


def test_pieces_of_a_source_that_nobodys_turn_takes_are_utterances_of_their_own():
    events = [turn(3000, "T1", 1400, 1600, "S3"), separated(9000, "O1", 1000, 2000, ("", ""))]
    found = decoded(events)
    assert [(one.parts[0].source_id, one.zone) for _, one in found[1:]] == [
        ("O1.0", (1000, 1200)),
        ("O1.0", (1800, 2000)),
        ("O1.1", (1000, 1200)),
        ("O1.1", (1800, 2000)),
    ]


def test_an_overlap_that_was_not_separated_is_decoded_once_and_marked():
    failed = separated(9000, "O1", 3000, 4000, outcome=SeparationOutcome.FAILED)
    events = [overlap(5000, "O1", 3000, 4000), turn(5000, "T1", 0, 4900), turn(5000, "T2", 3000, 4000, "S2"), failed]
    ((_, one),) = decoded(events)
    assert spans([(0, one)]) == [(0, 4900, "")]
    assert one.mixed == ((3000, 4000),)


def test_an_overlap_that_turned_out_to_be_one_voice_is_not_marked():
    one_voice = separated(9000, "O1", 3000, 4000, outcome=SeparationOutcome.ONE_VOICE)
    ((_, one),) = decoded([overlap(5000, "O1", 3000, 4000), turn(5000, "T1", 0, 4900), one_voice])
    assert one.mixed == ()


def test_an_overlap_nobody_speaks_about_is_not_waited_for_without_end():
    ((at, one),) = decoded([overlap(5000, "O1", 3000, 4000), turn(5000, "T1", 0, 4900), turn(90_000, "T2", 0, 1)])[:1]
    assert at == 5000 + WAIT_MS
    assert one.mixed == ((3000, 4000),)


def test_a_long_turn_is_cut_and_the_rest_stays_open():
    growing = [turn(at, "T1", 0, at) for at in range(1000, 45_000, 1000)]
    found = decoded(growing)
    assert [one.start_ms for _, one in found] == [0, SHORTEST_CUT_MS, 2 * SHORTEST_CUT_MS]
    assert all(one.end_ms - one.start_ms <= LONG_MS for _, one in found)
    assert [one.transcript_id for _, one in found] == ["W1", "W2", "W3"]


def test_a_long_turn_is_never_cut_inside_a_source():
    events = [turn(at, "T1", 0, at) for at in range(1000, 12_000, 1000)]
    events += [overlap(12_000, "O1", 11_000, 23_000)]
    events += [turn(at, "T1", 0, at) for at in range(12_000, 25_000, 1000)]
    events += [separated(25_000, "O1", 11_000, 23_000)]
    first = decoded(events)[0][1]
    assert spans([(0, first)]) == [(0, 11_000, ""), (11_000, 23_000, "O1.0")]


def test_what_was_decoded_is_not_decoded_again_when_turns_change():
    events = [turn(3000, "T1", 0, 2000), turn(8000, "T1", 0, 1200), turn(8000, "T9", 1200, 2000, "S2")]
    assert spans(decoded(events)) == [(0, 2000, "")]


def test_what_a_revision_adds_is_decoded():
    events = [turn(3000, "T1", 0, 2000), turn(8000, "T1", 0, 3500)]
    assert spans(decoded(events)) == [(0, 2000, ""), (2200, 3500, "")]


def test_an_edge_that_moves_within_the_margin_costs_nothing():
    assert spans(decoded([turn(3000, "T1", 500, 2000), turn(8000, "T1", 310, 2190)])) == [(500, 2000, "")]


def test_a_turn_that_is_withdrawn_in_time_is_not_decoded():
    assert decoded([turn(2000, "T1", 0, 1900), withdrawn(2500, "T1")]) == []


def test_sound_that_may_be_gone_is_not_asked_for():
    found = decoded([turn(60_000, "T1", 58_000, 59_000), turn(90_000, "T2", 20_000, 88_000, "S2")])
    assert min(one.start_ms for _, one in found if one.start_ms != 58_000) >= 78_000


def test_sound_is_kept_while_something_open_needs_it_and_no_longer():
    book = Utterances(1)
    book.take(overlap(5000, "O1", 3000, 4000))
    book.take(turn(5000, "T1", 1000, 4900))
    assert book.needed_from_ms(0, 23_000) == 700
    due = book.next_due(60_000)
    assert due
    book.decode(due)
    assert book.needed_from_ms(0, 60_000) == 47_700


def test_an_open_turn_says_what_it_has_under_the_name_of_its_final():
    book = Utterances(1)
    book.take(turn(2000, "T1", 500, 2000))
    book.take(turn(3000, "T1", 500, 3000))
    (one,) = book.open()
    assert (one.transcript_id, one.revision, one.zone) == ("W1", 2, (500, 3000))
    due = book.next_due(9000)
    assert due
    (final,) = book.decode(due)
    assert (final.transcript_id, final.revision) == ("W1", 3)
    assert book.open() == []


def test_a_turn_that_had_nothing_left_to_say_speaks_again_under_another_name():
    """What was shown under the first name has been ended by then, and an ended transcript takes no words."""
    book = Utterances(1)
    book.take(turn(2000, "T2", 500, 2000))
    (shown,) = book.open()
    book.take(turn(2000, "T1", 0, 2000, "S2"))
    assert shown.transcript_id not in {one.transcript_id for one in book.open()}
    book.take(turn(3000, "T2", 500, 3000))
    named = {(one.start_ms, one.end_ms): one.transcript_id for one in book.open()}
    assert named.keys() == {(0, 2000), (2000, 3000)}
    assert shown.transcript_id not in named.values()


def test_a_source_with_nothing_left_to_decode_holds_no_sound():
    """It ends where the sound had been decoded before it came."""
    book = Utterances(1)
    book.take(turn(3000, "T1", 1000, 2000))
    due = book.next_due(3000)
    assert due
    book.decode(due)
    source = SpeakerSource("O1.0", "S1", 0.9, 1000, 2000)
    fields = {"outcome": SeparationOutcome.SEPARATED, "sources": [source]}
    book.take(Event("turns", 4000, Separated("X1", 1, 0, 1000, 3000, **fields)))
    book.take(turn(4000, "T1", 1000, 4000))
    while due := book.next_due(60_000):
        book.decode(due)
    book.take(turn(60_000, "T2", 59_000, 60_000))
    assert book.needed_from_ms(0, 60_000) == 47_700
