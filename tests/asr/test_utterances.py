"""What is decoded, and when."""

import pytest

from speakerline.services.asr.channel import CONTEXT_MS, SOUND_MARGIN_MS
from speakerline.services.asr.utterances import LONG_MS, SHORTEST_CUT_MS, WAIT_MS, Utterances
from speakerline.shared.contract.v1 import SeparationOutcome
from tests.asr.calls import decoded, overlap, separated, spans, turn, withdrawn
from tests.bodies import body


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


def test_a_turn_waits_for_word_of_its_overlap_and_then_the_mixture_and_each_source_are_decoded():
    events = [
        overlap(5000, "O1", 3000, 4000),
        turn(5000, "T1", 0, 4900),
        turn(5000, "T2", 3100, 4000, "S2"),
        separated(9000, "O1", 3000, 4000),
    ]
    found = decoded(events)
    assert [at for at, _ in found] == [9000, 9000, 9000]
    assert spans(found) == [
        (0, 4900, ""),
        (1500, 3000, ""),
        (3000, 4000, "O1.0"),
        (4000, 4900, ""),
        (3000, 4000, "O1.1"),
    ]
    (_, mixture), (_, one), (_, other) = found
    assert [utterance.zone for _, utterance in found[1:]] == [(3000, 4000), (3000, 4000)], "the context is not decoded"
    assert (mixture.separated, mixture.mixed) == (((3000, 4000),), ())
    assert [utterance.source_id for utterance in (mixture, one, other)] == ["", "O1.0", "O1.1"]


def test_the_context_of_a_source_is_what_its_speaker_says_alone():
    events = [
        overlap(6000, "O1", 3000, 4000),
        overlap(6000, "O2", 4400, 5000),
        turn(6000, "T1", 0, 5000),
        turn(6000, "T2", 2000, 2500, "S2"),
        turn(6000, "T3", 3000, 4000, "S3"),
        separated(7000, "O1", 3000, 4000, ("S1", "")),
    ]
    own = next(one for _, one in decoded(events) if one.source_id == "O1.0")
    assert spans([(0, own)]) == [(2500, 3000, ""), (3000, 4000, "O1.0"), (4000, 4400, "")]


def test_a_source_that_is_nobodys_is_heard_without_context():
    events = [overlap(5000, "O1", 3000, 4000), turn(5000, "T1", 0, 4900), separated(9000, "O1", 3000, 4000, ("", ""))]
    assert spans(decoded(events)) == [(0, 4900, ""), (3000, 4000, "O1.0"), (3000, 4000, "O1.1")]


@pytest.mark.parametrize("span_ms", [(5000, 6000), (1000, 3000), (3500, 3500)], ids=str)
def test_a_source_without_sound_in_what_was_separated_is_not_decoded(span_ms: tuple[int, int]) -> None:
    event = separated(9000, "O1", 3000, 4000)
    body(event).sources[0].start_ms, body(event).sources[0].end_ms = span_ms
    events = [overlap(5000, "O1", 3000, 4000), turn(5000, "T1", 0, 4900), event]
    assert [source for *_, source in spans(decoded(events)) if source] == ["O1.1"]


def test_sources_that_come_after_their_mixture_was_decoded_are_decoded_all_the_same():
    events = [turn(3000, "T1", 1400, 1600), separated(9000, "O1", 1000, 2000)]
    (_, mixture), (_, one), (_, other) = decoded(events)
    assert (mixture.separated, one.zone, other.zone) == ((), (1000, 2000), (1000, 2000))


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


def test_a_source_that_was_decoded_holds_no_sound():
    book = Utterances(1)
    book.take(separated(4000, "O1", 2600, 3000))
    assert book.needed_from_ms(0, 30_000) == 2600 - CONTEXT_MS - SOUND_MARGIN_MS
    while due := book.next_due(60_000):
        book.decode(due)
    book.take(turn(60_000, "T2", 59_000, 60_000))
    assert book.needed_from_ms(0, 60_000) == 47_700


def test_an_overlap_that_waits_holds_its_sound_but_not_without_end():
    book = Utterances(1)
    book.take(overlap(5000, "O1", 3000, 4000))
    assert book.needed_from_ms(0, 5000 + WAIT_MS) == 2700
    assert book.needed_from_ms(0, 90_000) == 77_700
