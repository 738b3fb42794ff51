"""What is decoded, and when: speech and lifted voices in, windows and regions out, in the order of audio time; pure.

    speech   ####  #######   ####|>0.7 s           ends at a pause, once it has some length
    window   |-------------------|
    speech   ##########  ###############~~>        longer than 25 s: ends at a gap between segments,
    window   |--------|                            or where none is, at a quiet place amid the speech
                                                   which both windows decode, a second on each side

Windows follow the sound alone, whoever speaks. Voices that were lifted out of an overlap are decoded once the window
around them is. Every timer has a place in audio time that follows from the events alone, so the same events give the
same windows, however they were cut into batches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pydantic import TypeAdapter

from speakerline.shared.contract.v1 import Absence, Separation, SeparationOutcome, Speech, SpeechState
from speakerline.shared.runtime.stage import Event
from speakerline.shared.timeline.spans import Span

PAUSE_MS, ENOUGH_MS = 700, 12_000
"""A window of some length ends at a pause."""

LONG_PAUSE_MS = 2_000
"""A shorter one ends at a pause like this."""

LONGEST_MS = 25_000
SHORTEST_BEFORE_GAP_MS, SHORTEST_BEFORE_CUT_MS = 8_000, 15_000
"""Where a longer window is ended: at its last gap, or amid speech."""

MARGIN_MS = 300
"""Sound around a window that is decoded with it, half the gap at most."""

SEAM_MS = 1_000
"""What both windows decode on each side of a cut amid speech."""

SHORTEST_REGION_MS = 400
"""What is lifted out of a shorter overlap holds no word."""

CONTEXT_MS = 1_500
"""Sound of the call that is decoded before and after a lifted voice."""

KEEP_MS = 18_000
"""How far back a region may begin that is told next: its length, its delay, and the context."""


@dataclass(frozen=True, slots=True)
class Window:
    """Sound of a channel that is decoded in one go, from `from_ms` through `through_ms`; `start_ms` to `end_ms` is its
    own. speech: where somebody speaks. seam: whether it begins amid speech, with sound of the window before."""

    transcript_id: str
    channel: int
    start_ms: int
    end_ms: int
    from_ms: int
    through_ms: int
    speech: tuple[Span, ...]
    seam: bool = False


@dataclass(frozen=True, slots=True)
class LiftedVoice:
    """A source: where its sound begins and ends, and its transcript."""

    source_id: str
    start_ms: int
    end_ms: int
    transcript_id: str


@dataclass(frozen=True, slots=True)
class Region:
    """An overlap whose voices were lifted."""

    channel: int
    start_ms: int
    end_ms: int
    voices: tuple[LiftedVoice, ...]


@dataclass(frozen=True, slots=True)
class Due:
    """Something is to be decoded at `at_ms`. search: amid which speech a long window is to be cut; None = it ends at
    `end_ms`, or it is a region."""

    at_ms: int
    channel: int
    end_ms: int = 0
    search: Span | None = None
    region: Region | None = None

    @property
    def order(self) -> tuple[int, int, bool]:
        return self.at_ms, self.channel, self.region is not None


@dataclass(slots=True)
class _Channel:
    """Plain data. speech: of the open window, in order; the last one may be open. resumes_ms: where the next window may
    begin. seam: whether that is amid speech. known_ms: where the sound ends while the channel is absent."""

    speech: list[Span] = field(default_factory=list)
    segment_id: str = ""
    transcript_id: str = ""
    resumes_ms: int = 0
    seam: bool = False
    regions: list[Region] = field(default_factory=list)
    known_ms: int | None = None

    @property
    def start_ms(self) -> int:
        return self.speech[0][0]

    @property
    def end_ms(self) -> int:
        return self.speech[-1][1]


@dataclass(slots=True)
class _State:
    channels: list[_Channel]
    now_ms: int = 0
    transcripts: int = 0


_STATE = TypeAdapter(_State)


class Windows:
    """Of one call."""

    def __init__(self, channels: int, stored: bytes = b"") -> None:
        self._state = _STATE.validate_json(stored) if stored else _State([_Channel() for _ in range(channels)])

    @property
    def now_ms(self) -> int:
        """The position of what was taken or decoded last."""
        return self._state.now_ms

    def snapshot(self) -> bytes:
        return _STATE.dump_json(self._state)

    def take(self, event: Event, at_ms: int) -> None:
        """The next event, at its place in the order of all inputs; everything that is due before must have been
        decoded."""
        self._state.now_ms = max(self._state.now_ms, at_ms)
        if isinstance(event.body, Speech):
            self._take_speech(self._state.channels[event.body.channel], event.body)
        elif isinstance(event.body, Absence):
            self._state.channels[event.body.channel].known_ms = None if event.body.over else event.body.start_ms
        elif isinstance(event.body, Separation) and event.body.outcome == SeparationOutcome.SEPARATED:
            self._take_region(self._state.channels[event.body.channel], event.body)

    def _take_speech(self, state: _Channel, body: Speech) -> None:
        """A segment that ends where it began was none."""
        start_ms = max(body.start_ms, state.resumes_ms)
        if state.segment_id == body.segment_id:
            state.speech.pop()
        if start_ms < body.end_ms:
            state.speech.append((start_ms, body.end_ms))
        is_open = body.state != SpeechState.CLOSED and start_ms < body.end_ms
        state.segment_id = body.segment_id if is_open else ""
        if state.speech and not state.transcript_id:
            state.transcript_id = self._next_id()

    def _take_region(self, state: _Channel, body: Separation) -> None:
        if body.end_ms - body.start_ms < SHORTEST_REGION_MS:
            return
        voices = tuple(
            LiftedVoice(source.source_id, source.start_ms, source.end_ms, self._next_id()) for source in body.sources
        )
        state.regions.append(Region(body.channel, body.start_ms, body.end_ms, voices))

    def next_due(self, through_ms: int) -> Due | None:
        """What is decoded next, when the position `through_ms` is passed."""
        dues = [due for due in self._dues() if due.at_ms <= through_ms]
        return min(dues, key=lambda due: due.order, default=None)

    def decode(self, due: Due, cut_ms: int | None = None) -> Window | Region:
        """Says what to decode, which is not due any more; `cut_ms` in `due.search`, where there is one."""
        self._state.now_ms = max(self._state.now_ms, due.at_ms)
        state = self._state.channels[due.channel]
        if due.region is not None:
            state.regions.remove(due.region)
            return due.region
        if cut_ms is not None:
            return self._cut(due.channel, state, cut_ms)
        return self._end(due.channel, state, due.end_ms)

    def open(self) -> Iterator[tuple[Window, bool]]:
        """The open window of each channel so far, and whether somebody speaks in it now."""
        for channel, state in enumerate(self._state.channels):
            if state.speech:
                window = _window(channel, state, tuple(state.speech), state.end_ms, state.end_ms + MARGIN_MS)
                yield window, bool(state.segment_id)

    def needed_from_ms(self, channel: int, through_ms: int) -> int:
        """The first instant whose sound may still be asked for, when the position `through_ms` is passed."""
        state = self._state.channels[channel]
        starts = [region.start_ms - CONTEXT_MS for region in state.regions]
        if state.speech:
            starts.append(state.start_ms - (SEAM_MS if state.seam else MARGIN_MS))
        return max(0, min([through_ms - KEEP_MS, *starts]))

    def _dues(self) -> Iterator[Due]:
        for channel, state in enumerate(self._state.channels):
            if state.transcript_id:
                yield from self._window_due(channel, state)
            for region in state.regions:
                if not state.speech or region.end_ms <= state.start_ms:
                    yield Due(self.now_ms, channel, region=region)

    def _window_due(self, channel: int, state: _Channel) -> Iterator[Due]:
        if not state.speech:
            yield Due(self.now_ms, channel)
        elif state.end_ms - state.start_ms > LONGEST_MS:
            gap_ms = _last_gap(state)
            search = (state.start_ms + SHORTEST_BEFORE_CUT_MS, state.start_ms + LONGEST_MS - SEAM_MS)
            yield Due(self.now_ms, channel, gap_ms, None if gap_ms else search)
        elif not state.segment_id:
            pause_ms = PAUSE_MS if state.end_ms - state.start_ms >= ENOUGH_MS else LONG_PAUSE_MS
            due_ms = state.end_ms + pause_ms if state.known_ms is None else self.now_ms
            yield Due(max(self.now_ms, due_ms), channel, state.end_ms)

    def _end(self, channel: int, state: _Channel, end_ms: int) -> Window:
        speech = tuple(span for span in state.speech if span[1] <= end_ms)
        rest = state.speech[len(speech) :]
        margin_ms = min(MARGIN_MS, (rest[0][0] - end_ms) // 2) if rest else MARGIN_MS
        if state.known_ms is not None:
            margin_ms = min(margin_ms, max(0, state.known_ms - end_ms))
        window = _window(channel, state, speech, end_ms, end_ms + margin_ms)
        self._resume(state, rest, max(state.resumes_ms, end_ms + margin_ms), seam=False)
        return window

    def _cut(self, channel: int, state: _Channel, cut_ms: int) -> Window:
        before = [(start, min(end, cut_ms)) for start, end in state.speech if start < cut_ms]
        after = [(max(start, cut_ms), end) for start, end in state.speech if end > cut_ms]
        window = _window(channel, state, tuple(before), cut_ms, cut_ms + SEAM_MS)
        self._resume(state, after, cut_ms, seam=True)
        return window

    def _resume(self, state: _Channel, rest: list[Span], resumes_ms: int, seam: bool) -> None:
        state.speech, state.resumes_ms, state.seam = rest, resumes_ms, seam
        state.transcript_id = self._next_id() if rest else ""

    def _next_id(self) -> str:
        self._state.transcripts += 1
        return f"W{self._state.transcripts}"


def _window(channel: int, state: _Channel, speech: Sequence[Span], end_ms: int, through_ms: int) -> Window:
    if not speech:
        return Window(state.transcript_id, channel, state.resumes_ms, state.resumes_ms, 0, 0, ())
    start_ms = speech[0][0]
    from_ms = start_ms - SEAM_MS if state.seam else max(start_ms - MARGIN_MS, state.resumes_ms)
    return Window(
        state.transcript_id, channel, start_ms, end_ms, max(0, from_ms), through_ms, tuple(speech), state.seam
    )


def _last_gap(state: _Channel) -> int:
    """Where a segment ends within a long window, late enough; 0 for nowhere."""
    ends = (one[1] for one, _ in pairwise(state.speech))
    late = [end for end in ends if SHORTEST_BEFORE_GAP_MS <= end - state.start_ms <= LONGEST_MS]
    return max(late, default=0)
