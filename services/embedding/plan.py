"""Which windows of a call are due, on every channel; pure.

speech, absences ──> Schedule of each channel ──> Due ... Due        overload leaves out two of three
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from speakerline.services.embedding.schedule import Schedule
from speakerline.shared.contract import v1

SHED_STEPS = 3
"""Under overload only every third grid point gets a window."""


@dataclass(frozen=True, slots=True)
class Due:
    """A window to analyse: `fresh_ms` is where the window before it ended.

    at_ms: where it is told, if not at its end. known_ms: where the sound of each absent channel ends; more of it may
    have come by now."""

    channel: int
    end_ms: int
    fresh_ms: int
    known_ms: tuple[int | None, ...]
    at_ms: int = 0


@dataclass(slots=True)
class ChannelState:
    """What is known of one channel: `open_ms` is the start of the segment that is open.

    known_ms: where its sound ends while it is absent. back_at_ms: where it is told what it brings late, from
    `back_from_ms` on."""

    schedule: Schedule
    open_ms: int | None = None
    analysed_ms: int = 0
    skipped: int = 0
    known_ms: int | None = None
    back_at_ms: int = -1
    back_from_ms: int = 0

    @classmethod
    def restored(cls, step_ms: int, stored: Mapping[str, object]) -> "ChannelState":
        """The state whose `asdict` was stored; a new one from nothing."""
        if not stored:
            return cls(Schedule(step_ms))
        state = cls(Schedule(step_ms), stored["open_ms"], stored["analysed_ms"], stored["skipped"])  # type: ignore[arg-type]
        schedule = stored["schedule"]
        assert isinstance(schedule, dict)
        state.schedule.last_end_ms = schedule["last_end_ms"]
        state.schedule.speech = [(start, end) for start, end in schedule["speech"]]
        for name in ("known_ms", "back_at_ms", "back_from_ms"):
            setattr(state, name, stored.get(name, getattr(state, name)))
        return state


class WindowPlan:
    """The windows that are due and not yet taken, of all channels.

    stored: what `dump` gave for each channel. shed_from_ms: since when windows are left out and nobody was told, or
    None."""

    def __init__(self, step_ms: int, stored: Sequence[Mapping[str, object]], shed_from_ms: int | None = None) -> None:
        self.channels = [ChannelState.restored(step_ms, one) for one in stored]
        self.shed_from_ms = shed_from_ms
        self._step_ms = step_ms
        self._due: list[Due] = []

    def take_speech(self, speech: v1.Speech, at_ms: int) -> None:
        """Speech on a channel, told when `at_ms` was reached."""
        state = self.channels[speech.channel]
        if state.open_ms is None:
            decided_ms = speech.end_ms if at_ms == state.back_at_ms else at_ms
            state.open_ms = max(speech.start_ms, (decided_ms - 1) // self._step_ms * self._step_ms)
        if speech.state == v1.SpeechState.CLOSED:
            state.schedule.add_speech(state.open_ms, max(state.open_ms, speech.end_ms))
            state.schedule.speech = [span for span in state.schedule.speech if span[0] < speech.end_ms]
            state.open_ms = None

    def note_absence(self, absence: v1.Absence, at_ms: int) -> None:
        """The last window of a channel that leaves ends with its sound, so that windows of what it may bring late
        follow it."""
        state = self.channels[absence.channel]
        if absence.over:
            known_ms = absence.start_ms if state.known_ms is None else state.known_ms
            state.known_ms, state.back_at_ms, state.back_from_ms = None, at_ms, known_ms
        else:
            for end_ms in state.schedule.due(absence.start_ms, closed=True):
                self._due.append(self._made(absence.channel, end_ms, at_ms))
            state.known_ms = absence.start_ms

    def note_gap(self, gap: v1.Gap) -> None:
        """What an absent channel lost is known to be silent."""
        state = self.channels[gap.channel]
        if state.known_ms is not None:
            state.known_ms = max(state.known_ms, gap.end_ms)

    def advance(self, decided_ms: int, shedding: bool, closed: bool = False) -> None:
        """Everything before `decided_ms` was decided; with `closed` the call ended there. shedding: under overload."""
        due = []
        for channel, state in enumerate(self.channels):
            if decided_ms < self.tick(state.back_at_ms) and not closed:
                continue
            if state.open_ms is not None:
                state.schedule.add_speech(state.open_ms, max(state.open_ms, decided_ms))
            for end_ms in state.schedule.due(decided_ms, closed):
                if not self._leave_out(state, end_ms, shedding and not closed):
                    due.append(self._made(channel, end_ms, state.back_at_ms))
        self._due += sorted(due, key=lambda one: (one.end_ms, one.channel))

    def taken(self) -> list[Due]:
        """The windows that fell due since the last time, each once."""
        due, self._due = self._due, []
        return due

    def quiet_until_ms(self, decided_ms: int) -> int:
        """No window will end before this time, on any channel: they share one grid."""
        return self.channels[0].schedule.quiet_until_ms(decided_ms)

    def sound_from_ms(self, through_ms: int) -> int:
        """The sound of later windows ends after this time, or after `through_ms` if that is less."""
        late = [state.back_from_ms for state in self.channels if self.tick(state.back_at_ms) > through_ms]
        known = [state.known_ms for state in self.channels if state.known_ms is not None]
        return min([through_ms, *late, *known])

    def dump(self) -> list[dict[str, object]]:
        """The stored form of each channel."""
        return [asdict(state) for state in self.channels]

    def _made(self, channel: int, end_ms: int, since_ms: int) -> Due:
        """A window that fell due when `since_ms` was reached: it is told at its end, or at the next point of the grid,
        which no promise has reached."""
        state, place_ms = self.channels[channel], self.tick(since_ms)
        known_ms = tuple(one.known_ms for one in self.channels)
        due = Due(channel, end_ms, state.analysed_ms, known_ms, place_ms if place_ms > end_ms else 0)
        state.analysed_ms = end_ms
        return due

    def tick(self, at_ms: int) -> int:
        """The first point of the grid from there on."""
        return -(-at_ms // self._step_ms) * self._step_ms

    def _leave_out(self, state: ChannelState, end_ms: int, shedding: bool) -> bool:
        """Whether overload takes this window."""
        if not shedding:
            state.skipped = 0
            return False
        state.skipped = (state.skipped + 1) % SHED_STEPS
        if state.skipped and self.shed_from_ms is None:
            self.shed_from_ms = end_ms - self._step_ms
        return bool(state.skipped)
