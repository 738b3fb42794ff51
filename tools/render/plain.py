"""A call as plain lines, for logs and pipes: one line per settled turn, per utterance with final words, and per other
event of interest."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from typing_extensions import assert_never

from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import body_of
from speakerline.shared.timeline.shown import shown
from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.utterances import joined
from speakerline.tools.render.lanes import amount, clock


class PlainLog:
    """Prints a turn when it is settled, and again if it changes after all. Prints words when they are final, and again
    when their settled speaker is another. `with_ids`: turns have their ids behind them."""

    def __init__(self, with_ids: bool = False) -> None:
        self._with_ids = with_ids
        self._printed: dict[str, tuple[str, int, int]] = {}
        self._said: dict[str, list[str]] = {}
        self._turns: set[str] = set()
        self._transcripts: set[str] = set()
        """Ids of what is not settled yet: everything else can only change its label."""
        self._labels: dict[str, str] | None = None
        self._begun = False

    def lines(self, event: v1.TimelineEvent, timeline: Timeline) -> list[str]:
        """The lines for an event that `timeline` has already applied."""
        body = body_of(event)
        found: list[str] = []
        if event.restarted is not None:
            self._labels, self._turns, self._transcripts = None, set(), set()
            if self._begun:
                found.append(f"{clock(event.at_ms):>7}           events were lost: the timeline goes on from here")
            if timeline.ended:
                body = v1.CallEnded(timeline.duration_ms, timeline.end_reason)
        self._begun = True
        match body:
            case v1.Turn():
                self._turns.add(body.turn_id)
                found += self._settled([body.turn_id], timeline)
            case v1.Transcript():
                self._transcripts.add(body.transcript_id)
                found += self._words([body.transcript_id], timeline)
            case v1.Finalized() | v1.CallEnded():
                self._relabel(timeline)
                self._turns &= timeline.turns.keys()
                found += self._settled(self._turns, timeline)
                found += self._words(self._transcripts, timeline)
        if note := _note(body, timeline):
            found.append(f"{clock(event.at_ms):>7}           {note}")
        return [shown(line) for line in found]

    def _relabel(self, timeline: Timeline) -> None:
        """Check everything again if the label of a speaker has changed."""
        labels = {speaker_id: timeline.speakers.label(speaker_id) for speaker_id in timeline.speakers.by_id}
        if labels != self._labels:
            self._labels = labels
            self._turns |= timeline.turns.keys()
            self._transcripts |= timeline.transcripts.keys()

    def _settled(self, turn_ids: Iterable[str], timeline: Timeline) -> Iterator[str]:
        turns = (timeline.turns[turn_id] for turn_id in turn_ids)
        settled = [turn for turn in turns if timeline.settled(turn) or timeline.ended]
        for turn in sorted(settled, key=lambda turn: (turn.start_ms, turn.turn_id)):
            self._turns.discard(turn.turn_id)
            yield from self._tell(turn, timeline)

    def _words(self, transcript_ids: Iterable[str], timeline: Timeline) -> Iterator[str]:
        transcripts = [timeline.transcripts[transcript_id] for transcript_id in transcript_ids]
        for transcript in sorted(transcripts, key=lambda one: (one.start_ms, one.transcript_id)):
            before = self._said.get(transcript.transcript_id)
            settled = timeline.ended or transcript.end_ms <= timeline.finalized_through_ms
            if settled:
                self._transcripts.discard(transcript.transcript_id)
            if transcript.final and (before is None or settled):
                now = self._said[transcript.transcript_id] = _said(transcript, timeline)
                yield from (f"{line}  (revised)" if before else line for line in now if line not in (before or ()))

    def _tell(self, turn: v1.Turn, timeline: Timeline) -> Iterator[str]:
        label = timeline.speakers.label(turn.speaker_id)
        now, before = (label, turn.start_ms, turn.end_ms), self._printed.get(turn.turn_id)
        self._printed[turn.turn_id] = now
        if now != before:
            revised = "  (revised)" if before else ""
            turn_id = f"  [{turn.turn_id}]" if self._with_ids else ""
            yield f"{_times(turn.start_ms, turn.end_ms)}  {label}{turn_id}{revised}"


def _said(transcript: v1.Transcript, timeline: Timeline) -> list[str]:
    """A line for each speaker in a row: the columns of a turn, and what was said."""
    words = [word for word in transcript.words if not word.superseded]
    runs = groupby(words, key=lambda word: timeline.speakers.label(word.speaker_id))
    parts = ((label, list(run)) for label, run in runs)
    return [f"{_times(run[0].start_ms, run[-1].end_ms)}  {label}: {joined(run)}" for label, run in parts]


def _note(body: v1.TimelineBody | None, timeline: Timeline) -> str:
    label = timeline.speakers.label
    match body:
        case v1.CallStarted():
            return f"call {body.call_id} started"
        case v1.SpeakerMerged():
            return f"{body.speaker_id} is {label(body.into_speaker_id)}"
        case v1.SpeakerNamed() if body.name:
            return f"{body.speaker_id} is {body.name} ({100 * body.confidence:.0f} %)"
        case v1.SpeakerRole() if body.role:
            return f"{label(body.speaker_id)} is the {body.role}"
        case v1.Correction():
            return _corrected(body, timeline)
        case v1.Gap():
            return f"lost {_precise(body.start_ms)} to {_precise(body.end_ms)}: {_reason(body)}"
        case v1.Music():
            return f"music from {_precise(body.start_ms)} to {_precise(body.end_ms)}"
        case v1.Dtmf():
            return f"key {body.digit} pressed on channel {body.channel} at {_precise(body.pressed_ms)}"
        case v1.Absence():
            state = "is back" if body.over else "brings no sound"
            return f"channel {body.channel} {state} at {_precise(body.end_ms if body.over else body.start_ms)}"
        case v1.Idle():
            if body.over:
                return f"sound goes on at {_precise(body.end_ms)}"
            return f"no sound since {_precise(body.start_ms)}: the call is idle, and goes on when sound comes"
        case v1.FormatDoubt():
            return f"channel {body.channel}: {body.detail}"
        case v1.ChannelContent():
            return f"channel {body.channel + 1} from {_precise(body.start_ms)}: {body.detail}"
        case v1.Separated() if body.revision == 1 and (lost := _not_separated(body)):
            return f"{lost} from {_precise(body.start_ms)} to {_precise(body.end_ms)}"
        case v1.Degraded():
            return f"{body.stage} did less from {_precise(body.start_ms)} to {_precise(body.end_ms)}: {body.shed}"
        case v1.CallEnded():
            return f"call ended after {clock(body.end_ms)}{_talk(timeline)}"
        case v1.Speech() | v1.Turn() | v1.TurnWithdrawn() | v1.Transcript() | v1.Overlap() | v1.Separated():
            return ""
        case v1.SpeakerCreated() | v1.SpeakerSplit() | v1.SpeakerNamed() | v1.Finalized() | v1.CallSummary():
            return ""
        case v1.SpeakerRole() | v1.Silence() | v1.Clipping() | None:
            return ""
        case _:
            assert_never(body)


def _corrected(said: v1.Correction, timeline: Timeline) -> str:
    """What an operator said, as far as no event that follows tells it."""
    who = said.by or "an operator"
    if said.refused:
        return f"a correction by {who} was refused: {said.refused}"
    if turn := said.reassign_turn:
        whose = timeline.speakers.label(turn.speaker_id) if turn.speaker_id else "somebody new"
        return f"{who}: {_precise(turn.start_ms)} to {_precise(turn.end_ms)} was {whose}"
    return f"{who} took a correction back" if said.undo else ""


def _not_separated(separated: v1.Separated) -> str:
    """What separation could not separate, although it tried."""
    if separated.outcome == v1.SeparationOutcome.FAILED:
        return f"voices not separated ({separated.detail})"
    missing = len(separated.sources) < separated.voices and separated.outcome == v1.SeparationOutcome.SEPARATED
    return f"{len(separated.sources)} of {separated.voices} voices separated" if missing else ""


def _reason(gap: v1.Gap) -> str:
    return " ".join(filter(None, [str(gap.reason.name).lower(), gap.detail]))


def _talk(timeline: Timeline) -> str:
    speakers = timeline.summary.speakers if timeline.summary else []
    talk = ", ".join(f"{timeline.speakers.label(one.speaker_id)} {amount(one.talk_ms)}" for one in speakers)
    return f"; talk time: {talk}" if talk else ""


def _times(start_ms: int, end_ms: int) -> str:
    return f"{_precise(start_ms):>9} {_precise(end_ms):>9}"


def _precise(ms: int) -> str:
    return f"{clock(ms)}.{ms % 1000 // 100}"
