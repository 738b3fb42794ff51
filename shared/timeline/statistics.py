"""Talk statistics of a call, from its turns and words: talk time, overlaps, interruptions, monologues.

The figures are those of Amazon Contact Lens (`ConversationCharacteristics`: talk time, non-talk time, interruptions),
with definitions of our own, stated in docs/timeline.md and here, where the vendor's are not public.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from speakerline.shared.contract import v1
from speakerline.shared.timeline.spans import Span, clip, length, union
from speakerline.shared.timeline.timeline import Timeline

FLOOR_MS = 1000
"""Shorter contributions ("uh-huh") neither end another's monologue nor take the floor."""

PAUSE_MS = 2000
"""The longest pause within a monologue."""

HANDOVER_MS = 300
"""A shorter overlap is an ordinary change of turn, not an interruption."""

Voice = tuple[str, int]
"""A speaker's id and 0, or for speech of nobody known '' and its channel: one unknown voice a channel."""


@dataclass(slots=True)
class _Together:
    """Time with one voice or more, and with two or more."""

    speech_ms: int = 0
    overlap_ms: int = 0
    overlap_of: dict[Voice, int] = field(default_factory=lambda: defaultdict(int))


def summarise(timeline: Timeline, duration_ms: int) -> v1.CallSummary:
    """Statistics of the first `duration_ms` of the call, from all turns as they stand, provisional ones included."""
    talk = _talk(timeline, duration_ms)
    together = _together(talk)
    interruptions = _interruptions(talk)
    monologues = _longest_monologues(talk)
    turns, words = _turn_counts(timeline), _word_counts(timeline, duration_ms)
    known_ms = sum(length(spans) for (speaker_id, _), spans in talk.items() if speaker_id)
    gaps = union(clip(((gap.start_ms, gap.end_ms) for gap in timeline.gaps), 0, duration_ms))
    covered = union([*gaps, *(span for spans in talk.values() for span in spans)])
    speakers = [
        v1.SpeakerSummary(
            speaker_id=voice[0],
            name=_name(timeline, voice[0]),
            talk_ms=length(spans),
            talk_ratio=round(length(spans) / known_ms, 4),
            turns=turns[voice[0]],
            longest_monologue_ms=monologues[voice],
            interruptions=interruptions[voice],
            overlap_ms=together.overlap_of[voice],
            words=words[voice[0]],
            words_per_min=round(words[voice[0]] / (length(spans) / 60_000), 1),
        )
        for voice, spans in talk.items()
        if voice[0]
    ]
    return v1.CallSummary(
        duration_ms=duration_ms,
        speakers=speakers,
        speech_ms=together.speech_ms,
        overlap_ms=together.overlap_ms,
        silence_ms=duration_ms - length(covered),
        gap_ms=length(gaps),
        interruptions=sum(interruptions.values()),
        words=sum(words.values()),
    )


def _talk(timeline: Timeline, duration_ms: int) -> dict[Voice, list[Span]]:
    """When each voice talks; speakers in the order in which they were created."""
    spans: dict[Voice, list[Span]] = {(state.speaker_id, 0): [] for state in timeline.speakers.people()}
    for turn in timeline.turns.values():
        speaker_id = timeline.speakers.resolve(turn.speaker_id)
        spans.setdefault((speaker_id, 0 if speaker_id else turn.channel), []).append((turn.start_ms, turn.end_ms))
    joined = {voice: union(clip(own, 0, duration_ms)) for voice, own in spans.items()}
    return {voice: own for voice, own in joined.items() if own}


def _turn_counts(timeline: Timeline) -> Mapping[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for turn in timeline.turns.values():
        counts[timeline.speakers.resolve(turn.speaker_id)] += 1
    return counts


def _word_counts(timeline: Timeline, duration_ms: int) -> Mapping[str, int]:
    """By speaker, without superseded words."""
    counts: dict[str, int] = defaultdict(int)
    for transcript in timeline.transcripts.values():
        for word in transcript.words:
            if not word.superseded and word.start_ms < duration_ms:
                counts[timeline.speakers.resolve(word.speaker_id)] += 1
    return counts


def _name(timeline: Timeline, speaker_id: str) -> str:
    state = timeline.speakers.by_id.get(speaker_id)
    return state.name if state else ""


def _in_order(talk: Mapping[Voice, Sequence[Span]]) -> list[tuple[Span, Voice]]:
    return sorted((span, voice) for voice, spans in talk.items() for span in spans)


def _together(talk: Mapping[Voice, Sequence[Span]]) -> _Together:
    """Sweep over all starts and ends."""
    spans = _in_order(talk)
    edges = sorted([(start, 1, voice) for (start, _), voice in spans] + [(end, 0, voice) for (_, end), voice in spans])
    found = _Together()
    active: set[Voice] = set()
    before = 0
    for at, begins, voice in edges:
        if active:
            found.speech_ms += at - before
        if len(active) > 1:
            found.overlap_ms += at - before
            for one in active:
                found.overlap_of[one] += at - before
        before = at
        if begins:
            active.add(voice)
        else:
            active.discard(voice)
    return found


def _interruptions(talk: Mapping[Voice, Sequence[Span]]) -> dict[Voice, int]:
    """A voice begins while another talks, both talk for HANDOVER_MS, and it goes on FLOOR_MS after the other stops."""
    counts: dict[Voice, int] = defaultdict(int)
    active: list[Span] = []
    for (start, end), voice in _in_order(talk):
        active = [span for span in active if span[1] > start]
        taken = any(
            began < start and stops - start >= HANDOVER_MS and end - stops >= FLOOR_MS for began, stops in active
        )
        counts[voice] += taken
        active.append((start, end))
    return counts


def _longest_monologues(talk: Mapping[Voice, Sequence[Span]]) -> dict[Voice, int]:
    """From the first to the last word of a run of one voice, pauses up to PAUSE_MS included, that nobody else's
    contribution of FLOOR_MS or more begins in."""
    longest: dict[Voice, int] = {voice: max(end - start for start, end in spans) for voice, spans in talk.items()}
    run: Span = (0, 0)
    holder: Voice | None = None
    for (start, end), voice in _in_order(talk):
        if end - start < FLOOR_MS and voice != holder:
            continue
        goes_on = voice == holder and start - run[1] <= PAUSE_MS
        run = (run[0], end) if goes_on else (start, end)
        holder = voice
        longest[voice] = max(longest[voice], run[1] - run[0])
    return longest
