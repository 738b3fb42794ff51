"""Compares the timeline of a call with its reference, and computes all figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from speakerline.shared.arrays import Int64s
from speakerline.shared.contract import v1
from speakerline.shared.timeline.spans import Span, clip, length, union
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.score.boundaries import Spread, boundary_errors_ms, spread
from speakerline.tools.score.files import InvalidFile, Labels, of_call, read_events, read_rttm, read_uem
from speakerline.tools.score.live import CELL_MS, replay
from speakerline.tools.score.metrics import Reference
from speakerline.tools.score.report import Labelling, Report
from speakerline.tools.score.transcripts import read_transcripts, with_speakers
from speakerline.tools.score.words import WordReport, score_words, words_of

DELAYS_S = (1.0, 2.0, 5.0)
"""How long after the audio the live labels are scored."""


@dataclass(frozen=True, slots=True)
class WordFiles:
    """Where words come from: `reference` and `hypothesis` as `read_transcripts` reads them.

    Without `hypothesis` the words of the timeline are scored; `turns` is the RTTM of a CTM without speakers."""

    reference: Path
    hypothesis: Path | None = None
    turns: Path | None = None


def score_files(reference: Path, events: Path, uem: Path | None = None, words: WordFiles | None = None) -> Report:
    """RTTM against timeline events as JSON lines, within the UEM where there is one. Raises InvalidFile."""
    found = read_events(events)
    if not found:
        raise InvalidFile(f"{events.name}: no timeline events, expected one JSON object per line")
    call_id = found[0].call_id
    scored = of_call(uem, read_uem(uem), call_id) if uem else None
    report = score(of_call(reference, read_rttm(reference), call_id), found, scored)
    return replace(report, words=_words(words, folded(found), scored)) if words else report


def _words(files: WordFiles, timeline: Timeline, scored: Sequence[Span] | None) -> WordReport:
    call_id = timeline.call_id
    true = of_call(files.reference, read_transcripts(files.reference), call_id)
    said = words_of(timeline)
    if files.hypothesis:
        said = of_call(files.hypothesis, read_transcripts(files.hypothesis), call_id)
    if files.turns:
        said = with_speakers(said, of_call(files.turns, read_rttm(files.turns), call_id))
    return score_words(true, said, scored)


def folded(events: Sequence[v1.TimelineEvent]) -> Timeline:
    """The timeline as it stands after the events of one call."""
    timeline = Timeline(events[0].call_id)
    for event in events:
        timeline.apply(event)
    return timeline


def score(reference: Labels, events: Sequence[v1.TimelineEvent], scored: Sequence[Span] | None = None) -> Report:
    """`events` is one call from seq 1 on. Without `scored`, all counts from 0 to the last end that either side knows.

    Raises ValueError where the reference holds no speech there."""
    timeline = folded(events)
    labels = labels_of(timeline)
    scored = _everything(reference, labels, timeline) if scored is None else union(scored)
    within = _within(reference, scored)
    if not within:
        raise ValueError(f"call {timeline.call_id}: no reference speech within the {len(scored)} scored regions")
    truth = Reference(reference, scored)
    mapping = truth.mapping(labels)
    seen = replay(events, reference, mapping, [round(delay_s * 1000) for delay_s in DELAYS_S])
    minutes = max(timeline.duration_ms, 1) / 60_000
    return Report(
        call_id=timeline.call_id,
        scored_s=length(scored) / 1000,
        final=Labelling(None, truth.errors(labels)),
        live=tuple(Labelling(ms / 1000, truth.errors(shown)) for ms, shown in seen.shown.items()),
        jer=truth.jaccard(labels),
        reference_speakers=len(within),
        found_speakers=len(_within(labels, scored)),
        boundary_ms=boundary_errors_ms(reference, labels, mapping, scored),
        label_changes_per_min=seen.changes / minutes,
        relabelled_s_per_min=seen.relabelled_ms / 1000 / minutes,
        first_label_s=_first_label_s(within, seen.first_correct_ms),
        speaker_known_s={who: _known_s(spans, seen.first_correct_ms.get(who)) for who, spans in within.items()},
    )


def labels_of(timeline: Timeline) -> Labels:
    """Who is shown when: merges resolved; a turn without a speaker is no answer, and left out."""
    spans: dict[str, list[Span]] = {}
    for turn in timeline.turns.values():
        if turn.speaker_id:
            spans.setdefault(timeline.speakers.resolve(turn.speaker_id), []).append((turn.start_ms, turn.end_ms))
    return {speaker: joined for speaker, own in spans.items() if (joined := union(own))}


def _everything(reference: Labels, labels: Labels, timeline: Timeline) -> list[Span]:
    ends = [spans[-1][1] for spans in (*reference.values(), *labels.values()) if spans]
    return [(0, max([timeline.duration_ms, *ends]))]


def _within(labels: Labels, scored: Sequence[Span]) -> Labels:
    cut = {who: [part for span in scored for part in clip(spans, *span)] for who, spans in labels.items()}
    return {who: spans for who, spans in cut.items() if spans}


def _first_label_s(reference: Labels, first: Mapping[str, Int64s]) -> Spread:
    waits = [_known_s([span], first.get(speaker)) for speaker, spans in reference.items() for span in spans]
    known = [wait for wait in waits if wait is not None]
    return spread(known, len(waits) - len(known))


def _known_s(spans: Sequence[Span], first: Int64s | None) -> float | None:
    """From the first start until the right speaker is shown in one of the spans; 0 where that was known before."""
    if first is None:
        return None
    shown = [at for start, end in spans for at in first[start // CELL_MS : -(-end // CELL_MS)].tolist() if at >= 0]
    return max(0, min(shown) - spans[0][0]) / 1000 if shown else None
