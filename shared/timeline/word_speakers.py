"""Keeps the speakers of words up to date while turns change, at a cost that does not grow with the call.

    a transcript from asr ──> take ──> published with its speakers
    turns, separations, merges ──> before, apply, after ──> the transcripts whose words moved, published again

Whatever the order in which things come, each word ends with the speaker that the last state of everything gives it.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from speakerline.shared.contract import v1
from speakerline.shared.timeline.doubles import Doubles
from speakerline.shared.timeline.places import Place, extent, order, place, touches
from speakerline.shared.timeline.spans import Span
from speakerline.shared.timeline.time_index import TimeIndex
from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.words import RADIUS_MS, Attribution, Scene, attribute


@dataclass(frozen=True, slots=True)
class Before:
    """The state of what an event changes, before the event."""

    turn: v1.Turn | None
    separated: v1.Separated | None
    finalized_ms: int
    speakers: dict[str, str]
    """Ids that the event may give another person, with the person they were."""


class WordSpeakers:
    """An index of a timeline, which others change: `before` and `after` each change."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._turns, self._separations, self._transcripts = TimeIndex(), TimeIndex(), TimeIndex()
        self._sources: dict[str, v1.SpeakerSource] = {}
        self._transcripts_with: dict[str, set[str]] = defaultdict(set)
        for turn in timeline.turns.values():
            self._turns.put(turn.turn_id, turn.channel, turn.start_ms, turn.end_ms)
        for separated in timeline.separations.values():
            self._note_separated(separated)
        for transcript in timeline.transcripts.values():
            self._note_transcript(transcript)

    def take(self, transcript: v1.Transcript) -> list[v1.Transcript]:
        """What to publish when asr says this: the transcript itself first, with its speakers, and others after it.

        Nothing where it was final already: its text stays."""
        known = self._timeline.transcripts.get(transcript.transcript_id)
        if known is not None and known.final:
            return []
        revision = max(transcript.revision, known.revision + 1 if known else 1)
        taken = replace(transcript, revision=revision)
        beside = {one.transcript_id for one in self._beside(known, {})} if known else set()
        self._note_transcript(taken)
        return self._revised(beside, taken)

    def before(self, body: v1.TimelineBody) -> Before:
        """The state before the event, for `after`."""
        timeline = self._timeline
        moves = isinstance(body, v1.SpeakerMerged | v1.SpeakerSplit)
        return Before(
            timeline.turns.get(body.turn_id) if isinstance(body, v1.Turn | v1.TurnWithdrawn) else None,
            timeline.separations.get(body.separation_id) if isinstance(body, v1.Separated) else None,
            timeline.finalized_through_ms,
            {one: timeline.speakers.resolve(one) for one in timeline.speakers.by_id} if moves else {},
        )

    def after(self, body: v1.TimelineBody, before: Before) -> list[v1.Transcript]:
        """The transcripts to publish again, now that the timeline has taken the event."""
        match body:
            case v1.Turn() | v1.TurnWithdrawn():
                return self._revised(self._near(self._turn_changed(body.turn_id, before.turn)))
            case v1.Separated():
                return self._revised(self._separated_changed(body.separation_id, before.separated))
            case v1.SpeakerMerged() | v1.SpeakerSplit():
                return self._revised(self._people_changed(before.speakers))
            case v1.Finalized():
                return self._revised(self._settled_since(before.finalized_ms))
        return []

    def finish(self) -> list[v1.Transcript]:
        """What is left to publish at the end of the call, after which every word is final."""
        unsettled = {one.transcript_id for one in self._timeline.transcripts.values() if not self._settled(one)}
        unfinished = {one.transcript_id for one in self._timeline.transcripts.values() if not one.final}
        revised = {one.transcript_id: one for one in self._revised(unsettled, ended=True)}
        for transcript_id in unfinished:
            known = self._timeline.transcripts[transcript_id]
            made = revised.get(transcript_id) or replace(known, revision=known.revision + 1)
            words = [replace(word, tentative=False) for word in made.words]
            revised[transcript_id] = replace(made, final=True, words=words)
        return sorted(revised.values(), key=order)

    def _settled(self, transcript: v1.Transcript) -> bool:
        return transcript.end_ms + RADIUS_MS <= self._timeline.finalized_through_ms

    def _settled_since(self, finalized_ms: int) -> set[str]:
        now_ms = self._timeline.finalized_through_ms
        return {
            one
            for channel in self._transcripts.channels
            for one in self._transcripts.near(channel, finalized_ms - RADIUS_MS, now_ms)
            if self._settled(self._timeline.transcripts[one])
        }

    def _turn_changed(self, turn_id: str, old: v1.Turn | None) -> list[Place]:
        """The places where the turn has changed."""
        new = self._timeline.turns.get(turn_id)
        if new is None:
            self._turns.remove(turn_id)
        else:
            self._turns.put(turn_id, new.channel, new.start_ms, new.end_ms)
        if old is None or new is None or (old.speaker_id, old.channel) != (new.speaker_id, new.channel):
            return [place(one) for one in (old, new) if one]
        if old.confidence != new.confidence and new.start_ms < self._timeline.finalized_through_ms:
            return [place(old), place(new)]
        edges = ((old.start_ms, new.start_ms), (old.end_ms, new.end_ms))
        return [(new.channel, min(edge), max(edge)) for edge in edges if edge[0] != edge[1]]

    def _separated_changed(self, separation_id: str, old: v1.Separated | None) -> set[str]:
        new = self._timeline.separations[separation_id]
        for source in old.sources if old else ():
            self._sources.pop(source.source_id, None)
        self._note_separated(new)
        states = [one for one in (old, new) if one]
        return self._near(place(one) for one in states).union(*(self._transcripts_of(one) for one in states))

    def _people_changed(self, were: dict[str, str]) -> set[str]:
        """Transcripts of speakers that were merged or split. It searches the whole call, because this is rare."""
        speakers = self._timeline.speakers
        changed = {one for one in speakers.by_id if speakers.resolve(one) != were.get(one, one)}
        said = self._near(place(turn) for turn in self._timeline.turns.values() if turn.speaker_id in changed)
        for separated in self._timeline.separations.values():
            if any(source.speaker_id in changed for source in separated.sources):
                said |= self._transcripts_of(separated)
        return said

    def _transcripts_of(self, separated: v1.Separated) -> set[str]:
        """Transcripts with words of its sources."""
        known = self._timeline.transcripts
        found = (one for source in separated.sources for one in self._transcripts_with.get(source.source_id, ()))
        return {one for one in found if one in known}

    def _note_separated(self, separated: v1.Separated) -> None:
        self._separations.put(separated.separation_id, separated.channel, separated.start_ms, separated.end_ms)
        self._sources.update({source.source_id: source for source in separated.sources})

    def _note_transcript(self, transcript: v1.Transcript) -> None:
        self._transcripts.put(transcript.transcript_id, *extent(transcript))
        for source_id in {word.source_id for word in transcript.words if word.source_id}:
            self._transcripts_with[source_id].add(transcript.transcript_id)

    def _near(self, places: Iterable[Place]) -> set[str]:
        """Transcripts whose words may depend on a change there."""
        return {
            one
            for channel, start_ms, end_ms in places
            for one in self._transcripts.near(channel, start_ms - RADIUS_MS, end_ms + RADIUS_MS)
            if touches(self._timeline.transcripts[one], start_ms - RADIUS_MS, end_ms + RADIUS_MS)
        }

    def _beside(self, transcript: v1.Transcript, spoken: Mapping[str, v1.Transcript]) -> list[v1.Transcript]:
        """Other transcripts that may hold the same words; those of `spoken` as they are there."""
        channel, start_ms, end_ms = extent(transcript)
        near = self._transcripts.near(channel, start_ms, end_ms) - {transcript.transcript_id}
        known = (spoken.get(one) or self._timeline.transcripts[one] for one in sorted(near))
        return [one for one in known if touches(one, start_ms, end_ms)]

    def _revised(
        self, transcript_ids: Iterable[str], taken: v1.Transcript | None = None, ended: bool = False
    ) -> list[v1.Transcript]:
        """Assign speakers to these transcripts and mark superseded words; returns those that changed.

        `taken` is new and always comes first. Settled transcripts are published again for a change of confidence alone.
        So is every transcript when the call has `ended`."""
        known = self._timeline.transcripts
        spoken = {one: self._spoken(known[one]) for one in transcript_ids}
        if taken is not None:
            spoken[taken.transcript_id] = self._spoken(taken)
        marked = self._marked(spoken, taken)
        revised: list[v1.Transcript] = []
        for now in sorted(marked, key=order):
            if taken is not None and now.transcript_id == taken.transcript_id:
                revised.insert(0, now)
            elif _moved(known, now) or ((ended or self._settled(now)) and now != known[now.transcript_id]):
                revised.append(replace(now, revision=now.revision + 1))
        return revised

    def _marked(self, spoken: dict[str, v1.Transcript], taken: v1.Transcript | None) -> list[v1.Transcript]:
        """These transcripts, and all others that they change, with superseded words marked."""
        doubles = Doubles(lambda one: self._beside(one, spoken))
        marked: dict[str, v1.Transcript] = {}
        waiting = list(spoken.values())
        while waiting:
            one = waiting.pop()
            if one.transcript_id in marked:
                continue
            now = _marked(one, doubles.superseded(one))
            marked[now.transcript_id] = now
            is_new = taken is not None and taken.transcript_id == now.transcript_id
            if is_new or _moved(self._timeline.transcripts, now):
                waiting += self._beside(one, spoken)
        return list(marked.values())

    def _spoken(self, transcript: v1.Transcript) -> v1.Transcript:
        """With a speaker for each word, by the current turns."""
        attributions = attribute(transcript.words, self._scene(transcript))
        mixed = self._is_mixed(transcript)
        same = all(_has(word, found) for word, found in zip(transcript.words, attributions, strict=True))
        if same and mixed == transcript.mixed:
            return transcript
        words = [
            replace(word, speaker_id=found.speaker_id, speaker_confidence=found.confidence)
            for word, found in zip(transcript.words, attributions, strict=True)
        ]
        return replace(transcript, words=words, mixed=mixed)

    def _is_mixed(self, transcript: v1.Transcript) -> bool:
        """Whether several voices spoke in it that were not separated."""
        near = self._separations.near(*extent(transcript))
        separations = (self._timeline.separations[one] for one in near)
        return any(
            one.outcome not in (v1.SeparationOutcome.SEPARATED, v1.SeparationOutcome.ONE_VOICE)
            and touches(transcript, one.start_ms, one.end_ms)
            for one in separations
        )

    def _scene(self, transcript: v1.Transcript) -> Scene:
        channel, start_ms, end_ms = extent(transcript)
        resolve = self._timeline.speakers.resolve
        turns = self._turns.near(channel, start_ms - RADIUS_MS, end_ms + RADIUS_MS)
        separations = self._separations.near(channel, start_ms, end_ms)
        mixed: list[Span] = []
        for separated in (self._timeline.separations[one] for one in separations):
            if separated.outcome != v1.SeparationOutcome.ONE_VOICE:
                mixed.append((separated.start_ms, separated.end_ms))
        used = {word.source_id for word in transcript.words if word.source_id}
        sources = {one: self._sources[one] for one in used if one in self._sources}
        return Scene(
            [_resolved(self._timeline.turns[one], resolve) for one in turns],
            {
                one: Attribution(resolve(source.speaker_id), round(source.confidence, 2))
                for one, source in sources.items()
            },
            mixed,
        )


def _resolved(turn: v1.Turn, resolve: Callable[[str], str]) -> v1.Turn:
    speaker_id = resolve(turn.speaker_id)
    return turn if speaker_id == turn.speaker_id else replace(turn, speaker_id=speaker_id)


def _marked(transcript: v1.Transcript, beaten: list[bool]) -> v1.Transcript:
    if all(word.superseded == worse for word, worse in zip(transcript.words, beaten, strict=True)):
        return transcript
    words = [
        word if word.superseded == worse else replace(word, superseded=worse)
        for word, worse in zip(transcript.words, beaten, strict=True)
    ]
    return replace(transcript, words=words)


def _has(word: v1.Word, found: Attribution) -> bool:
    return (word.speaker_id, word.speaker_confidence) == (found.speaker_id, found.confidence)


def _moved(known: Mapping[str, v1.Transcript], now: v1.Transcript) -> bool:
    """Whether a word changed its speaker, was superseded, or is gone."""
    before = known[now.transcript_id]
    if before is now:
        return False
    pairs = itertools.zip_longest(before.words, now.words)
    return any(
        one is None or two is None or (one.speaker_id, one.superseded) != (two.speaker_id, two.superseded)
        for one, two in pairs
    )
