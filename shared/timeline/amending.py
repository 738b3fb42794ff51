"""Corrects a call that has ended: what follows from an operator's act, by the rules of docs/timeline.md. Pure.

    the call as it stands ── what corrections since the end have changed, put back ──> as the system had left it
           │                                                                                     │
           │                                                         the corrections that hold, one after the other
           v                                                                                     v
    events <── what differs ────────────────────────────────────────────────────────── as it is to stand

Each correction carries what it changed first (`former_*`), so the call itself holds all that taking it back needs.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import timeline_event
from speakerline.shared.timeline.corrections import InvalidCorrection, checked, undone
from speakerline.shared.timeline.statistics import summarise
from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.word_speakers import WordSpeakers

MOST = 1000
"""Corrections of one call since its end."""

Label = tuple[str, float]
"""A speaker's id, and how sure that is."""


@dataclass(frozen=True, slots=True)
class _Labels:
    """All that corrections can change: speakers by id, and the labels of turns and of separated sources by theirs."""

    speakers: dict[str, v1.SpeakerState]
    turns: dict[str, Label]
    sources: dict[str, Label]


class Amender:
    """Takes corrections of an ended call in, into its timeline. `epoch`: of the events that are made."""

    def __init__(self, timeline: Timeline, epoch: str) -> None:
        """Raises ValueError for a call that has not ended."""
        if not timeline.ended:
            raise ValueError(f"call {timeline.call_id!r} has not ended: expected one that has")
        self._timeline, self._epoch = timeline, epoch
        self._words = WordSpeakers(timeline)
        self._events: list[v1.TimelineEvent] = []

    def take(self, said: v1.Correction) -> list[v1.TimelineEvent]:
        """The correction and what follows from it, as the next events; the timeline has taken them.

        Raises InvalidCorrection for what makes no sense in this call, and changes nothing then."""
        timeline, self._events = self._timeline, []
        whole = replace(_possible(said, timeline), after_end=True, refused="")
        before = _present(timeline)
        base = _as_left(before, timeline.corrections.values())
        if (turn := whole.reassign_turn) and not turn.speaker_id:
            created = v1.SpeakerCreated(_next_id(timeline), turn.channel)
            whole = replace(whole, reassign_turn=replace(turn, speaker_id=created.speaker_id))
            before.speakers[created.speaker_id] = base.speakers[created.speaker_id] = v1.SpeakerState(
                created.speaker_id, created.channel
            )
        else:
            created = None
        everything = {**timeline.corrections, whole.correction_id: whole}
        gone = undone(everything)
        holding = [one for one in everything.values() if one.after_end and one.correction_id not in gone]
        after = _replayed(base, holding, timeline)
        self._tell(_with_former(whole, base, after, timeline.corrections.values()))
        if created:
            self._tell(created)
        self._tell_differences(before, after)
        end_ms = timeline.summary.duration_ms if timeline.summary else timeline.at_ms
        self._tell(summarise(timeline, end_ms))
        return self._events

    def _tell_differences(self, before: _Labels, after: _Labels) -> None:
        timeline = self._timeline
        moved = [
            (one, then)
            for name, one in after.speakers.items()
            if one.merged_into != (then := before.speakers[name]).merged_into
        ]
        for one, then in moved:
            if then.merged_into:
                self._tell(v1.SpeakerSplit(one.speaker_id, then.merged_into))
        for one, _ in moved:
            if one.merged_into:
                self._tell(v1.SpeakerMerged(one.speaker_id, one.merged_into))
        for separated in list(timeline.separations.values()):
            if (now := _relabelled(separated, after.sources)) != separated:
                self._tell(replace(now, revision=separated.revision + 1))
        for turn_id, (speaker_id, confidence) in after.turns.items():
            if before.turns[turn_id] != (speaker_id, confidence):
                turn = timeline.turns[turn_id]
                revision = turn.revision + 1
                self._tell(replace(turn, revision=revision, speaker_id=speaker_id, confidence=confidence))
        for name, one in after.speakers.items():
            then = before.speakers[name]
            if (one.name, one.name_confidence) != (then.name, then.name_confidence):
                self._tell(v1.SpeakerNamed(name, one.name, one.name_confidence))
            if one.role != then.role:
                self._tell(v1.SpeakerRole(name, one.role))

    def _tell(self, body: v1.TimelineBody) -> None:
        """Publish it, and the words that change their speaker because of it."""
        before = self._words.before(body)
        self._publish(body)
        for transcript in self._words.after(body, before):
            self._publish(transcript)

    def _publish(self, body: v1.TimelineBody) -> None:
        timeline = self._timeline
        event = timeline_event(timeline.call_id, timeline.seq + 1, timeline.at_ms, body)
        event.epoch = self._epoch
        timeline.apply(event)
        self._events.append(event)


def _possible(said: v1.Correction, timeline: Timeline) -> v1.Correction:
    """With what the timeline knows of its turn. Raises InvalidCorrection."""
    said = checked(said, timeline, {})
    since = [one for one in timeline.corrections.values() if one.after_end]
    if len(since) >= MOST:
        raise InvalidCorrection(f"the call has {MOST} corrections since its end: expected no more")
    if said.undo and not timeline.corrections[said.undo.correction_id].after_end:
        expected = "expected one made after its end, or a new correction of the same speaker or turn"
        raise InvalidCorrection(f"correction {said.undo.correction_id!r} was made while the call ran: {expected}")
    if pair := said.merge_speakers:
        one, into = (timeline.speakers.by_id[name].channel for name in (pair.speaker_id, pair.into_speaker_id))
        if one != into:
            apart = f"{pair.speaker_id} is on channel {one} and {pair.into_speaker_id} on channel {into}"
            raise InvalidCorrection(f"{apart}: expected speakers of one channel")
    if split := said.split_speaker:
        gone = undone(timeline.corrections)
        merged = {
            one.merge_speakers.speaker_id for one in since if one.merge_speakers and one.correction_id not in gone
        }
        if split.speaker_id not in merged or not timeline.speakers.by_id[split.speaker_id].merged_into:
            expected = "expected one whom an operator merged after the end; else give its turns to somebody else"
            raise InvalidCorrection(f"speaker {split.speaker_id}: {expected}")
    return said


def _present(timeline: Timeline) -> _Labels:
    return _Labels(
        {name: replace(state) for name, state in timeline.speakers.by_id.items()},
        {name: (turn.speaker_id, turn.confidence) for name, turn in timeline.turns.items()},
        {
            source.source_id: (source.speaker_id, source.confidence)
            for separated in timeline.separations.values()
            for source in separated.sources
        },
    )


def _as_left(labels: _Labels, corrections: Iterable[v1.Correction]) -> _Labels:
    """As the system had left it when the call ended."""
    speakers, turns, sources = dict(labels.speakers), dict(labels.turns), dict(labels.sources)
    for said in corrections:
        turns |= {one.id: (one.speaker_id, one.confidence) for one in said.former_turns}
        sources |= {one.id: (one.speaker_id, one.confidence) for one in said.former_sources}
        for was in said.former_speakers:
            speakers[was.speaker_id] = replace(
                speakers[was.speaker_id],
                name=was.name,
                name_confidence=was.name_confidence,
                merged_into=was.merged_into,
                role=was.role,
            )
    return _Labels(speakers, turns, sources)


def _replayed(base: _Labels, holding: Iterable[v1.Correction], timeline: Timeline) -> _Labels:
    """What the corrections make of it, in their order."""
    speakers = {name: replace(state) for name, state in base.speakers.items()}
    turns, sources = dict(base.turns), dict(base.sources)
    names, roles, merged = dict[str, str](), dict[str, str](), dict[str, str]()

    def person(speaker_id: str) -> str:
        while into := speakers[speaker_id].merged_into if speaker_id in speakers else "":
            speaker_id = into
        return speaker_id

    for said in holding:
        if named := said.name_speaker:
            names[named.speaker_id] = named.name
        elif given := said.assign_role:
            roles[given.speaker_id] = given.role
        elif pair := said.merge_speakers:
            one, into = person(pair.speaker_id), person(pair.into_speaker_id)
            if one != into:
                speakers[one].merged_into = merged[one] = into
        elif (split := said.split_speaker) and merged.pop(split.speaker_id, ""):
            speakers[split.speaker_id].merged_into = ""
        elif turn := said.reassign_turn:
            was, now = person(turns[turn.turn_id][0]), (turn.speaker_id, 1.0)
            turns[turn.turn_id] = now
            sources |= {one: now for one in _sources_in(turn, timeline) if person(sources[one][0]) == was}
    given_names, given_roles = _by_person(names, person), _by_person(roles, person)
    for state in speakers.values():
        if not state.merged_into and state.name in given_names.values() and state.speaker_id not in given_names:
            state.name, state.name_confidence = "", 0.0
    for gone in merged:
        state, shown = speakers[gone], speakers[person(gone)]
        if not shown.name:
            shown.name, shown.name_confidence = state.name, state.name_confidence
        shown.role = shown.role or state.role
    for speaker_id, name in given_names.items():
        speakers[speaker_id].name, speakers[speaker_id].name_confidence = name, float(bool(name))
    for speaker_id, role in given_roles.items():
        speakers[speaker_id].role = role
    return _Labels(speakers, turns, sources)


def _by_person(told: Mapping[str, str], person: Callable[[str], str]) -> dict[str, str]:
    """What was said of each person: of the speaker they are shown as, else of one who was merged into that."""
    return {person(one): told[one] for one in sorted(told, key=lambda one: (one == person(one), one))}


def _sources_in(turn: v1.ReassignTurn, timeline: Timeline) -> list[str]:
    """The separated sources that lie for the most part in a turn."""
    found = []
    for separated in timeline.separations.values():
        for source in separated.sources if separated.channel == turn.channel else ():
            shared_ms = min(turn.end_ms, source.end_ms) - max(turn.start_ms, source.start_ms)
            if 2 * shared_ms > source.end_ms - source.start_ms:
                found.append(source.source_id)
    return found


def _relabelled(separated: v1.Separated, sources: Mapping[str, Label]) -> v1.Separated:
    labels = [sources[one.source_id] for one in separated.sources]
    now = [
        replace(one, speaker_id=speaker_id, confidence=confidence)
        for one, (speaker_id, confidence) in zip(separated.sources, labels, strict=True)
    ]
    return replace(separated, sources=now)


def _with_former(said: v1.Correction, base: _Labels, after: _Labels, earlier: Iterable[v1.Correction]) -> v1.Correction:
    """The correction, with what it is the first to change."""
    earlier = list(earlier)
    turns = {one.id for before in earlier for one in before.former_turns}
    sources = {one.id for before in earlier for one in before.former_sources}
    people = {one.speaker_id for before in earlier for one in before.former_speakers}
    return replace(
        said,
        former_turns=_former(base.turns, after.turns, turns),
        former_sources=_former(base.sources, after.sources, sources),
        former_speakers=[
            v1.FormerSpeaker(name, was.name, was.name_confidence, was.merged_into, was.role)
            for name, was in base.speakers.items()
            if was != after.speakers[name] and name not in people
        ],
    )


def _former(base: Mapping[str, Label], after: Mapping[str, Label], known: set[str]) -> list[v1.FormerLabel]:
    return [v1.FormerLabel(name, *label) for name, label in base.items() if label != after[name] and name not in known]


def _next_id(timeline: Timeline) -> str:
    """`S<n>`, as nobody in the call is called yet."""
    taken = {int(one[1:]) for one in timeline.speakers.by_id if one[1:].isdecimal()}
    return f"S{max(taken, default=0) + 1}"
