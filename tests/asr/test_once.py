"""However turns come, change and go: what is decoded is decoded once, and nothing that stays is left out."""

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from speakerline.services.asr.channel import MIN_MS
from speakerline.services.asr.utterances import KEEP_MS, LONG_MS, Utterance
from speakerline.shared.contract.v1 import Separated, SeparationOutcome, Turn, TurnWithdrawn
from speakerline.shared.runtime.stage import Event
from speakerline.shared.timeline.spans import Spans, common, length, subtract, union
from tests.asr.calls import decoded, overlap, separated, turn, withdrawn

SPEAKERS = ("S1", "S2", "S3", "")


@st.composite
def calls(draw: st.DrawFn) -> list[Event]:
    """A minute of turns by up to three speakers: they grow second by second, overlap, are revised and withdrawn."""
    rng = Random(draw(st.integers(0, 2**32)))
    talk = draw(
        st.lists(
            st.tuples(st.integers(0, 50_000), st.integers(150, 30_000), st.sampled_from(SPEAKERS)),
            min_size=1,
            max_size=9,
        )
    )
    events: list[Event] = []
    for number, (start, size, speaker) in enumerate(talk):
        end = min(start + size, 58_000)
        for at in range(start // 1000 * 1000 + 1000, end + 1000, 1000):
            if min(end, at) > start:
                events.append(turn(at, f"T{number}", start, min(end, at), speaker))
        at = -(-end // 1000) * 1000 + draw(st.integers(0, 8)) * 1000
        match draw(st.integers(0, 5)):
            case 0:
                events.append(withdrawn(at, f"T{number}"))
            case 1:
                shift = draw(st.integers(-900, 900))
                events.append(turn(at, f"T{number}", max(0, start + shift), max(end, start + shift + 1), speaker))
            case 2:
                events.append(turn(at, f"T{number}", start, end, rng.choice(SPEAKERS)))
    for number, (one, other) in enumerate(pairwise(sorted((start, start + size) for start, size, _ in talk))):
        begin, end = max(one[0], other[0]), min(one[1], other[1], 57_000)
        if end > begin and not any(begin < b and a < end for a, b in _regions(events)):
            at = -(-end // 1000) * 1000
            events.append(overlap(at, f"O{number}", begin, end))
            wide = begin - draw(st.integers(0, 300)), end + draw(st.integers(0, 300))
            wide = max(0, wide[0]), wide[1]
            if not any(wide[0] < b and a < wide[1] for a, b in _regions(events)):
                outcome = draw(st.sampled_from(list(SeparationOutcome)[1:]))
                speakers = draw(st.permutations(SPEAKERS))[:2]
                events.append(separated(at + draw(st.integers(1, 9)) * 500, f"O{number}", *wide, speakers, outcome))
    return sorted(events, key=lambda event: (event.position, event.stream))


def _regions(events: list[Event]) -> Spans:
    return [(event.body.start_ms, event.body.end_ms) for event in events if isinstance(event.body, Separated)]


def _separated(events: list[Event]) -> list[Separated]:
    bodies = [event.body for event in events if isinstance(event.body, Separated)]
    return [one for one in bodies if one.outcome == SeparationOutcome.SEPARATED]


def _settled(events: list[Event]) -> Spans:
    """Where turns are in the end, as far as that was known before the sound was gone."""
    last: dict[str, Spans] = {}
    in_time: dict[str, Spans] = {}
    for event in events:
        if isinstance(event.body, Turn):
            one = event.body
            last[one.turn_id] = [(one.start_ms, one.end_ms)]
            in_time.setdefault(one.turn_id, []).append((max(one.start_ms, event.position - KEEP_MS), one.end_ms))
        elif isinstance(event.body, TurnWithdrawn):
            last.pop(event.body.turn_id, None)
    return union(span for key, spans in last.items() for span in common(spans, union(in_time[key])))


def _mixture(events: list[Event]) -> list[Utterance]:
    return [one for _, one in decoded(events) if not one.source_id]


@given(calls())
def test_words_of_an_instant_of_the_mixture_count_in_at_most_one_utterance(events: list[Event]) -> None:
    zones = [one.zone for one in _mixture(events)]
    assert length(zones) == length(union(zones))


@given(calls())
def test_every_settled_instant_of_the_mixture_is_decoded_but_slivers(events: list[Event]) -> None:
    """Separated or not: a bad separation costs none of it."""
    heard = union(one.zone for one in _mixture(events))
    assert all(end - start < MIN_MS for start, end in subtract(_settled(events), heard))


@given(calls())
def test_every_source_is_decoded_once(events: list[Event]) -> None:
    found = [one for _, one in decoded(events) if one.source_id]
    expected = sorted(source.source_id for one in _separated(events) for source in one.sources)
    assert sorted(one.source_id for one in found) == expected


@given(calls())
def test_the_context_of_a_source_is_its_speakers_and_not_decoded(events: list[Event]) -> None:
    for _, one in decoded(events):
        own = [part.span for part in one.parts if part.source_id]
        if own:
            assert own == [one.zone]
            assert all(
                part.end_ms == own[0][0] or part.start_ms == own[0][1] for part in one.parts if not part.source_id
            )


@given(calls())
def test_no_utterance_of_the_mixture_is_long(events: list[Event]) -> None:
    for _, one in decoded(events):
        assert one.end_ms - one.start_ms <= LONG_MS + 1000 or one.source_id


@given(calls(), st.lists(st.integers(0, 60_000), max_size=8), st.booleans())
def test_neither_passing_time_nor_restarts_change_what_is_decoded(
    events: list[Event], passed: list[int], reopened: bool
) -> None:
    assert decoded(events, reopened=reopened, passed=passed) == decoded(events)


@given(calls())
def test_positions_never_go_back_and_names_come_once(events: list[Event]) -> None:
    found = decoded(events)
    assert [at for at, _ in found] == sorted(at for at, _ in found)
    names = [one.transcript_id for _, one in found]
    assert len(set(names)) == len(names)


def test_late_turns_are_decoded_as_far_back_as_sound_is_kept() -> None:
    events = [turn(30_000, "T1", 28_000, 29_000), turn(31_000, "T2", 31_000 - KEEP_MS - 3000, 27_000)]
    ((_, one), _) = sorted(decoded(events), key=lambda pair: pair[1].start_ms)
    assert one.start_ms == 31_000 - KEEP_MS
