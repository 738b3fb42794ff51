"""Whether what a worker holds of a call is still what is committed: a state machine, and the only file that moves it.

    TRUSTED ──step failed──────────────────> SUSPECT ──reloaded──> CAREFUL ──the last careful commit──> TRUSTED
       └──not now, outage, stale──> DOUBTFUL    ^                     │
                                     └─reloaded │                     │
                                        v       └─any of these errors─┘
                                     TRUSTED                                      every state ──let go──> GONE

In TRUSTED and CAREFUL the call is read, driven and committed; in CAREFUL one entry at a time, with tries counted in
Redis. In DOUBTFUL and SUSPECT it waits to be reloaded. In GONE nothing may be written: the fencing token refuses it.
"""

from collections.abc import Mapping
from copy import copy
from enum import Enum, auto

CAREFUL_ENTRIES = 64
"""How many entries go one by one after an error."""

MAX_RETRY_S = 5.0


class Trust(Enum):
    """How far the memory of a call is believed."""

    TRUSTED = auto()
    CAREFUL = auto()
    DOUBTFUL = auto()
    SUSPECT = auto()
    GONE = auto()


class Report(Enum):
    """What happened to a call, as the other files report it."""

    ACCEPTED = auto()
    """Redis accepted a commit."""
    CLEARED = auto()
    """That commit was the last careful one. Follows from ACCEPTED; no other file reports it."""
    STEP_FAILED = auto()
    """The stage raised an error."""
    NOT_NOW = auto()
    """Something that the stage depends on is down."""
    OUTAGE = auto()
    """Redis failed: whether the commit went through is unknown."""
    STALE = auto()
    """A commit was refused: the committed state has another version, or an entry was inserted that it had passed."""
    RELOADED = auto()
    """The call was built anew from what is committed. Moves the new object; see `CallTrust.reloaded`."""
    WARNED = auto()
    """Redis counts tries, or owners, without a commit: an entry may have killed them."""
    LET_GO = auto()
    """The call is finished, erased or refused, or another worker owns it."""


TABLE: Mapping[Trust, Mapping[Report, Trust]] = {
    Trust.TRUSTED: {
        Report.STEP_FAILED: Trust.SUSPECT,
        Report.NOT_NOW: Trust.DOUBTFUL,
        Report.OUTAGE: Trust.DOUBTFUL,
        Report.STALE: Trust.DOUBTFUL,
        Report.WARNED: Trust.CAREFUL,
        Report.LET_GO: Trust.GONE,
    },
    Trust.CAREFUL: {
        Report.CLEARED: Trust.TRUSTED,
        Report.STEP_FAILED: Trust.SUSPECT,
        Report.NOT_NOW: Trust.SUSPECT,
        Report.OUTAGE: Trust.SUSPECT,
        Report.STALE: Trust.SUSPECT,
        Report.LET_GO: Trust.GONE,
    },
    Trust.DOUBTFUL: {
        Report.RELOADED: Trust.TRUSTED,
        Report.LET_GO: Trust.GONE,
    },
    Trust.SUSPECT: {
        Report.RELOADED: Trust.CAREFUL,
        Report.LET_GO: Trust.GONE,
    },
    Trust.GONE: {},
}
"""A report that a state does not list leaves it as it is."""

_RETRIED = (Report.STEP_FAILED, Report.NOT_NOW, Report.OUTAGE, Report.STALE)


class CallTrust:
    """The trust in one object that holds a call; a reload makes a new object, with a trust that goes on from here."""

    def __init__(self) -> None:
        self.state = Trust.TRUSTED
        self.gone = ""
        """Why the call was let go; empty while it is ours."""
        self.forgiven = 0
        """Counted tries that failed for want of something else, so that they don't speak against the entry."""
        self.retry_at = 0.0
        """Monotonic second from which on a reload may be tried."""
        self._fails = 0
        self._entries = 0

    @property
    def usable(self) -> bool:
        """Whether the call may be read, driven and committed."""
        return self.state in (Trust.TRUSTED, Trust.CAREFUL)

    @property
    def careful(self) -> bool:
        return self.state is Trust.CAREFUL

    @property
    def to_reload(self) -> bool:
        return self.state in (Trust.DOUBTFUL, Trust.SUSPECT)

    def report(self, report: Report, now: float) -> None:
        """`now` is the monotonic second; the pause before the next reload grows with every failure in a row."""
        if report is Report.ACCEPTED:
            self._fails = self.forgiven = 0
            self._entries = max(0, self._entries - 1)
        elif report in (Report.STEP_FAILED, Report.WARNED):
            self._entries = CAREFUL_ENTRIES
        if report in (Report.OUTAGE, Report.NOT_NOW, Report.STALE):
            self.forgiven = int(self.careful)
        if report in (Report.STEP_FAILED, Report.NOT_NOW):
            self._fails += 1
        if report in _RETRIED:
            self.retry_at = now + min(MAX_RETRY_S, 0.01 * 2**self._fails)
        self._move(report)
        if report is Report.ACCEPTED and not self._entries:
            self._move(Report.CLEARED)

    def reloaded(self) -> "CallTrust":
        """Of the object that was built anew. The one it replaces stays in doubt: it may never be replaced after all."""
        trust = copy(self)
        trust._move(Report.RELOADED)
        return trust

    def let_go(self, why: str) -> None:
        """The first reason stays."""
        self.gone = self.gone or why
        self._move(Report.LET_GO)

    def take_forgiven(self) -> int:
        """How many tries to count off; each is counted off once."""
        forgiven, self.forgiven = self.forgiven, 0
        return forgiven

    def _move(self, report: Report) -> None:
        self.state = TABLE[self.state].get(report, self.state)
