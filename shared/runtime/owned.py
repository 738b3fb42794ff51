"""A call in the hands of a worker: the lease it is held by, its work, and how much trust it has left.

  take                 drive                        commit accepted
───────> trusted ──────────────> trusted ───────────────────────────> ... finished
            │  error in a step, refused or unknown commit                  ^
            v                                                              │
         doubtful ──reload what is committed──> careful: one entry at a time, tries counted in Redis,
            ^                                     │       dead letter after too many
            └─────────────────────────────────────┘
  let go: finished, erased, or another owner has it; nothing may be written any more (the token sees to that)
"""

import asyncio
import time
from dataclasses import dataclass, field

from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.runtime.call import CallWork
from speakerline.shared.runtime.ownership import Claim
from speakerline.shared.runtime.stage import CallStage

CAREFUL_ENTRIES = 64
"""How many entries go one by one after an error."""

MAX_RETRY_S = 5.0


@dataclass(eq=False, slots=True)
class OwnedCall:
    claim: Claim
    call: CallStarted
    work: CallWork
    stage: CallStage
    careful: int = 0
    """Entries that still go one by one."""
    doubtful: bool = False
    gone: str = ""
    """Why the call was let go; empty while it is ours."""
    fails: int = 0
    forgiven: int = 0
    """Counted tries that failed for want of something else, so that they don't speak against the entry."""
    retry_at: float = 0.0
    heard_at: float = field(default_factory=time.monotonic)
    trimmed: dict[str, int] = field(default_factory=dict)
    shed_level: int = -1
    """What the stage was last told; -1 = nothing yet."""
    driving: "asyncio.Task[None] | None" = None

    @property
    def id(self) -> str:
        return self.call.call_id

    @property
    def trusted(self) -> bool:
        return not self.doubtful and not self.gone

    def let_go(self, why: str) -> None:
        self.gone = self.gone or why

    def doubt(self, now: float) -> None:
        """What is in memory may not be what is committed: reload, after a pause that grows with every failure."""
        self.doubtful = True
        self.retry_at = now + min(MAX_RETRY_S, 0.01 * 2**self.fails)

    def suspect(self, now: float) -> None:
        """A step failed: from now on, entry by entry."""
        self.fails += 1
        self.be_careful()
        self.doubt(now)

    def be_careful(self) -> None:
        self.careful = CAREFUL_ENTRIES

    def trust(self) -> None:
        """A commit was accepted."""
        self.fails = self.forgiven = 0
        self.careful = max(0, self.careful - 1)

    def inherit(self, before: "OwnedCall") -> None:
        """Reloaded: the doubts of the object that this one replaces stay."""
        self.fails, self.careful, self.forgiven = before.fails, before.careful, before.forgiven
        self.heard_at = before.heard_at
